#include "run.h"

#include <algorithm>

#include "codec/varint.h"
#include "engine/tensorflow/lean_executor.h"
#include "engine/tensorflow/retreat.h"
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

// Where a signature is run: in its own session, or in the one that has taken the lean session's place.
class RunPlace {
 public:
  explicit RunPlace(const Signature& signature) : signature_(signature) {
    Retreat* retreat = signature.session()->retreat();
    if (!retreat) return;
    general_ = retreat->general();
    if (general_) return;
    lean_ = LeanHold(*signature.session());
    general_ = retreat->general();  // it may have come just now, and the lean session have been closed
  }

  bool is_lean() const { return lean_ && !general_; }
  TF_Session* session() const { return general_ ? general_->get() : signature_.session()->get(); }
  const std::vector<TF_Output>& feeds() const {
    return general_ ? signature_.TensorsIn(*general_).feeds : signature_.feeds();
  }
  // Those of the set that the graph has to work out.
  std::vector<TF_Output> FetchesOf(std::span<const uint32_t> fetch_set) const {
    const auto& all = general_ ? signature_.TensorsIn(*general_).fetches : signature_.fetches();
    std::vector<TF_Output> fetches;
    for (const uint32_t output : fetch_set)
      if (!signature_.PassedInput(output)) fetches.push_back(all[output]);
    return fetches;
  }

 private:
  const Signature& signature_;
  std::shared_ptr<Session> general_;
  LeanHold lean_;
};

bool IsWhole(std::span<const TF_Output> tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [](const TF_Output& tensor) { return tensor.oper; });
}

Status Refused() { return {kRefusedByLeanExecutor, "TensorFlow's single-threaded executor has refused the graph."}; }

Status RunGraph(const Signature& signature, const RunPlace& place, std::span<TF_Tensor* const> inputs,
                std::span<const TF_Output> fetches, Clock::time_point deadline, std::vector<TensorSlice>* results) {
  if (place.is_lean() && signature.is_refused()) return Refused();
  if (!IsWhole(fetches) || !IsWhole(place.feeds()))
    return {code::kInternal, "The model that was loaded again lacks a tensor of signature '" + signature.name() + "'."};
  std::vector<TF_Tensor*> outputs(fetches.size(), nullptr);
  const std::string options = RunOptionsFor(*signature.session(), deadline);
  const TF_Buffer run_options{options.data(), options.size(), nullptr};
  TfStatus status;
  tf.TF_SessionRun(place.session(), options.empty() ? nullptr : &run_options, place.feeds().data(), inputs.data(),
                   static_cast<int>(inputs.size()), fetches.data(), outputs.data(), static_cast<int>(outputs.size()),
                   nullptr, 0, nullptr, status.get());
  Status outcome = status.ToStatus();
  if (place.is_lean() && IsLeanRefusal(outcome)) {
    signature.MarkRefused();
    return Refused();
  }
  for (TF_Tensor* output : outputs)
    if (output) results->emplace_back(TensorPtr(output));
  return outcome;
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
  const RunSpan span(signature, inputs);
  const RunPlace place(signature);
  const std::vector<TF_Output> fetches = place.FetchesOf(fetch_set);
  if (TfliteModel* model = signature.session()->tflite())
    return model->Run(signature.feeds(), inputs, fetches, results);
  results->reserve(fetch_set.size());
  // A run without a fetch would be refused, too.
  Status status = fetches.empty() ? Status{} : RunGraph(signature, place, inputs, fetches, deadline, results);
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
