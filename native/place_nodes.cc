#include "place_nodes.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <span>
#include <string>

#include "codec/wire_walk.h"

namespace tensorgate {

namespace {

constexpr uint32_t kDevice = 4;  // of NodeDef
constexpr uint32_t kLengthDelimited = 2;

// Field numbers on the way to the nodes: of the graph, and of the functions in its library (saved_model.proto,
// meta_graph.proto, graph.proto, function.proto).
constexpr std::array<uint32_t, 3> kGraphNodes = {2, 2, 1};
constexpr std::array<uint32_t, 5> kFunctionNodes = {2, 2, 2, 1, 3};

// Counts what is written, and writes it if there is somewhere to write to.
class Output {
 public:
  explicit Output(std::ostream* stream) : stream_(stream) {}
  void Append(std::string_view bytes) {
    size_ += bytes.size();
    if (stream_) stream_->write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void AppendVarint(uint64_t value) {
    std::array<char, 10> bytes;
    size_t count = 0;
    for (; value > 127; value >>= 7) bytes[count++] = static_cast<char>((value & 127) | 128);
    bytes[count++] = static_cast<char>(value);
    Append({bytes.data(), count});
  }
  void AppendHeader(uint32_t number, uint64_t length) {
    AppendVarint(number << 3 | kLengthDelimited);
    AppendVarint(length);
  }
  uint64_t size() const { return size_; }

 private:
  std::ostream* stream_;
  uint64_t size_ = 0;
};

bool IsSameWord(std::string_view word, std::string_view lower_case) {
  return std::equal(word.begin(), word.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

// What stands before the next separator; goes on behind it.
std::string_view TakeUntil(char separator, std::string_view* rest) {
  const std::string_view word = rest->substr(0, rest->find(separator));
  rest->remove_prefix(std::min(word.size() + 1, rest->size()));
  return word;
}

// `/device:CPU:0`, `/device:CPU`, `/cpu:0`, `/job:localhost/replica:0/task:0/device:CPU:*` …
bool IsCpu(std::string_view device) {
  while (!device.empty()) {
    std::string_view part = TakeUntil('/', &device);
    std::string_view word = TakeUntil(':', &part);
    if (IsSameWord(word, "device")) word = TakeUntil(':', &part);
    if (IsSameWord(word, "cpu")) return true;
  }
  return false;
}

void WriteNode(std::string_view node_def, std::string_view device, Output* out) {
  std::string_view kept = device;
  size_t walked = 0;
  for (WireWalk field(node_def); field.Next(); walked += field.whole().size()) {
    if (field.number() != kDevice)
      out->Append(field.whole());
    else if (IsCpu(field.bytes()) && !IsCpu(device))
      kept = field.bytes();
  }
  out->Append(node_def.substr(walked));
  out->AppendHeader(kDevice, kept.size());
  out->Append(kept);
}

using Way = std::span<const uint32_t>;

// The way's rest, if it leads through a field of that number; else none.
Way Behind(Way way, uint32_t number) { return !way.empty() && way.front() == number ? way.subspan(1) : Way(); }

// A message from which the ways lead on to nodes; a way of no field is none.
void WriteMessage(std::string_view message, Way graph, Way functions, std::string_view device, Output* out) {
  size_t walked = 0;
  for (WireWalk field(message); field.Next(); walked += field.whole().size()) {
    const uint32_t number = field.number();
    const bool is_node = (graph.size() == 1 && graph[0] == number) || (functions.size() == 1 && functions[0] == number);
    const Way next_graph = Behind(graph, number), next_functions = Behind(functions, number);
    if (!is_node && next_graph.empty() && next_functions.empty()) {
      out->Append(field.whole());
      continue;
    }
    const auto write = [&](Output* to) {
      if (is_node) return WriteNode(field.bytes(), device, to);
      WriteMessage(field.bytes(), next_graph, next_functions, device, to);
    };
    // A message's length stands before it, so it is gone over once more for each level that it lies deep.
    Output length(nullptr);
    write(&length);
    out->AppendHeader(number, length.size());
    write(out);
  }
  out->Append(message.substr(walked));
}

}  // namespace

void WritePlaced(std::string_view saved_model, std::string_view device, std::ostream& stream) {
  Output out(&stream);
  WriteMessage(saved_model, kGraphNodes, kFunctionNodes, device, &out);
}

}  // namespace tensorgate
