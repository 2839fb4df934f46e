#include "json_tensor_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "json_base64.h"
#include "number_text.h"

namespace tensorgate {
namespace {

constexpr int kInvalidArgument = 3, kUnimplemented = 12;
constexpr size_t kMaxRank = 254;     // TensorShape's
constexpr size_t kFirstSlab = 1024;  // bytes; doubled as needed
constexpr size_t kShownNumber = 40;  // characters of a number in a message

const char* ExpectedOf(TF_DataType dtype) {
  switch (dtype) {
    case TF_FLOAT:
    case TF_DOUBLE:
      return "a number, for example 1.5";
    case TF_INT64:
      return "an integer from -9223372036854775808 to 9223372036854775807 without point or exponent, for example 7";
    case TF_UINT32:
      return "an integer from 0 to 4294967295 without point or exponent, for example 7";
    case TF_UINT64:
      return "an integer from 0 to 18446744073709551615 without point or exponent, for example 7";
    case TF_BOOL:
      return "true or false";
    case TF_STRING:
      return "a string or {\"b64\": \"<base64>\"}";
    default:
      return "an integer from -2147483648 to 2147483647 without point or exponent, for example 7";
  }
}

std::string ShapeText(const std::vector<int64_t>& dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); i++) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text += "]";
}

std::string Elements(int64_t count) { return std::to_string(count) + (count == 1 ? " element" : " elements"); }

// Counts a value that has been read, and ends the lists that end behind it. True: another value follows.
bool EndLists(JsonReader* json, std::vector<int64_t>* counts, std::vector<int64_t>* dims) {
  while (!counts->empty()) {
    if (json->Take(',')) return true;
    if (!json->Take(']')) return false;
    const size_t depth = counts->size() - 1;
    if (depth < dims->size() && (*dims)[depth] < 0) (*dims)[depth] = counts->back();
    counts->pop_back();
    if (!counts->empty()) counts->back()++;
  }
  return false;
}

// The shape that a value seems to have, going by the first element of every list. The text may be anything.
std::vector<int64_t> GuessShape(JsonReader json) {
  std::vector<int64_t> dims, counts;
  bool rank_known = false;
  do {
    if (json.Peek() == '[' && (rank_known ? counts.size() < dims.size() : dims.size() < kMaxRank)) {
      json.Take('[');
      counts.push_back(0);
      if (!rank_known) dims.push_back(-1);
      if (json.Peek() != ']') continue;
      rank_known = true;
    } else {
      rank_known = true;
      if (!json.SkipValue()) break;
      if (!counts.empty()) counts.back()++;
    }
    if (!EndLists(&json, &counts, &dims)) break;
  } while (true);
  return dims;
}

}  // namespace

std::string JsonPlace::Text() const {
  std::string text = instance < 0 ? "inputs" : "instances[" + std::to_string(instance) + "]";
  if (!member.empty()) text.append(".").append(member);
  return text;
}

JsonTensorReader::JsonTensorReader(JsonReader* json, const JsonInput* input, JsonLayout layout)
    : json_(json),
      input_(input),
      layout_(layout),
      read_run_(FindReadRun(input->dtype)),
      max_rank_(layout == JsonLayout::kRow ? kMaxRank - 1 : kMaxRank) {}

JsonTensorReader::ReadRun JsonTensorReader::FindReadRun(TF_DataType dtype) {
  switch (dtype) {
    case TF_FLOAT:
      return &JsonTensorReader::ReadNumbers<float, float>;
    case TF_DOUBLE:
      return &JsonTensorReader::ReadNumbers<double, double>;
    case TF_INT8:
      return &JsonTensorReader::ReadNumbers<int8_t, int32_t>;
    case TF_UINT8:
      return &JsonTensorReader::ReadNumbers<uint8_t, int32_t>;
    case TF_INT16:
      return &JsonTensorReader::ReadNumbers<int16_t, int32_t>;
    case TF_INT32:
      return &JsonTensorReader::ReadNumbers<int32_t, int32_t>;
    case TF_INT64:
      return &JsonTensorReader::ReadNumbers<int64_t, int64_t>;
    case TF_UINT32:
      return &JsonTensorReader::ReadNumbers<uint32_t, uint32_t>;
    case TF_UINT64:
      return &JsonTensorReader::ReadNumbers<uint64_t, uint64_t>;
    case TF_BOOL:
      return &JsonTensorReader::ReadBools;
    case TF_STRING:
      return &JsonTensorReader::ReadStrings;
    default:
      return nullptr;
  }
}

bool JsonTensorReader::Read(const JsonPlace& place) {
  place_ = place;
  counts_.clear();
  json_->Peek();
  start_ = json_->at();
  if (!read_run_) return RefuseHere("which this JSON interface cannot carry: send the tensor by gRPC");
  for (bool more = true; more;) {
    if (json_->Take('[')) {
      if (!OpenList()) return false;
      if (json_->Peek() != ']') continue;
    } else if (!SettleRank() || !(this->*read_run_)()) {
      return false;
    }
    if (!CloseLists(&more)) return false;
  }
  items_++;
  return true;
}

HostTensor JsonTensorReader::Finish() {
  HostTensor tensor;
  tensor.dtype = input_->dtype;
  tensor.dims = std::move(dims_);
  if (layout_ == JsonLayout::kRow) tensor.dims.insert(tensor.dims.begin(), items_);
  data_.Truncate(static_cast<size_t>(next_ - data_.data()));
  tensor.data = std::move(data_);
  tensor.strings = std::move(strings_);
  return tensor;
}

// ---- Shape

bool JsonTensorReader::OpenList() {
  const size_t depth = counts_.size();
  if (rank_known_ && depth >= dims_.size()) return RefuseDepth("a list", "a value");
  if (depth >= max_rank_) {
    return json_->Refuse(kInvalidArgument, place_.Text() + " has lists nested deeper than " +
                                               std::to_string(max_rank_) + ": a tensor has at most " +
                                               std::to_string(kMaxRank) + " dimensions.");
  }
  if (depth >= dims_.size()) dims_.push_back(-1);
  counts_.push_back(0);
  return true;
}

// Behind a value or an opening bracket with nothing in it: reads up to the next value.
bool JsonTensorReader::CloseLists(bool* more) {
  *more = true;
  while (!counts_.empty()) {
    if (json_->Take(',')) return true;
    if (!json_->Take(']')) return json_->Fail("',' or ']'");
    if (!CloseList()) return false;
  }
  *more = false;
  return true;
}

bool JsonTensorReader::CloseList() {
  rank_known_ = true;  // if no value made it known, an empty list does
  const int64_t count = counts_.back();
  counts_.pop_back();
  int64_t& dim = dims_[counts_.size()];
  if (dim < 0) dim = count;
  if (dim != count) return RefuseLength(count);
  if (!counts_.empty()) counts_.back()++;
  return true;
}

bool JsonTensorReader::SettleRank() {
  if (rank_known_ && counts_.size() != dims_.size()) {
    const char* found = json_->KindOfNext();
    return found ? RefuseDepth(found, "a list") : json_->Fail("a value");
  }
  rank_known_ = true;
  return true;
}

// ---- Elements

void JsonTensorReader::Grow() {
  const size_t used = static_cast<size_t>(next_ - data_.data());
  data_.Grow(std::max(kFirstSlab, 2 * data_.size()));
  next_ = data_.data() + used;
  limit_ = data_.data() + data_.size();
}

template <typename Stored>
void JsonTensorReader::Append(Stored value) {
  if (next_ == limit_) Grow();
  std::memcpy(next_, &value, sizeof value);
  next_ += sizeof value;
}

// Within a list: every value up to its closing bracket, which stays unread. Otherwise one value.
template <typename ReadOne>
bool JsonTensorReader::ReadEach(ReadOne read_one) {
  if (counts_.empty()) return read_one();
  do {
    if (!read_one()) return false;
    counts_.back()++;
  } while (json_->Take(','));
  return true;
}

template <typename Stored, typename Parsed>
bool JsonTensorReader::ReadNumbers() {
  return ReadEach([this] {
    json_->Peek();
    const char* first = json_->at();
    const char* last = first;
    Parsed value;
    const NumberStatus status = ParseNumber(&last, json_->end(), &value);
    if (status == NumberStatus::kMalformed && last == first) return RefuseKind();
    if (status == NumberStatus::kNotInteger || status == NumberStatus::kOutOfRange) return RefuseNumber(last);
    json_->Seek(last);
    if (status == NumberStatus::kMalformed) return json_->Fail("the rest of a number");
    Append(static_cast<Stored>(value));
    return true;
  });
}

bool JsonTensorReader::ReadBools() {
  return ReadEach([this] {
    const bool value = json_->TakeWord("true");
    if (!value && !json_->TakeWord("false")) return RefuseKind();
    Append(value);
    return true;
  });
}

bool JsonTensorReader::ReadStrings() {
  return ReadEach([this] {
    if (json_->Peek() == '{') return ReadBase64();
    if (json_->Peek() != '"') return RefuseKind();
    std::string_view value;
    if (!json_->ReadString(&scratch_, &value)) return false;
    strings_.emplace_back(value);
    return true;
  });
}

bool JsonTensorReader::ReadBase64() {
  std::string_view text;
  int members = 0;
  const bool read = json_->ReadObject([&](std::string_view key) {
    if (++members > 1 || key != "b64" || json_->Peek() != '"')
      return RefuseHere("but the object there is not {\"b64\": \"<base64>\"}");
    return json_->ReadString(&scratch_, &text);
  });
  if (!read) return false;
  if (members == 0) return RefuseHere("but the object there is not {\"b64\": \"<base64>\"}");
  const std::string fault = DecodeBase64(text, &strings_.emplace_back());
  return fault.empty() || RefuseHere("but the text under \"b64\" is not base64: " + fault);
}

// ---- Errors

// The place of the value being read, or of the list of that depth around it.
std::string JsonTensorReader::Path(size_t depth) const {
  std::string path = place_.Text();
  for (size_t i = 0; i < depth; i++) path += "[" + std::to_string(counts_[i]) + "]";
  return path;
}

bool JsonTensorReader::RefuseHere(const std::string& what) {
  // As TF Serving: a type that JSON cannot carry is the server's lack in column form, the request's fault in row form.
  const int code = !read_run_ && layout_ == JsonLayout::kColumn ? kUnimplemented : kInvalidArgument;
  return json_->Refuse(code, Path(counts_.size()) + " is for input " + Quoted(input_->alias) + " of type " +
                                 DataTypeName(input_->dtype) + ", " + what + ".");
}

bool JsonTensorReader::RefuseKind() {
  const char* found = json_->KindOfNext();
  if (!found) return json_->Fail("a value");
  // A list among values, and so on, is told as what it is: a ragged list.
  if (*json_->at() == '[') return RefuseDepth("a list", "a value");
  return json_->Refuse(kInvalidArgument, Path(counts_.size()) + " is " + found + ", but input " +
                                             Quoted(input_->alias) + " is " + DataTypeName(input_->dtype) +
                                             " and takes " + ExpectedOf(input_->dtype) + ".");
}

bool JsonTensorReader::RefuseNumber(const char* last) {
  const char* first = json_->at();
  while (last < json_->end() && std::string_view("0123456789+-.eE").find(*last) != std::string_view::npos) last++;
  std::string number(first, std::min(last, first + std::min<ptrdiff_t>(kShownNumber, last - first)));
  if (static_cast<size_t>(last - first) > kShownNumber) number += "…";
  return json_->Refuse(kInvalidArgument, Path(counts_.size()) + " is " + number + ", but input " +
                                             Quoted(input_->alias) + " is " + DataTypeName(input_->dtype) +
                                             " and takes " + ExpectedOf(input_->dtype) + ".");
}

bool JsonTensorReader::RefuseLength(int64_t length) {
  if (items_ > 0 && RefuseShape()) return false;
  return json_->Refuse(kInvalidArgument, Path(counts_.size()) + " has " + Elements(length) + ", but " +
                                             std::to_string(dims_[counts_.size()]) +
                                             " are expected: lists at one depth of a tensor must be equally long.");
}

bool JsonTensorReader::RefuseDepth(const char* found, const char* expected) {
  if (items_ > 0 && RefuseShape()) return false;
  return json_->Refuse(kInvalidArgument, Path(counts_.size()) + " is " + found + ", but " + expected +
                                             " is expected: all values of a tensor must be equally deep in lists.");
}

// Whether this item as a whole has another shape than the first; if so, that is noted as the error.
bool JsonTensorReader::RefuseShape() {
  JsonReader ahead = *json_;
  ahead.Seek(start_);
  const std::vector<int64_t> shape = GuessShape(ahead);
  if (shape == dims_) return false;
  json_->Refuse(kInvalidArgument, place_.Text() + " has the shape " + ShapeText(shape) + ", but " +
                                      JsonPlace{0, place_.member}.Text() + " has the shape " + ShapeText(dims_) +
                                      ": all instances must be of one shape.");
  return true;
}

}  // namespace tensorgate
