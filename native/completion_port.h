// Where a JavaScript environment takes delivery of its finished requests: one wake-up of its loop for all that is done.
//
//   worker --Complete()--> done_ --one threadsafe call--> Drain() on the loop --records--> mailbox --> JavaScript
//
// A request that takes less time than a worker needs to wake up is run by the port itself, at the end of the turn.
//
// The mailbox is one ArrayBuffer that JavaScript reads as 8-byte numbers, so that a finished request costs no
// JavaScript objects and no call per field. A record, in words (float64 unless said):
//   0 words of this record      1 request id      2 code (0: good)      3 queue time, µs      4 run time, µs
//   5 number of the signature (0: not known)      6 decoding, µs      7 formatting, µs, of all that shared the run
//   8 rows, or for an error how long the client had better wait, µs (0: nothing is said)      9 runs that it stands
//   for, also for the others that shared them      10 rows of its run 11 outputs, or for an error the bytes of its
//   message, which begin at word 12 then for each output: dtype, rank, bytes, place of the bytes in the mailbox (-1:
//   ask CopyOutput), dims …
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "loop/turn_hook.h"
#include "napi_setup.h"
#include "queue.h"
#include "request.h"
#include "serving/run_times.h"

namespace tensorgate {

// One per environment that has called attach(). Shared with its requests in flight; after Close() they are dropped.
class CompletionPort : public std::enable_shared_from_this<CompletionPort> {
 public:
  // On the environment's loop. `mailbox` is a Float64Array, `callback` is called with the number of records in it.
  CompletionPort(napi_env env, napi_value mailbox, napi_value callback);
  CompletionPort(const CompletionPort&) = delete;
  CompletionPort& operator=(const CompletionPort&) = delete;

  // Any thread. Takes the request over.
  void Complete(std::unique_ptr<Request> request);

  // How long, at a cautious guess, a finished request waits for the loop. Any thread.
  int64_t delivery_micros() const { return delivery_micros_.load(std::memory_order_relaxed); }

  // On the loop, for each request: keeps the loop alive while it is in flight, and has the queue see to it at the end
  // of the loop's turn.
  void RequestSubmitted(const std::shared_ptr<DeviceQueue>& queue);

  // On the loop, during the callback only: the bytes of an output of the record at `record` (0 is the first).
  Status CopyOutput(uint32_t record, uint32_t output, uint8_t* target, size_t room) const;

  // On the loop, from the environment's clean-up hook: nothing is delivered after it.
  void Close();

 private:
  static void OnWakeUp(napi_env env, napi_value, void* context, void*);
  void Drain(napi_env env);
  void NoteDelivery(Clock::duration waited);
  void EndTurn();
  void RunHere(std::vector<std::unique_ptr<Request>> requests);
  // Has the loop call Drain() in its next turn. Needs the lock.
  void WakeUp();
  // False if it does not fit behind `position`. Outputs up to `most_inline` bytes are put in.
  bool Write(const Request& request, size_t most_inline, size_t* position) const;
  void Deliver(napi_env env, std::vector<std::unique_ptr<Request>> records);

  // Of the loop's thread only.
  napi_env env_;
  double* words_ = nullptr;
  size_t word_count_ = 0;
  napi_ref mailbox_ = nullptr;
  napi_ref callback_ = nullptr;
  napi_async_context context_ = nullptr;
  size_t in_flight_ = 0;
  std::vector<std::shared_ptr<DeviceQueue>> submitted_to_;  // in this turn of the loop
  std::unique_ptr<TurnHook> end_of_turn_;
  std::vector<std::unique_ptr<Request>> delivering_;
  CautiousTime delivery_;

  std::atomic<int64_t> delivery_micros_{0};  // of delivery_
  std::mutex mutex_;                         // guards what follows
  std::vector<std::unique_ptr<Request>> done_;
  bool scheduled_ = false;
  Clock::time_point scheduled_at_;
  napi_threadsafe_function wake_up_ = nullptr;  // null once closed
};

}  // namespace tensorgate
