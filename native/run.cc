#include "run.h"

#include <algorithm>

#include "codec/varint.h"
#include "run_trace.h"
#include "session.h"
#include "string_tensor.h"

namespace tensorgate {

namespace {

// Serialized RunOptions { timeout_in_ms (field 2) }, so that TensorFlow gives up on a run that nobody waits for; empty
// where that would be in vain: a run in the worker's own thread goes on to its end.
std::string RunOptionsFor(const Session& session, Clock::time_point deadline) {
  std::string options;
  if (deadline == Clock::time_point::max() || !session.interruptible()) return options;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  options.push_back(2 << 3);
  AppendVarint(std::max<int64_t>(left, 1), &options);
  return options;
}

bool Fits(const TF_Tensor* tensor, const SignatureTensor& declared) {
  if (!declared.shape) return true;
  const std::vector<int64_t>& shape = *declared.shape;
  if (tf.TF_NumDims(tensor) != static_cast<int>(shape.size())) return false;
  for (size_t axis = 0; axis < shape.size(); axis++)
    if (shape[axis] >= 0 && tf.TF_Dim(tensor, static_cast<int>(axis)) != shape[axis]) return false;
  return true;
}

// Those of the set that the graph has to work out.
std::vector<TF_Output> FetchesOf(const Signature& signature, std::span<const uint32_t> fetch_set) {
  std::vector<TF_Output> fetches;
  for (const uint32_t output : fetch_set)
    if (!signature.PassedInput(output)) fetches.push_back(signature.outputs()[output].output);
  return fetches;
}

Status RunGraph(const Signature& signature, std::span<TF_Tensor* const> inputs, std::span<const TF_Output> fetches,
                Clock::time_point deadline, std::vector<TensorSlice>* results) {
  std::vector<TF_Tensor*> outputs(fetches.size(), nullptr);
  const std::string options = RunOptionsFor(*signature.session(), deadline);
  const TF_Buffer run_options{options.data(), options.size(), nullptr};
  TfStatus status;
  tf.TF_SessionRun(signature.session()->get(), options.empty() ? nullptr : &run_options, signature.feeds().data(),
                   inputs.data(), static_cast<int>(inputs.size()), fetches.data(), outputs.data(),
                   static_cast<int>(outputs.size()), nullptr, 0, nullptr, status.get());
  for (TF_Tensor* output : outputs)
    if (output) results->emplace_back(TensorPtr(output));
  return status.ToStatus();
}

// Puts copies of the inputs that are outputs among the results, at their places in the set.
void AddPassedInputs(const Signature& signature, std::span<TF_Tensor* const> inputs,
                     std::span<const uint32_t> fetch_set, std::vector<TensorSlice>* results) {
  for (size_t i = 0; i < fetch_set.size(); i++)
    if (const auto input = signature.PassedInput(fetch_set[i]))
      results->insert(results->begin() + static_cast<ptrdiff_t>(i), TensorSlice(CopyTensor(inputs[*input])));
}

}  // namespace

Status RunSignature(const Signature& signature, std::span<TF_Tensor* const> inputs, std::span<const uint32_t> fetch_set,
                    Clock::time_point deadline, std::vector<TensorSlice>* results) {
  const std::vector<TF_Output> fetches = FetchesOf(signature, fetch_set);
  const RunSpan span(signature, inputs);
  if (TfliteModel* model = signature.session()->tflite())
    return model->Run(signature.feeds(), inputs, fetches, results);
  results->reserve(fetch_set.size());
  // A run without a fetch would be refused, too.
  Status status = fetches.empty() ? Status{} : RunGraph(signature, inputs, fetches, deadline, results);
  if (status.ok() && fetches.size() < fetch_set.size()) AddPassedInputs(signature, inputs, fetch_set, results);
  return status;
}

bool FitsSignature(const Request& request) {
  for (size_t i = 0; i < request.inputs.size(); i++)
    if (!Fits(request.inputs[i].get(), request.signature->inputs()[i])) return false;
  return true;
}

void DescribeMisfits(const Request& request, std::string* message) {
  for (size_t i = 0; i < request.inputs.size(); i++) {
    const SignatureTensor& declared = request.signature->inputs()[i];
    if (Fits(request.inputs[i].get(), declared)) continue;
    // TensorFlow's messages seldom end with a full stop.
    if (!message->ends_with('.')) message->push_back('.');
    message->append(" Input '" + declared.alias + "' was sent with shape " +
                    FormatDims(DimsOf(request.inputs[i].get())) + ", but the signature declares " +
                    FormatDims(*declared.shape) + ".");
  }
}

}  // namespace tensorgate
