// What waits for a device, one line for each model: so that none of them has to wait for all that another is asked.
//
//   DeviceQueue ── Lane "a" ── high   ▢▢
//               │            ├ normal ▢▢▢▢▢      the worker takes from the lane that has had the least of the
//               │            │        ▢▢         workers' time, there from the highest priority, there from the
//               │            ├ low    ▢          lines in turn, one for each class of deadlines (urgency.h),
//               │            └ forming ▢▢ │ ▢    there the one that has waited longest
//               └─ Lane "b" ── normal ▢▢
//
// One line for all would starve those with little time: behind patient requests they would always come too late. Served
// by their deadlines, they would starve the patient ones.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <compare>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "batch_policy.h"
#include "request.h"
#include "serving/run_times.h"
#include "serving/urgency.h"

namespace tensorgate {

class DeviceQueue;

// Owns its requests, which it links together: in and out at any place without a search or an allocation.
class RequestList {
 public:
  RequestList() = default;
  ~RequestList();
  RequestList(const RequestList&) = delete;
  RequestList& operator=(const RequestList&) = delete;

  Request* front() const { return first_; }
  void PushBack(std::unique_ptr<Request> request);
  // The request must be in this list.
  std::unique_ptr<Request> Remove(Request* request);

 private:
  Request* first_ = nullptr;
  Request* last_ = nullptr;
};

// What requests must have in common to wait for one another, as far as can be told before they are decoded.
struct BatchKey {
  const LaneAccess* access;
  const Signature* signature;
  uint64_t shape;
  auto operator<=>(const BatchKey&) const = default;
};

// Requests that wait for a fuller batch (BatchingParameters' batch_timeout_micros). No worker takes them meanwhile.
struct FormingBatch {
  Clock::time_point due;  // when they have waited for long enough
  int64_t rows = 0;
  RequestList requests;
};

struct LaneLimits {
  size_t most_waiting = 0;                    // requests; 0: any number
  size_t most_running = 0;                    // runs at a time; 0: as many as there are workers
  std::chrono::microseconds longest_wait{0};  // as expected when a request comes; 0: any
};

// The requests for all versions of one model. Everything in it is guarded by the lock of its queue.
class Lane {
 public:
  explicit Lane(std::string name) : model(std::move(name)) {}

  const std::string model;
  LaneLimits limits;
  size_t running = 0;           // runs that workers are at
  size_t held = 0;              // of these, whose workers have been replaced
  int64_t used_micros = 0;      // of the workers' time; a lane that was empty starts with no less than the others have
  uint32_t request_micros = 0;  // what a request takes of it: a moving average …
  uint32_t runs = 0;            // … over so many runs

  // Has the request wait for its turn, or for others if its policy says so. Throws std::bad_alloc.
  void Push(std::unique_ptr<Request> request);
  std::unique_ptr<Request> Remove(Request* request);

  // All that wait, those in a batch that is being formed included.
  size_t waiting() const { return waiting_; }
  // Of its line.
  size_t WaitingBeside(const Request& request) const { return counts_[request.priority][request.urgency]; }
  // Requests that this one would have to wait for if it came now.
  size_t WaitingBefore(const Request& request) const;
  // Calls `visit` for those that may be taken, by priority, there by line, from that of `urgency` on, until it returns
  // false. It may have the request removed.
  template <typename Visit>
  void ForEachReady(size_t urgency, Visit visit) const {
    for (size_t priority = 0; priority < kPriorities; priority++) {
      uint32_t lines = filled_[priority];
      for (size_t line = NextLine(lines, urgency); lines; line = NextLine(lines, line)) {
        lines &= ~Bit(line);
        Request* next = nullptr;
        for (Request* request = ready_[priority][line].front(); request; request = next) {
          next = request->next;
          if (!visit(request)) return;
        }
      }
    }
  }
  // Whose turn it is; null if none may be taken. The first of the highest priority, of the line whose turn it is; but
  // after kMostPassedOver times in which one of a lower priority had waited longer, it is the one that has waited
  // longest.
  Request* First() const;
  // To be called with First() when it is taken.
  void NoteTurn(const Request& first);
  // One that waits, whether it may be taken or not; null if there is none.
  Request* Any() const;

  bool has_forming() const { return !forming_.empty(); }
  // Lets those be taken that have waited for a fuller batch until `now`, and says when the next ones will have.
  Clock::time_point ReleaseDue(Clock::time_point now);

  // Requests that were run, at least one, and what they took together.
  void NoteRun(int64_t micros, uint64_t requests);

 private:
  static constexpr size_t kMostPassedOver = 16;
  // The one that has waited longest of those that are first of their priority.
  Request* Oldest() const;

  using Forming = std::map<BatchKey, FormingBatch>;
  void Form(std::unique_ptr<Request> request);
  void Release(Forming::iterator batch);
  void MakeReady(std::unique_ptr<Request> request);

  static constexpr uint32_t Bit(size_t line) { return uint32_t{1} << line; }
  // The first of these lines from that one on, in a circle; any number if there is none.
  static size_t NextLine(uint32_t lines, size_t from) {
    const uint32_t after = lines >> from << from;
    return static_cast<size_t>(std::countr_zero(after ? after : lines));
  }

  template <typename T>
  using ByLine = std::array<std::array<T, kUrgencies>, kPriorities>;
  ByLine<RequestList> ready_;
  std::array<uint32_t, kPriorities> filled_{};  // lines of ready_ in which a request waits, a bit for each
  std::array<size_t, kPriorities> turn_{};      // the line to take from, or the next one that is filled
  Forming forming_;
  std::set<std::pair<Clock::time_point, BatchKey>> due_;  // of all that are being formed
  ByLine<size_t> counts_{};                               // of all that wait
  size_t waiting_ = 0;
  size_t passed_over_ = 0;  // turns in which one of a lower priority had waited longer, since it was given one
};

// How many rows wait by signature; null stands for JSON requests, whose signature is found later. There are few
// signatures, so they are looked through.
class WaitingRows {
 public:
  int64_t Of(const Signature* signature) const {
    const auto found = Find(signature);
    return found == counts_.end() ? 0 : found->second;
  }
  // Makes room for one more signature, so that Add() cannot fail.
  void Reserve() { counts_.reserve(counts_.size() + 1); }
  void Add(const Signature* signature, int64_t rows) {
    const auto found = Find(signature);
    if (found == counts_.end())
      counts_.emplace_back(signature, rows);
    else
      counts_[found - counts_.begin()].second += rows;
  }
  void Subtract(const Signature* signature, int64_t rows) {
    auto& count = counts_[Find(signature) - counts_.begin()];
    count.second -= rows;
    if (count.second > 0) return;
    count = counts_.back();
    counts_.pop_back();
  }

 private:
  using Counts = std::vector<std::pair<const Signature*, int64_t>>;
  Counts::const_iterator Find(const Signature* signature) const {
    return std::find_if(counts_.begin(), counts_.end(), [&](const auto& count) { return count.first == signature; });
  }

  Counts counts_;  // none is 0
};

// A servable's way into its lane. Shared by the table and by each of its requests, from when they are submitted.
struct LaneAccess {
  std::shared_ptr<DeviceQueue> queue;
  std::shared_ptr<Lane> lane;
  BatchPolicy policy;
  // Of this servable's requests; guarded by the queue's lock.
  WaitingRows waiting_rows = {};
  RunTimesBySignature run_times = {};
  std::weak_ptr<Session> session = {};  // that it runs, to end its runs; set before it is used
  int number = 0;                       // in the table; set before it is used
  // Whether it takes nothing any more, since a run of it has not ended in time; and how many such runs there are still.
  bool is_blocked = false;
  size_t blocked_runs = 0;
};

}  // namespace tensorgate
