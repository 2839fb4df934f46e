#include "model.h"

#include <cstdlib>
#include <string>

namespace floor_loop {
namespace {

using rival::Die;
using rival::tf;

// Values between -0.5 and 0.5, the same in every process.
TF_Tensor* MakeInput(const std::vector<int64_t>& shape) {
  size_t count = 1;
  for (const int64_t dim : shape) count *= dim;
  const size_t bytes = count * sizeof(float);
  TF_Tensor* tensor = tf.TF_AllocateTensor(TF_FLOAT, shape.data(), static_cast<int>(shape.size()), bytes);
  auto* values = static_cast<float*>(tf.TF_TensorData(tensor));
  for (size_t i = 0; i < count; i++) values[i] = static_cast<float>(i * 2654435761U % 1000) / 1000.0F - 0.5F;
  return tensor;
}

}  // namespace

Model::Model(const Flags& flags) {
  TF_SessionOptions* options = tf.TF_NewSessionOptions();
  tf.TF_SetConfig(options, flags.config.data(), flags.config.size(), status_);
  Check("The session's configuration is refused");
  const char* tags[] = {"serve"};
  session_ = tf.TF_LoadSessionFromSavedModel(options, nullptr, flags.model.c_str(), tags, 1, graph_, nullptr, status_);
  Check("The model cannot be loaded");
  tf.TF_DeleteSessionOptions(options);
  for (const Input& input : flags.inputs) {
    inputs_.push_back(Endpoint(input.tensor));
    input_values_.push_back(MakeInput(input.shape));
  }
  for (const std::string& output : flags.outputs) outputs_.push_back(Endpoint(output));
  output_values_.resize(outputs_.size());
}

void Model::Run() {
  tf.TF_SessionRun(session_, nullptr, inputs_.data(), input_values_.data(), static_cast<int>(inputs_.size()),
                   outputs_.data(), output_values_.data(), static_cast<int>(outputs_.size()), nullptr, 0, nullptr,
                   status_);
  Check("A run failed");
  for (TF_Tensor* output : output_values_) tf.TF_DeleteTensor(output);
}

void Model::Check(const char* what) {
  if (tf.TF_GetCode(status_) != TF_OK) Die(std::string(what) + ": " + tf.TF_Message(status_));
}

TF_Output Model::Endpoint(const std::string& tensor) {
  const size_t colon = tensor.rfind(':');
  TF_Operation* operation = tf.TF_GraphOperationByName(graph_, tensor.substr(0, colon).c_str());
  if (operation == nullptr) Die("The graph has no tensor " + tensor + ".");
  return {operation, colon == std::string::npos ? 0 : std::atoi(tensor.c_str() + colon + 1)};
}

}  // namespace floor_loop
