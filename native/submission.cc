#include "submission.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace tensorgate {

namespace {

// Beyond it rows are not told apart: sums of them stay far from overflowing.
constexpr int64_t kMostRows = int64_t{1} << 40;

constexpr double kMostExact = 9007199254740991.0;  // 2^53 - 1

// Reads whole numbers; after a failure all reads give 0 and ok() is false.
class WordReader {
 public:
  explicit WordReader(std::span<const double> words) : words_(words) {}

  uint64_t Whole() {
    const double word = Next();
    if (!(word >= 0 && word <= kMostExact)) return ok_ = false, 0;
    return static_cast<uint64_t>(word);
  }
  // A count of words that follow.
  size_t Count() {
    const uint64_t count = Whole();
    if (count > words_.size() - position_) return ok_ = false, 0;
    return count;
  }
  double Next() {
    if (position_ == words_.size()) return ok_ = false, 0;
    return words_[position_++];
  }
  bool ok() const { return ok_; }

 private:
  std::span<const double> words_;
  size_t position_ = 0;
  bool ok_ = true;
};

Slab CopyRange(std::span<const uint8_t> body, uint64_t begin, uint64_t end) {
  Slab bytes(end - begin);
  if (end > begin) std::memcpy(bytes.data(), body.data() + begin, end - begin);
  return bytes;
}

// One copy for all elements: from the first byte that any of them has to the last one.
bool CopyStrings(std::span<const uint8_t> body, EncodedInput* input) {
  if (input->string_ranges.size() % 2) return false;
  uint64_t first = body.size();
  uint64_t last = 0;
  for (size_t i = 0; i < input->string_ranges.size(); i += 2) {
    const uint64_t begin = input->string_ranges[i];
    const uint64_t end = input->string_ranges[i + 1];
    if (begin > end || end > body.size()) return false;
    first = std::min(first, begin);
    last = std::max(last, end);
  }
  if (first > last) first = last;
  for (uint64_t& place : input->string_ranges) place -= first;
  input->bytes = CopyRange(body, first, last);
  return true;
}

bool ReadInput(WordReader* words, std::span<const uint8_t> body, EncodedInput* input) {
  const uint64_t encoding = words->Whole();
  input->fill = words->Whole() != 0;
  const uint64_t begin = words->Whole();
  const uint64_t end = words->Whole();
  input->dims.resize(words->Count());
  for (int64_t& dim : input->dims) dim = static_cast<int64_t>(words->Whole());
  if (!words->ok() || encoding > static_cast<uint64_t>(Encoding::kStrings)) return false;
  input->encoding = static_cast<Encoding>(encoding);
  if (input->encoding == Encoding::kStrings) {
    input->string_ranges.resize(words->Count());
    for (uint64_t& place : input->string_ranges) place = words->Whole();
    return words->ok() && CopyStrings(body, input);
  }
  if (begin > end || end > body.size()) return false;
  input->bytes = CopyRange(body, begin, end);
  return true;
}

// FNV-1a over rank and inner dimensions of one input after the other. Two shapes of one key do no harm: whether
// requests fit together is looked at again before they run.
uint64_t WithShape(uint64_t key, std::span<const int64_t> dims) {
  constexpr uint64_t kPrime = 1099511628211u;
  key = (key ^ dims.size()) * kPrime;
  for (size_t axis = 1; axis < dims.size(); axis++) key = (key ^ static_cast<uint64_t>(dims[axis])) * kPrime;
  return key;
}

Status Malformed(std::string_view what) {
  return {code::kInvalidArgument, "The submitted request does not fit its signature: " + std::string(what) + "."};
}

}  // namespace

Clock::time_point DeadlineIn(double millis) {
  constexpr double kFarAhead = 1e12;  // 31 years
  if (!(millis < kFarAhead)) return Clock::time_point::max();
  return Clock::now() + std::chrono::microseconds(static_cast<int64_t>(std::max(millis, 0.0) * 1000));
}

bool ReadInputWords(std::span<const double> numbers, std::span<const uint8_t> body, EncodedInput* input) {
  WordReader words(numbers);
  return ReadInput(&words, body, input);
}

Status ReadSubmission(std::span<const double> numbers, std::span<const uint8_t> body, Request* request) {
  WordReader words(numbers);
  const std::span<const SignatureTensor> declared = request->signature->inputs();
  request->format = words.Whole() == 1 ? OutputFormat::kTypedFields : OutputFormat::kRaw;
  request->priority = std::min<size_t>(words.Whole(), kPriorities - 1);
  request->deadline = DeadlineIn(words.Next());
  std::vector<uint32_t>& wanted = request->wanted_outputs;
  wanted.resize(words.Count());
  for (uint32_t& index : wanted) {
    index = static_cast<uint32_t>(words.Whole());
    if (index >= request->signature->outputs().size()) return Malformed("it has no such output");
  }
  if (std::adjacent_find(wanted.begin(), wanted.end(), std::greater_equal<>()) != wanted.end())
    return Malformed("wanted outputs must ascend");
  if (const Status& refusal = request->signature->RefusalOf(wanted); !refusal.ok()) return refusal;
  request->body_bytes = body.size();
  request->work_size = 1;
  request->shape_key = 14695981039346656037u;
  request->encoded.resize(declared.size());
  request->inputs.resize(declared.size());
  for (size_t i = 0; i < declared.size(); i++) {
    EncodedInput& input = request->encoded[i];
    input.dtype = declared[i].dtype;
    if (!ReadInput(&words, body, &input)) return Malformed("input '" + declared[i].alias + "' is out of bounds");
    // A shape that makes no sense is found out when the input is decoded.
    request->work_size += static_cast<size_t>(std::max<int64_t>(ElementCount(input.dims), 0));
    request->shape_key = WithShape(request->shape_key, input.dims);
    if (i == 0 && !input.dims.empty()) request->rows = std::clamp<int64_t>(input.dims[0], 1, kMostRows);
    if (!input.IsTensorAlready()) continue;
    Status status = DecodeInput(declared[i].alias, std::move(input), &request->inputs[i]);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace tensorgate
