#include "predict.h"

#include <string>
#include <vector>

#include "tensor_proto.h"

namespace rival {
namespace {

using grpc::Status;
using grpc::StatusCode;
using tensorflow::serving::PredictRequest;
using tensorflow::serving::PredictResponse;

// What TF_SessionRun takes and gives; owns the tensors.
struct Run {
  std::vector<TF_Output> feeds, fetches;
  std::vector<TensorPtr> inputs, outputs;
  // Aliases of the fetches.
  std::vector<const std::string*> aliases;

  void Fetch(const std::string& alias, const Endpoint& endpoint) {
    aliases.push_back(&alias);
    fetches.push_back(endpoint.place);
  }
};

Status InvalidArgument(const std::string& message) { return {StatusCode::INVALID_ARGUMENT, message}; }

const std::string& SignatureName(const PredictRequest& request) {
  static const std::string serving_default = "serving_default";
  const std::string& name = request.model_spec().signature_name();
  return name.empty() ? serving_default : name;
}

Status AddInputs(const PredictRequest& request, const Signature& signature, Run* run) {
  if (static_cast<size_t>(request.inputs().size()) != signature.inputs.size()) {
    return InvalidArgument("The request has not as many inputs as the signature.");
  }
  for (const auto& [alias, proto] : request.inputs()) {
    const auto input = signature.inputs.find(alias);
    if (input == signature.inputs.end()) return InvalidArgument("The signature has no input " + alias + ".");
    if (input->second.dtype != proto.dtype()) return InvalidArgument("Input " + alias + " has another dtype.");
    std::string error;
    run->inputs.push_back(FromProto(proto, &error));
    if (!run->inputs.back()) return InvalidArgument("Input " + alias + ": " + error + ".");
    run->feeds.push_back(input->second.place);
  }
  return Status::OK;
}

Status AddOutputs(const PredictRequest& request, const Signature& signature, Run* run) {
  for (const std::string& alias : request.output_filter()) {
    const auto output = signature.outputs.find(alias);
    if (output == signature.outputs.end()) return InvalidArgument("The signature has no output " + alias + ".");
    run->Fetch(output->first, output->second);
  }
  if (!run->fetches.empty()) return Status::OK;
  for (const auto& [alias, endpoint] : signature.outputs) run->Fetch(alias, endpoint);
  return Status::OK;
}

Status RunSession(const Model& model, Run* run) {
  std::vector<TF_Tensor*> inputs, outputs(run->fetches.size());
  for (const TensorPtr& tensor : run->inputs) inputs.push_back(tensor.get());
  const StatusPtr status = NewStatus();
  tf.TF_SessionRun(model.session, nullptr, run->feeds.data(), inputs.data(), static_cast<int>(inputs.size()),
                   run->fetches.data(), outputs.data(), static_cast<int>(outputs.size()), nullptr, 0, nullptr,
                   status.get());
  for (TF_Tensor* tensor : outputs) run->outputs.emplace_back(tensor);
  const TF_Code code = tf.TF_GetCode(status.get());
  return code == TF_OK ? Status::OK : Status(static_cast<StatusCode>(code), tf.TF_Message(status.get()));
}

Status Answer(const Model& model, const std::string& signature_name, const Run& run, PredictResponse* response) {
  for (size_t i = 0; i < run.outputs.size(); i++) {
    if (!ToProto(run.outputs[i].get(), &(*response->mutable_outputs())[*run.aliases[i]])) {
      return Status(StatusCode::UNIMPLEMENTED, "The dtype of output " + *run.aliases[i] + " is not handled.");
    }
  }
  auto* spec = response->mutable_model_spec();
  spec->set_name(model.name);
  spec->mutable_version()->set_value(model.version);
  spec->set_signature_name(signature_name);
  return Status::OK;
}

}  // namespace

Status Predict(const Model& model, const PredictRequest& request, PredictResponse* response) {
  if (request.model_spec().name() != model.name) {
    return Status(StatusCode::NOT_FOUND, "There is no model " + request.model_spec().name() + " here.");
  }
  const std::string& signature_name = SignatureName(request);
  const auto signature = model.signatures.find(signature_name);
  if (signature == model.signatures.end()) return InvalidArgument("There is no signature " + signature_name + ".");
  Run run;
  Status status = AddInputs(request, signature->second, &run);
  if (status.ok()) status = AddOutputs(request, signature->second, &run);
  if (status.ok()) status = RunSession(model, &run);
  return status.ok() ? Answer(model, signature_name, run, response) : status;
}

}  // namespace rival
