// What waits for a device: requests go in on the loop's thread, workers take them out.
#pragma once

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "execute.h"
#include "lane.h"
#include "numbered_table.h"
#include "request.h"
#include "request_index.h"

namespace tensorgate {

// Why a request was not taken in, and how long its client had better wait before it tries again; 0: for good.
struct Refusal {
  Status status;
  std::chrono::microseconds retry_after{0};
};

// A request as JavaScript knows it.
struct RequestKey {
  const CompletionPort* port;
  uint32_t id;
};

// The runs that Watch() looks for, and what it may do about them.
struct WatchLimits {
  std::chrono::milliseconds longest_run{0};  // one that takes longer blocks its lane; 0: none does
  size_t most_extra = 0;                     // workers in place of those that are held
};

struct WatchReport {
  struct BlockedLane {
    std::shared_ptr<LaneAccess> access;
    bool is_new = false;  // blocked since the last report
    size_t runs = 0;      // that have not ended yet; the lane is in no further report once there is none
  };
  size_t replacements = 0;  // workers to be added
  std::vector<BlockedLane> blocked;
  std::vector<RequestKey> given_up;  // requests of runs that have just been found to block
};

// What a worker keeps of the lane that it works for, between two visits to the queue. The worker's own, and guarded by
// the queue's lock but for `log`.
struct Seat {
  std::shared_ptr<LaneAccess> access;  // null: nothing to account for
  int64_t charged_micros = 0;          // what the lane was charged beforehand
  bool is_long = false;                // whether that is much
  const Signature* signature = nullptr;
  size_t work = 0;  // of all that it has taken
  Clock::time_point taken;
  Clock::time_point expected_end;  // as far as the lane's average tells
  Clock::time_point wanted_until;  // the last deadline of all that it has taken
  std::vector<RequestKey> requests;
  bool is_held = false;     // for so long that another worker is to do its work meanwhile
  bool is_blocked = false;  // for so long that its lane takes nothing any more
  RunLog log;               // filled by Execute()
};

// Process-wide, shared by the environments that submit to it and the workers that serve it. A request leaves it by
// being taken, by its deadline passing, by being cancelled or by Close(): each way ends in its completion port.
class DeviceQueue : public std::enable_shared_from_this<DeviceQueue> {
 public:
  // A way into the lane of that model, which all its servables share but those that came while runs of others held
  // workers; the limits are then the lane's. `pool_name` and
  // `pool_threads` make the policy's pool; no name: none.
  std::shared_ptr<LaneAccess> OpenLane(const std::string& model, const LaneLimits& limits, BatchPolicy policy,
                                       const std::string& pool_name, size_t pool_threads);

  // Takes the request in unless it refuses it: UNAVAILABLE once the queue is closed, RESOURCE_EXHAUSTED where too many
  // wait or where it would wait for too long, UNAVAILABLE beyond BatchingParameters' max_enqueued_batches. Wakes
  // a worker, at most once in a turn, when so much waits that it is worth it; for less see EndTurn().
  Refusal Submit(std::unique_ptr<Request> request);

  // Takes in again what was taken and could not be run, all at once, whatever waits by now. Any thread.
  void PutBack(std::vector<std::unique_ptr<Request>> requests);

  // Has what waits seen to, once for all that one turn of the event loop has submitted (measured: a wake-up costs 5 µs,
  // as much as a small run). Wakes one idle worker; that one wakes the next, if it is worth it. But where all that
  // waits is known to be quick, is for one model, and no worker is about to come for it (all sleep, or are at runs that
  // take long), it is given back: for the caller to run at once.
  std::vector<std::unique_ptr<Request>> EndTurn();

  // A worker's thread comes to serve the queue, and leaves it.
  void Enter();
  void Leave(Seat* seat);

  // Waits up to `idle` for requests that are still wanted; empty when there was none. Several are taken if they may
  // share a run: those that wait, never waiting for more unless BatchingParameters say so. Accounts for what the worker
  // has done since its last visit.
  std::vector<std::unique_ptr<Request>> Take(std::chrono::milliseconds idle, Seat* seat);

  // Drops the request of that port and number if it still waits (it completes as CANCELLED). False if it is gone.
  bool Cancel(const CompletionPort* port, uint32_t id);

  // To be called several times a second. Finds workers that are held by a run that goes on after all its requests'
  // deadlines, or for long, and has them replaced; and lanes that such a run has blocked.
  WatchReport Watch(const WatchLimits& limits);
  // Has the lane take nothing any more, as if a run had blocked it.
  void Block(const std::shared_ptr<LaneAccess>& access);
  // Whether there is a worker more than are wanted, now that held ones have come back: the one that asks is to end.
  bool HasTooMany();

  // Refuses what waits and what comes; wakes all workers, whose Take() returns nothing at once from now on.
  void Close();
  bool closed();

  struct Stats {
    size_t waiting;    // requests in the queue
    uint64_t taken;    // requests that workers have taken so far
    uint64_t batches;  // in so many goes
    uint64_t quick;    // requests that EndTurn() has given back
    uint64_t refused;  // requests that Submit() has not taken in
    uint64_t dropped;  // requests that were taken in and not run, since they could not be answered in time
    RunLog runs;       // what workers have run
    size_t held;       // workers that are held by a run
    uint64_t blocked;  // runs that have blocked their lanes so far
  };
  Stats stats();

 private:
  using Requests = std::vector<std::unique_ptr<Request>>;

  // Everything below needs the lock.
  struct Obstacle;
  Obstacle FindObstacle(Request* request);
  // Whether it can be answered in time, as far as is known; `wait_micros`: how long it waits from `now` on.
  bool IsInTime(const Request& request, Clock::time_point now, int64_t wait_micros) const;
  // Whether a request with a deadline, which would wait for so long once a worker has time, had better not wait at all.
  // Makes a probe of it where it is expected to take too long and that had better be tried again.
  bool IsHopeless(Request* request, int64_t wait_micros);
  int64_t ExpectedWaitMicros(const Lane& lane, size_t before) const;
  // How long until a worker has time for a run of that lane.
  int64_t FreeInMicros(const Lane& lane, Clock::time_point now) const;
  void Enqueue(std::unique_ptr<Request> request);
  std::unique_ptr<Request> Remove(Request* request);
  // The lane to take from; null if there is none. Lowers `until` to when the next one that waits for a fuller batch is
  // due.
  Lane* Pick(Clock::time_point* until);
  Lane* WaitForLane(std::unique_lock<std::mutex>* lock, Clock::time_point give_up);
  // Whether an idle worker would find something to take, or a batch being formed whose time it must watch.
  bool HasWork() const;
  // How many requests to take at once if `first` is the first.
  size_t BatchLimit(const Lane& lane, const Request& first) const;
  // Empty, and then others are in `dropped`, if those whose turn it was cannot be answered in time any more.
  Requests TakeTogether(Lane* lane, Clock::time_point now, Requests* dropped);
  // Whether what still waits should get another worker while this one is busy with `taken`.
  bool WorthAnother(const Request& taken) const;
  void Hold(Seat* seat);
  // Takes out what waits for it.
  void BlockLane(const std::shared_ptr<LaneAccess>& access, Requests* refused);
  // Whether a run of what may be taken from it, of which there is some, may begin.
  bool IsOpen(const Lane& lane) const;
  bool IsWorkForTheLoop(const Lane& lane) const;
  bool IsEnoughToBegin(const Lane& lane) const;
  void Occupy(Seat* seat, const Requests& taken, Clock::time_point now);
  void Settle(Seat* seat, Clock::time_point now);

  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::unordered_map<std::string, std::weak_ptr<Lane>> lanes_;  // by model
  std::unordered_map<std::string, std::weak_ptr<BatchPool>> pools_;
  RequestIndex by_id_;             // all that wait
  std::vector<Lane*> active_;      // lanes in which a request waits: it keeps its lane alive
  std::vector<Seat*> busy_;        // of workers that have taken something
  int64_t least_used_micros_ = 0;  // what the lane that was served last had used by then
  size_t waiting_ = 0;
  size_t workers_ = 0;       // that serve the queue and are not held
  size_t idle_workers_ = 0;  // of these, waiting in Take()
  size_t long_runs_ = 0;     // of these, at work that was expected to take long when it was taken
  uint64_t taken_ = 0;
  uint64_t batches_ = 0;
  uint64_t quick_ = 0;
  uint64_t refused_ = 0;
  uint64_t dropped_ = 0;
  RunLog runs_;
  std::vector<WatchReport::BlockedLane> blocked_lanes_;
  uint64_t blocked_ = 0;
  size_t held_ = 0;
  size_t extra_ = 0;  // workers that have been asked for in place of held ones, and have not ended yet
  Clock::time_point last_held_;
  bool woken_in_turn_ = false;  // a worker, before the turn of the loop was over
  bool closed_ = false;
};

using QueueTable = NumberedTable<DeviceQueue>;

// The servables' ways into their lanes.
using LaneTable = NumberedTable<LaneAccess>;

}  // namespace tensorgate
