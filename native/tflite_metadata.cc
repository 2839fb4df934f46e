#include "tflite_metadata.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace tensorgate {

namespace {

// Slots of the schema's tables.
constexpr size_t kModelSubgraphs = 2;
constexpr size_t kModelBuffers = 4;
constexpr size_t kModelMetadata = 6;
constexpr size_t kModelSignatures = 7;
constexpr size_t kSubgraphInputs = 1;
constexpr size_t kSubgraphOutputs = 2;
constexpr size_t kSignatureInputs = 0;
constexpr size_t kSignatureOutputs = 1;
constexpr size_t kSignatureName = 2;
constexpr size_t kSignatureSubgraph = 4;
constexpr size_t kTensorName = 0;
constexpr size_t kTensorIndex = 1;
constexpr size_t kMetadataName = 0;
constexpr size_t kMetadataBuffer = 1;
constexpr size_t kBufferData = 0;

// Positions in the file are numbers; 0, where no object can lie, stands for nothing, and so does what lies outside.
class Flatbuffer {
 public:
  explicit Flatbuffer(std::string_view file) : file_(file) {}

  size_t Root() const { return Follow(0); }

  // Where the table's field is kept.
  size_t Field(size_t table, size_t slot) const {
    if (table == 0) return 0;
    const size_t vtable = table - static_cast<size_t>(static_cast<int64_t>(Read<int32_t>(table)));
    const size_t entry = 4 + 2 * slot;
    if (entry + 2 > Read<uint16_t>(vtable)) return 0;
    const size_t offset = Read<uint16_t>(vtable + entry);
    return offset == 0 ? 0 : table + offset;
  }
  // The object that a field refers to.
  size_t Follow(size_t field) const {
    const size_t offset = Read<uint32_t>(field);
    return offset == 0 ? 0 : field + offset;
  }
  size_t Child(size_t table, size_t slot) const {
    const size_t field = Field(table, slot);
    return field == 0 ? 0 : Follow(field);
  }
  uint32_t Number(size_t table, size_t slot) const {
    const size_t field = Field(table, slot);
    return field == 0 ? 0 : Read<uint32_t>(field);
  }

  size_t Length(size_t vector) const { return vector == 0 ? 0 : Read<uint32_t>(vector); }
  size_t Table(size_t vector, size_t index) const {
    return index < Length(vector) ? Follow(vector + 4 + 4 * index) : 0;
  }
  // The tables of a vector, up to a first one that does not lie in the file.
  std::vector<size_t> Tables(size_t vector) const {
    std::vector<size_t> tables;
    for (size_t i = 0; i < Length(vector); i++) {
      const size_t table = Table(vector, i);
      if (table == 0) break;
      tables.push_back(table);
    }
    return tables;
  }
  // Of a vector of numbers, as far as it lies in the file.
  std::vector<uint32_t> Numbers(size_t vector) const {
    const size_t room = vector + 4 <= file_.size() ? (file_.size() - vector - 4) / 4 : 0;
    std::vector<uint32_t> numbers(std::min(Length(vector), room));
    for (size_t i = 0; i < numbers.size(); i++) numbers[i] = Read<uint32_t>(vector + 4 + 4 * i);
    return numbers;
  }
  // Of a string, or a vector of bytes.
  std::string_view Bytes(size_t vector) const {
    const size_t length = Length(vector);
    if (length == 0 || vector + 4 > file_.size() || length > file_.size() - vector - 4) return {};
    return file_.substr(vector + 4, length);
  }

 private:
  template <typename T>
  T Read(size_t position) const {
    T value = 0;
    if (position <= file_.size() && sizeof(T) <= file_.size() - position)
      std::memcpy(&value, file_.data() + position, sizeof(T));
    return value;
  }

  std::string_view file_;
};

// `places`: the numbers of the model's inputs or outputs.
std::vector<TfliteSignatureTensor> TensorsOf(const Flatbuffer& model, size_t maps,
                                             const std::vector<uint32_t>& places) {
  std::vector<TfliteSignatureTensor> tensors;
  for (const size_t map : model.Tables(maps)) {
    const auto found = std::find(places.begin(), places.end(), model.Number(map, kTensorIndex));
    tensors.push_back({std::string(model.Bytes(model.Child(map, kTensorName))),
                       found == places.end() ? -1 : static_cast<int>(found - places.begin())});
  }
  return tensors;
}

}  // namespace

std::string_view FindMetadata(std::string_view file, std::string_view name) {
  const Flatbuffer model(file);
  const size_t root = model.Root();
  for (const size_t entry : model.Tables(model.Child(root, kModelMetadata))) {
    if (model.Bytes(model.Child(entry, kMetadataName)) != name) continue;
    const size_t buffers = model.Child(root, kModelBuffers);
    return model.Bytes(model.Child(model.Table(buffers, model.Number(entry, kMetadataBuffer)), kBufferData));
  }
  return {};
}

std::vector<TfliteSignature> FindSignatures(std::string_view file) {
  const Flatbuffer model(file);
  const size_t root = model.Root();
  const size_t primary = model.Table(model.Child(root, kModelSubgraphs), 0);
  const std::vector<uint32_t> inputs = model.Numbers(model.Child(primary, kSubgraphInputs));
  const std::vector<uint32_t> outputs = model.Numbers(model.Child(primary, kSubgraphOutputs));
  std::vector<TfliteSignature> signatures;
  for (const size_t entry : model.Tables(model.Child(root, kModelSignatures))) {
    TfliteSignature& signature = signatures.emplace_back();
    signature.name = model.Bytes(model.Child(entry, kSignatureName));
    signature.subgraph = model.Number(entry, kSignatureSubgraph);
    const bool is_run = signature.subgraph == 0;
    const std::vector<uint32_t> none;
    signature.inputs = TensorsOf(model, model.Child(entry, kSignatureInputs), is_run ? inputs : none);
    signature.outputs = TensorsOf(model, model.Child(entry, kSignatureOutputs), is_run ? outputs : none);
  }
  return signatures;
}

}  // namespace tensorgate
