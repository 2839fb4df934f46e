// JSON text of TF Serving's REST API <-> tensor memory, in one pass each way.
//
// Follows the bodies of tensorflow_model_server's predict (apis.md, "Bodies"): row form (`instances`) and column form
// (`inputs`), NaN and Infinity tokens, exact 64-bit integers, {"b64": …} strings, the first of equal keys, text after
// the document ignored, nesting of any depth without recursion.
//
// Knows neither TensorFlow's runtime nor Node, so that it can be fuzzed alone. Not thread-safe per object; all
// functions may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../dtype.h"
#include "../slab.h"

namespace tensorgate {

// Numbers are gRPC's canonical codes (3 INVALID_ARGUMENT, 9 FAILED_PRECONDITION, 12 UNIMPLEMENTED …).
struct CodecError {
  int code = 0;  // 0: no error
  std::string message;
  explicit operator bool() const { return code != 0; }
};

// A tensor read out of a request, before TensorFlow sees it.
struct HostTensor {
  TF_DataType dtype = TF_FLOAT;
  std::vector<int64_t> dims;
  Slab data;                         // numbers: row-major, exactly as many bytes as dims and dtype say
  std::vector<std::string> strings;  // TF_STRING: one per element, in place of data
  bool is_left_out = false;          // the request has no value for it: that is the signature's default
};

// An input of a signature, as the parser must know it.
struct JsonInput {
  std::string alias;
  TF_DataType dtype;
  bool has_default = false;              // requests may leave it out; in row form then out of all items
  std::vector<std::string> other_names;  // what requests may call it as well
};

enum class JsonLayout { kRow, kColumn };

struct JsonRequest {
  std::string signature_name;  // as asked; "serving_default" if the body names none
  JsonLayout layout = JsonLayout::kRow;
  std::vector<HostTensor> inputs;  // in the signature's order
  bool uses_other_names = false;   // all inputs are named, none of them by its alias
};

// The inputs of the signature of that name, or nullptr if there is none (then ParseJsonRequest fails with
// FAILED_PRECONDITION). The pointer stays valid for the whole parse.
using FindJsonSignature = std::function<const std::vector<JsonInput>*(std::string_view name)>;

// Parses a predict body; one that is empty or names no inputs suits a signature that needs none. On an error the
// message names the culprit: the position in the text for malformed JSON, else the input's alias, the place
// (`instances[3]`) and what was expected there. Memory: never more than a small multiple of the text's own length.
CodecError ParseJsonRequest(std::string_view text, const FindJsonSignature& find, JsonRequest* request);

// An output to print. `data` holds the elements; for TF_STRING use `string_at`.
struct JsonOutput {
  std::string_view alias;
  TF_DataType dtype;
  std::span<const int64_t> dims;
  const void* data = nullptr;
  std::function<std::string_view(size_t index)> string_at;
  bool is_bytes = false;  // strings are printed in base64, as those of an alias that ends in _bytes
};

// Prints the reply's body, `{"predictions": …}` or `{"outputs": …}`, with TF Serving's number text and layout.
// INVALID_ARGUMENT for a dtype that REST cannot carry (half, bfloat16, complex, quantized …) and, in row form, for
// outputs without a common first dimension; `text` is then left empty.
CodecError PrintJsonReply(JsonLayout layout, std::span<const JsonOutput> outputs, std::string* text);

}  // namespace tensorgate
