// libFuzzer target: any bytes as a predict body, for a signature that the first byte chooses. What parses is printed as
// outputs and parsed again, which must give equal tensors.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "json_tensor.h"

namespace tensorgate {
namespace {

const std::vector<std::vector<JsonInput>> kSignatures = {
    {{"x", TF_FLOAT}},
    {{"x", TF_DOUBLE}},
    {{"x", TF_INT32}},
    {{"x", TF_INT64}},
    {{"x", TF_UINT64}},
    {{"x", TF_UINT32}},
    {{"x", TF_INT8}},
    {{"x", TF_UINT8}},
    {{"x", TF_INT16}},
    {{"x", TF_BOOL}},
    {{"x", TF_STRING}},
    {{"x_bytes", TF_STRING}},
    {{"x", TF_HALF}},
    {{"a", TF_FLOAT}, {"b", TF_STRING}},
    {{"a", TF_INT64}, {"b_bytes", TF_STRING}, {"c", TF_BOOL}},
    {},
};

[[noreturn]] void Fail(const char* what, const std::string& text) {
  std::fprintf(stderr, "%s\n%s\n", what, text.c_str());
  std::abort();
}

void RequireEqual(const HostTensor& a, const HostTensor& b, const std::string& text) {
  if (a.dtype != b.dtype || a.dims != b.dims || a.strings != b.strings || a.data.size() != b.data.size())
    Fail("the tensor changed", text);
  if (a.data.size() && std::memcmp(a.data.data(), b.data.data(), a.data.size()) != 0) Fail("the data changed", text);
}

// Memory and dimensions must agree, as TF_NewTensor trusts them to.
void RequireWhole(const HostTensor& tensor, const std::string& text) {
  size_t count = 1;
  for (const int64_t dim : tensor.dims) count *= static_cast<size_t>(dim);
  const size_t found =
      tensor.dtype == TF_STRING ? tensor.strings.size() : tensor.data.size() / DataTypeSize(tensor.dtype);
  if (found != count || tensor.dims.size() > 254) Fail("the tensor is not whole", text);
}

std::string Print(const std::vector<JsonInput>& signature, const JsonRequest& request, JsonLayout layout) {
  std::vector<JsonOutput> outputs;
  for (size_t i = 0; i < signature.size(); i++) {
    const HostTensor& tensor = request.inputs[i];
    RequireWhole(tensor, signature[i].alias);
    outputs.push_back({signature[i].alias, tensor.dtype, tensor.dims, tensor.data.data(),
                       [&tensor](size_t index) { return std::string_view(tensor.strings[index]); }});
  }
  std::string text;
  const CodecError error = PrintJsonReply(layout, outputs, &text);
  if (error && !(signature.empty() && layout == JsonLayout::kRow)) Fail("what was read is not printed", error.message);
  return text;
}

// A reply has the form of a request, but for the names at its top.
std::string AsRequest(std::string text) {
  for (const auto& [reply, request] : {std::pair("\"predictions\"", "\"instances\""), {"\"outputs\"", "\"inputs\""}}) {
    const size_t at = text.find(reply);
    if (at == 6) text.replace(at, std::strlen(reply), request);
  }
  return text;
}

void RoundTrip(const std::vector<JsonInput>& signature, const JsonRequest& request) {
  const std::string text = AsRequest(Print(signature, request, request.layout));
  if (text.empty()) return;
  JsonRequest again;
  const auto find = [&signature](std::string_view) { return &signature; };
  const CodecError error = ParseJsonRequest(text, find, &again);
  if (error) Fail(error.message.c_str(), text);
  for (size_t i = 0; i < signature.size(); i++) RequireEqual(request.inputs[i], again.inputs[i], text);
}

void FuzzOne(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::vector<JsonInput>& signature = kSignatures[static_cast<unsigned char>(bytes[0]) % kSignatures.size()];
  const std::vector<JsonInput>& other = kSignatures[(static_cast<unsigned char>(bytes[0]) + 1) % kSignatures.size()];
  const auto find = [&](std::string_view name) -> const std::vector<JsonInput>* {
    if (name == "none") return nullptr;
    return name == "other" ? &other : &signature;
  };
  JsonRequest request;
  const CodecError error = ParseJsonRequest(bytes.substr(1), find, &request);
  if (error) {
    if (error.message.empty()) Fail("an error without a message", std::string(bytes));
    return;
  }
  RoundTrip(request.signature_name == "other" ? other : signature, request);
}

}  // namespace
}  // namespace tensorgate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tensorgate::FuzzOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
