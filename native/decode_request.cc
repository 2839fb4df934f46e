#include "decode_request.h"

#include "string_tensor.h"

namespace tensorgate {

namespace {

Status FromCodec(CodecError error) { return {error.code, std::move(error.message)}; }

Status ToTensor(HostTensor host, TensorPtr* tensor) {
  if (host.dtype == TF_STRING) {
    const std::vector<std::string_view> views(host.strings.begin(), host.strings.end());
    *tensor = MakeStringTensor(host.dims, views.size(), views);
  } else {
    *tensor = WrapSlab(host.dtype, host.dims, std::move(host.data));
  }
  return *tensor ? Status{} : Status{code::kInternal, "TensorFlow did not take a tensor made from JSON."};
}

std::string SignaturesOf(int session_id) {
  std::string text;
  for (const std::string& name : SignatureTable::Get().NamesOf(session_id)) text += (text.empty() ? "" : ", ") + name;
  return " Signatures of the model: " + text + ".";
}

Status DecodeJson(Request* request) {
  const std::string_view text(reinterpret_cast<const char*>(request->json_body.data()), request->json_body.size());
  std::shared_ptr<Signature> signature;
  const FindJsonSignature find = [&](std::string_view name) -> const std::vector<JsonInput>* {
    signature = SignatureTable::Get().FindByName(request->json_session_id, std::string(name));
    return signature && signature->refusal().ok() ? &signature->json_inputs() : nullptr;
  };
  JsonRequest parsed;
  CodecError error = ParseJsonRequest(text, find, &parsed);
  request->signature = signature;  // of a request that is refused, too: errors are counted by it
  if (error.code == code::kFailedPrecondition && signature) return signature->refusal();
  if (error.code == code::kFailedPrecondition) error.message += SignaturesOf(request->json_session_id);
  if (error) return FromCodec(std::move(error));
  if (const Status& refusal = signature->RefusalOf({}); !refusal.ok()) return refusal;
  if (parsed.layout == JsonLayout::kRow)
    if (Status status = signature->RefusalOfRows(); !status.ok()) return status;
  request->json_layout = parsed.layout;
  request->json_uses_other_names = parsed.uses_other_names;
  request->json_body = Slab();
  request->inputs.resize(parsed.inputs.size());
  for (size_t i = 0; i < parsed.inputs.size(); i++) {
    if (parsed.inputs[i].is_left_out) {
      request->inputs[i] = Lend(request->signature->DefaultOf(i));
      continue;
    }
    Status status = ToTensor(std::move(parsed.inputs[i]), &request->inputs[i]);
    if (!status.ok()) return status;
  }
  return {};
}

Status DecodeEncoded(Request* request) {
  for (size_t i = 0; i < request->encoded.size(); i++) {
    if (request->inputs[i]) continue;
    Status status =
        DecodeInput(request->signature->inputs()[i].alias, std::move(request->encoded[i]), &request->inputs[i]);
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace

Status DecodeRequest(Request* request) {
  if (request->is_decoded) return {};
  Status status = request->is_json ? DecodeJson(request) : DecodeEncoded(request);
  request->is_decoded = status.ok();
  return status;
}

}  // namespace tensorgate
