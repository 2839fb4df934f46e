// One predict call on its way: submitted by an environment's loop, run by a worker, delivered back to the loop.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "codec/json_tensor.h"
#include "encoded_input.h"
#include "output.h"
#include "serving/urgency.h"
#include "signature.h"
#include "status.h"
#include "tensor.h"

namespace tensorgate {

class CompletionPort;
class RequestList;
struct LaneAccess;
using Clock = std::chrono::steady_clock;

// 0 is served first. Numbers shared with src/tensor/predict-request.ts.
inline constexpr size_t kPriorities = 3;

// Has one owner at any time: the queue, then the worker that runs it, then the completion port. Owns all its memory, so
// that no JavaScript object has to live for it.
struct Request {
  uint32_t id = 0;
  std::shared_ptr<CompletionPort> port;
  std::shared_ptr<Signature> signature;  // for JSON null until it is found
  OutputFormat format = OutputFormat::kRaw;
  Clock::time_point deadline = Clock::time_point::max();
  Clock::time_point submitted;
  std::shared_ptr<LaneAccess> access;  // where it waits, and with whom it may share a run
  size_t priority = 1;
  size_t urgency = kNotUrgent;  // set when it is submitted
  bool is_probe = false;        // taken in although it is expected to take too long: for the estimate's sake

  std::shared_ptr<Session> session;
  size_t body_bytes = 0;   // as it came over the wire
  size_t work_size = 0;    // what its time grows with: elements of its inputs, or bytes of JSON; at least 1
  int64_t rows = 1;        // first dimension of its first input; 1 where that is not known before it has run
  uint64_t shape_key = 0;  // equal for requests whose inputs differ in no dimension but the first; 0 for JSON

  // What came over the wire: inputs in the signature's order, those in `encoded` not decoded yet …
  std::vector<EncodedInput> encoded;
  std::vector<TensorPtr> inputs;
  std::vector<uint32_t> wanted_outputs;  // ascending indexes into the signature's outputs; empty: all
  // … or a JSON body, which names its signature itself.
  bool is_json = false;
  int json_session_id = 0;
  Slab json_body;
  JsonLayout json_layout = JsonLayout::kRow;
  bool json_uses_other_names = false;  // of the inputs, and so the reply of the outputs
  bool is_decoded = false;             // its inputs are tensors; for one that is run again
  bool json_with_tensors = false;      // the inputs and outputs go back, too, behind the reply's text

  // What goes back.
  Status status;
  std::chrono::microseconds retry_after{0};  // for an error: how long the client had better wait; 0: nothing is said
  std::vector<Output> outputs;
  int64_t queue_micros = 0;
  int64_t run_micros = 0;
  int64_t run_rows = 0;  // of the run that it had a share in, those that filled it up included
  // For statistics. Requests that share a run have the same times, and the first of them stands for the run.
  int64_t runs = 0;  // or for its pieces
  double decode_micros = 0;
  double format_micros = 0;

  int64_t counted_rows = 0;  // of its own in LaneAccess::waiting_rows, while it waits
  // The list that it waits in, and its neighbours there.
  RequestList* list = nullptr;
  Request* previous = nullptr;
  Request* next = nullptr;
  Request* next_by_id = nullptr;  // see RequestIndex
};

// How long the request is expected to keep its worker; the most there is where that cannot be told.
uint32_t ExpectedMicros(const Request& request);

// Whether it is known to take less time than waking a worker does.
bool IsQuick(const Request& request);

// Notes how long it took, decoding and formatting included, for the next one's sake.
void NoteRun(const Request& request, uint32_t micros);

// Whether it may share a run with others of its model, as far as can be told before it is decoded.
bool IsBatchCandidate(const Request& request);

}  // namespace tensorgate
