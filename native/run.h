// One TF_SessionRun, or one run of a TensorFlow Lite interpreter.
#pragma once

#include <span>
#include <vector>

#include "request.h"
#include "tensor_slice.h"

namespace tensorgate {

// Runs the signature in the calling thread; `inputs` in its order, results in the order of `fetch_set` (indexes into
// its outputs). An output that is an input is copied from there: TensorFlow refuses a tensor that is both fed and
// fetched. The deadline ends the run only in sessions that can be interrupted. kRefusedByLeanExecutor: nothing was run,
// see retreat.h.
Status RunSignature(const Signature& signature, std::span<TF_Tensor* const> inputs, std::span<const uint32_t> fetch_set,
                    Clock::time_point deadline, std::vector<TensorSlice>* results);

// Whether all inputs have the declared ranks and fixed dimensions, which TensorFlow does not look at.
bool FitsSignature(const Request& request);

// What TensorFlow's error of a run does not say: a sentence for each input whose shape is not the declared one. Only
// said once a run has failed: TensorFlow is the judge of shapes, but its own words name an operation of the graph, not
// the input that the client sent.
void DescribeMisfits(const Request& request, std::string* message);

}  // namespace tensorgate
