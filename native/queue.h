// What waits for a device: requests go in on the loop's thread, workers take them out.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "request.h"

namespace tensorgate {

// Process-wide, shared by the environments that submit to it and the workers that serve it. FIFO. A request leaves it
// by being taken, by its deadline passing, by being cancelled or by Close(): each way ends in its completion port.
class DeviceQueue {
 public:
  // Refuses with UNAVAILABLE, through the request's own port, once the queue is closed. Wakes nobody: see EndTurn().
  void Submit(std::unique_ptr<Request> request);

  // Has what waits seen to, once for all that one turn of the event loop has submitted (measured: a wake-up costs 5 µs,
  // as much as a small run). Wakes one idle worker; that one wakes the next, if it is worth it. But where just one
  // request waits that is known to be quick, and all workers sleep, it is given back: for the caller to run at once.
  std::unique_ptr<Request> EndTurn();

  // A worker's thread comes to serve the queue, and leaves it.
  void Enter();
  void Leave();

  // Waits up to `idle` for requests that are still wanted; empty when there was none. Several are taken if they may
  // share a run: those that wait, never waiting for more.
  std::vector<std::unique_ptr<Request>> Take(std::chrono::milliseconds idle);

  // Drops the request of that port and number if it still waits (it completes as CANCELLED). False if it is gone.
  bool Cancel(const CompletionPort* port, uint32_t id);

  // Refuses what waits and what comes; wakes all workers, whose Take() returns null at once from now on.
  void Close();
  bool closed();

  struct Stats {
    size_t waiting;    // requests in the queue
    uint64_t taken;    // requests that workers have taken so far
    uint64_t batches;  // in so many goes
    uint64_t quick;    // requests that EndTurn() has given back
  };
  Stats stats();

 private:
  // How many requests to take at once if `first` is the first. Needs the lock.
  size_t BatchLimit(const Request& first) const;
  // Moves the first request and those that may share its run out of the queue. Needs the lock.
  std::vector<std::unique_ptr<Request>> TakeTogether();
  // Whether what still waits should get another worker while this one is busy with `taken`. Needs the lock.
  bool WorthAnother(const Request& taken) const;

  std::mutex mutex_;
  std::condition_variable not_empty_;
  std::deque<std::unique_ptr<Request>> requests_;
  size_t workers_ = 0;
  size_t idle_workers_ = 0;  // of these, waiting in Take()
  uint64_t taken_ = 0;
  uint64_t batches_ = 0;
  uint64_t quick_ = 0;
  bool closed_ = false;
};

// The process' queues by number. Locked, never destroyed.
class QueueTable {
 public:
  static QueueTable& Get();
  int Create();
  void Remove(int id);
  std::shared_ptr<DeviceQueue> Find(int id);

 private:
  std::mutex mutex_;
  std::unordered_map<int, std::shared_ptr<DeviceQueue>> queues_;
  int next_id_ = 1;
};

}  // namespace tensorgate
