// What stands in a TensorFlow Lite file beside the graph. The C API has no function for it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tensorgate {

// The bytes of the metadata entry of that name, a range of `file`; empty if there is none. Reads nothing outside
// `file`, whatever stands in it. (A flatbuffer; its tables: tensorflow/lite/schema/schema.fbs.)
std::string_view FindMetadata(std::string_view file, std::string_view name);

// A name of the file's own table of signatures, and the place of its tensor among the model's inputs or outputs; -1 if
// it is none of them.
struct TfliteSignatureTensor {
  std::string alias;
  int place = -1;
};

struct TfliteSignature {
  std::string name;
  uint32_t subgraph = 0;  // 0: the one that is run; the tensors of any other are at no place
  std::vector<TfliteSignatureTensor> inputs;
  std::vector<TfliteSignatureTensor> outputs;
};

// The table of signatures that converters write, in its order. As careful as FindMetadata().
std::vector<TfliteSignature> FindSignatures(std::string_view file);

}  // namespace tensorgate
