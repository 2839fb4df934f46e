#include "session_bindings.h"

#include <algorithm>
#include <utility>

#include "background_jobs.h"
#include "device_list.h"
#include "env_data.h"
#include "session_table.h"
#include "submission.h"

namespace tensorgate {

namespace {

Napi::Array Names(Napi::Env env, const std::vector<std::string>& names) {
  auto list = Napi::Array::New(env, names.size());
  for (uint32_t i = 0; i < names.size(); i++) list[i] = names[i];
  return list;
}

// [{ signature, proven, reason }, …]
Napi::Array Proofs(Napi::Env env, const std::vector<RowProof>& proofs) {
  auto list = Napi::Array::New(env, proofs.size());
  for (uint32_t i = 0; i < proofs.size(); i++) {
    Napi::Object row = Napi::Object::New(env);
    row["signature"] = proofs[i].signature;
    row["proven"] = proofs[i].proven;
    row["reason"] = proofs[i].reason;
    list[i] = row;
  }
  return list;
}

// [{ signature, op, node }, …]
Napi::Array Effects(Napi::Env env, const std::vector<LastingEffect>& effects) {
  auto list = Napi::Array::New(env, effects.size());
  for (uint32_t i = 0; i < effects.size(); i++) {
    Napi::Object row = Napi::Object::New(env);
    row["signature"] = effects[i].signature;
    row["op"] = effects[i].op;
    row["node"] = effects[i].node;
    list[i] = row;
  }
  return list;
}

// [{ name, dtype, shape }, …]
Napi::Array TfliteTensors(Napi::Env env, const std::vector<TfliteTensorInfo>& tensors) {
  auto list = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); i++) {
    auto shape = Napi::Array::New(env, tensors[i].dims.size());
    for (uint32_t axis = 0; axis < tensors[i].dims.size(); axis++)
      shape[axis] = static_cast<double>(tensors[i].dims[axis]);
    Napi::Object row = Napi::Object::New(env);
    row["name"] = tensors[i].name;
    row["dtype"] = static_cast<int>(tensors[i].dtype);
    row["shape"] = shape;
    list[i] = row;
  }
  return list;
}

Napi::Array SignatureTensors(Napi::Env env, const std::vector<TfliteSignatureTensor>& tensors) {
  auto list = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); i++) {
    Napi::Object row = Napi::Object::New(env);
    row["alias"] = tensors[i].alias;
    row["place"] = tensors[i].place;
    list[i] = row;
  }
  return list;
}

Napi::Array TfliteSignatures(Napi::Env env, const std::vector<TfliteSignature>& signatures) {
  auto list = Napi::Array::New(env, signatures.size());
  for (uint32_t i = 0; i < signatures.size(); i++) {
    Napi::Object row = Napi::Object::New(env);
    row["name"] = signatures[i].name;
    row["subgraph"] = signatures[i].subgraph;
    row["inputs"] = SignatureTensors(env, signatures[i].inputs);
    row["outputs"] = SignatureTensors(env, signatures[i].outputs);
    list[i] = row;
  }
  return list;
}

Napi::Object DescribeTflite(Napi::Env env, const TfliteModel& model) {
  const std::string_view signature_defs = model.signature_defs();
  Napi::Object result = Napi::Object::New(env);
  result["inputs"] = TfliteTensors(env, model.inputs());
  result["outputs"] = TfliteTensors(env, model.outputs());
  result["signatures"] = TfliteSignatures(env, model.Signatures());
  result["signatureDefs"] = Napi::Buffer<char>::Copy(env, signature_defs.data(), signature_defs.size());
  return result;
}

// A reference to a session on its way to JavaScript: given back if it does not get there.
class Acquired {
 public:
  explicit Acquired(int id) : id_(id) {}
  ~Acquired() {
    if (id_ != 0) SessionTable::Get().Release(id_);
  }
  Acquired(const Acquired&) = delete;
  Acquired& operator=(const Acquired&) = delete;

  int id() const { return id_; }
  int Take() { return std::exchange(id_, 0); }

 private:
  int id_;
};

Napi::Object Describe(Napi::Env env, const Session& session) {
  const std::string& meta_graph = session.meta_graph();
  Napi::Object result = Napi::Object::New(env);
  result["metaGraph"] = Napi::Buffer<char>::Copy(env, meta_graph.data(), meta_graph.size());
  result["steadySignatures"] = Names(env, session.steady_signatures());
  result["rowProofs"] = Proofs(env, session.row_proofs());
  result["lastingEffects"] = Effects(env, session.lasting_effects());
  if (const TfliteModel* model = session.tflite()) result["tflite"] = DescribeTflite(env, *model);
  return result;
}

// Off the event loop: a load takes from milliseconds to minutes.
BackgroundJobs::Settle Load(const SessionOptions& options) {
  Status status;
  const auto acquired = std::make_shared<Acquired>(SessionTable::Get().Acquire(options, &status));
  if (acquired->id() == 0) {
    return
        [status](Napi::Env env, const Napi::Promise::Deferred& deferred) { deferred.Reject(MakeError(env, status)); };
  }
  const std::shared_ptr<Session> session = SessionTable::Get().Find(acquired->id());
  return [=](Napi::Env env, const Napi::Promise::Deferred& deferred) {
    Napi::Object result = Describe(env, *session);
    result["id"] = acquired->id();
    EnvData::Of(env)->sessions.push_back(acquired->id());
    acquired->Take();
    deferred.Resolve(result);
  };
}

std::string Bytes(Napi::Value value) {
  auto bytes = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

std::string OptionalBytes(Napi::Value value) { return value.IsTypedArray() ? Bytes(value) : std::string(); }

std::string Text(Napi::Value value) { return value.IsString() ? value.ToString().Utf8Value() : std::string(); }

std::optional<std::vector<int64_t>> Shape(Napi::Value value) {
  if (!value.IsArray()) return std::nullopt;
  auto list = value.As<Napi::Array>();
  std::vector<int64_t> shape(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++) shape[i] = list.Get(i).ToNumber().Int64Value();
  return shape;
}

// { words, body }, see native/submission.h
std::optional<EncodedInput> Default(Napi::Value value) {
  if (!value.IsObject()) return std::nullopt;
  const auto words = value.As<Napi::Object>().Get("words").As<Napi::Float64Array>();
  const auto body = value.As<Napi::Object>().Get("body").As<Napi::Uint8Array>();
  EncodedInput input;
  if (!ReadInputWords({words.Data(), words.ElementLength()}, {body.Data(), body.ByteLength()}, &input))
    return std::nullopt;
  return input;
}

std::vector<std::string> NameList(Napi::Value value) {
  std::vector<std::string> names;
  if (!value.IsArray()) return names;
  auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) names.push_back(list.Get(i).ToString().Utf8Value());
  return names;
}

std::string TextOf(Napi::Value object, const char* property) {
  return object.IsObject() ? Text(object.As<Napi::Object>().Get(property)) : std::string();
}

// [{ alias, tensorName, shape?, default?, otherNames?, composite? }, …]
std::vector<SignatureTensor> TensorList(Napi::Value value) {
  std::vector<SignatureTensor> tensors;
  auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    auto item = list.Get(i).As<Napi::Object>();
    const Napi::Value composite = item.Get("composite");
    tensors.push_back({item.Get("alias").ToString().Utf8Value(), item.Get("tensorName").ToString().Utf8Value(),
                       Shape(item.Get("shape")), Default(item.Get("default")), NameList(item.Get("otherNames")),
                       TextOf(composite, "alias"), TextOf(composite, "kind")});
  }
  return tensors;
}

Napi::Array TypesOf(Napi::Env env, std::span<const SignatureTensor> tensors) {
  auto list = Napi::Array::New(env, tensors.size());
  for (uint32_t i = 0; i < tensors.size(); i++) list[i] = static_cast<int>(tensors[i].dtype);
  return list;
}

// By output, undefined for those that can be fetched; undefined as a whole if all can.
Napi::Value OutputRefusals(Napi::Env env, const Signature& signature) {
  if (signature.RefusalOf({}).ok()) return env.Undefined();
  auto list = Napi::Array::New(env, signature.outputs().size());
  for (uint32_t i = 0; i < signature.outputs().size(); i++) {
    const Status& refusal = signature.outputs()[i].refusal;
    list[i] = refusal.ok() ? env.Undefined() : Napi::Value(env, MakeError(env, refusal));
  }
  return list;
}

}  // namespace

Napi::Value LoadSession(const Napi::CallbackInfo& info) {
  auto given = info[0].As<Napi::Object>();
  SessionOptions options{given.Get("directory").ToString().Utf8Value(),
                         {},
                         Bytes(given.Get("config")),
                         OptionalBytes(given.Get("generalConfig")),
                         given.Get("interruptible").ToBoolean(),
                         given.Get("tfliteInterpreters").ToNumber().Int32Value(),
                         Text(given.Get("device")),
                         Text(given.Get("target")),
                         given.Get("generation").ToNumber().Int32Value(),
                         Text(given.Get("files"))};
  auto tags = given.Get("tags").As<Napi::Array>();
  for (uint32_t i = 0; i < tags.Length(); i++) options.tags.push_back(tags.Get(i).ToString().Utf8Value());
  return EnvData::Of(info.Env())->jobs->Start([options = std::move(options)] { return Load(options); });
}

Napi::Value ProveRowsOf(const Napi::CallbackInfo& info) {
  const auto bytes = info[0].As<Napi::Uint8Array>();
  return Proofs(info.Env(), ProveRows({reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()}));
}

Napi::Value ListDevices(const Napi::CallbackInfo& info) {
  Status status;
  const std::vector<DeviceInfo> devices = tensorgate::ListDevices(Bytes(info[0]), &status);
  if (!status.ok()) throw Napi::Error(info.Env(), MakeError(info.Env(), status));
  auto list = Napi::Array::New(info.Env(), devices.size());
  for (uint32_t i = 0; i < devices.size(); i++) {
    Napi::Object row = Napi::Object::New(info.Env());
    row["name"] = devices[i].name;
    row["memoryBytes"] = static_cast<double>(devices[i].memory_bytes);
    list[i] = row;
  }
  return list;
}

Napi::Value ReleaseSession(const Napi::CallbackInfo& info) {
  const int id = info[0].ToNumber();
  std::vector<int>& held = EnvData::Of(info.Env())->sessions;
  const auto found = std::find(held.begin(), held.end(), id);
  if (found == held.end())
    throw Napi::Error::New(info.Env(), "This environment holds no session " + std::to_string(id));
  held.erase(found);
  return EnvData::Of(info.Env())->jobs->Start([id] {
    SessionTable::Get().Release(id);
    return BackgroundJobs::Done();
  });
}

Napi::Value PrepareSignature(const Napi::CallbackInfo& info) {
  const int session_id = info[0].ToNumber();
  auto session = SessionTable::Get().Find(session_id);
  if (!session) throw Napi::Error::New(info.Env(), "There is no session " + std::to_string(session_id));
  auto signature = Signature::Prepare(std::move(session), info[1].ToString().Utf8Value(), TensorList(info[2]),
                                      TensorList(info[3]), {info[4].ToBoolean(), info[5].ToBoolean()});
  Napi::Object result = Napi::Object::New(info.Env());
  result["inputTypes"] = TypesOf(info.Env(), signature->inputs());
  result["outputTypes"] = TypesOf(info.Env(), signature->outputs());
  if (!signature->refusal().ok())
    result["refusal"] = Napi::Value(info.Env(), MakeError(info.Env(), signature->refusal()));
  result["outputRefusals"] = OutputRefusals(info.Env(), *signature);
  result["id"] = SignatureTable::Get().Add(session_id, std::move(signature));
  return result;
}

void RemoveSignature(const Napi::CallbackInfo& info) { SignatureTable::Get().Remove(info[0].ToNumber()); }

Napi::Value SharesRuns(const Napi::CallbackInfo& info) {
  const auto signature = SignatureTable::Get().Find(info[0].ToNumber());
  return Napi::Boolean::New(info.Env(), signature && signature->batchable());
}

void StopSharing(const Napi::CallbackInfo& info) {
  if (const auto signature = SignatureTable::Get().Find(info[0].ToNumber())) signature->MarkUnbatchable();
}

}  // namespace tensorgate
