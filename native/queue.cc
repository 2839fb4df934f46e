#include "queue.h"

#include <algorithm>

#include "completion_port.h"
#include "session.h"

namespace tensorgate {

namespace {

void Refuse(std::unique_ptr<Request> request, Status status) {
  request->status = std::move(status);
  const auto port = request->port;
  port->Complete(std::move(request));
}

// What waits is served sooner by the worker that is awake than by one that must be woken, if it is less than this.
constexpr uint64_t kWorthWakingMicros = 60;

// Notes how long each has waited, and refuses those whose deadline has passed meanwhile.
void RefuseLate(std::vector<std::unique_ptr<Request>>* taken) {
  const auto now = Clock::now();
  for (auto& request : *taken) {
    request->queue_micros = std::chrono::duration_cast<std::chrono::microseconds>(now - request->submitted).count();
    if (now < request->deadline) continue;
    Refuse(std::move(request), {code::kDeadlineExceeded, "The deadline passed while the request waited for a worker."});
  }
  std::erase(*taken, nullptr);
}

Status Closed() { return {code::kUnavailable, "The server is stopping. Send the request again to another one."}; }

}  // namespace

void DeviceQueue::Submit(std::unique_ptr<Request> request) {
  request->submitted = Clock::now();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!closed_) requests_.push_back(std::move(request));
  }
  if (request) Refuse(std::move(request), Closed());
}

std::unique_ptr<Request> DeviceQueue::EndTurn() {
  std::unique_ptr<Request> quick;
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool asleep = idle_workers_ > 0 && idle_workers_ == workers_;
    if (asleep && requests_.size() == 1 && IsQuick(*requests_.front())) {
      quick = std::move(requests_.front());
      requests_.pop_front();
      quick_++;
    }
    wake = idle_workers_ > 0 && !requests_.empty();
  }
  if (wake) not_empty_.notify_one();
  return quick;
}

void DeviceQueue::Enter() {
  std::lock_guard<std::mutex> lock(mutex_);
  workers_++;
}

void DeviceQueue::Leave() {
  std::lock_guard<std::mutex> lock(mutex_);
  workers_--;
}

bool DeviceQueue::WorthAnother(const Request& taken) const {
  if (idle_workers_ == 0 || requests_.empty()) return false;
  return ExpectedMicros(taken) * static_cast<uint64_t>(requests_.size()) > kWorthWakingMicros;
}

size_t DeviceQueue::BatchLimit(const Request& first) const {
  constexpr size_t kMostTogether = 32;
  if (!IsBatchCandidate(first) || ExpectedMicros(first) == Session::kUnknown) return 1;
  // Runs that take long gain more from an idle worker than from being one.
  if (idle_workers_ == 0 || ExpectedMicros(first) < kWorthWakingMicros) return kMostTogether;
  return std::min(kMostTogether, requests_.size() / (idle_workers_ + 1) + 1);
}

std::vector<std::unique_ptr<Request>> DeviceQueue::TakeTogether() {
  std::vector<std::unique_ptr<Request>> taken;
  const size_t limit = BatchLimit(*requests_.front());
  taken.push_back(std::move(requests_.front()));
  requests_.pop_front();
  if (limit == 1 || requests_.empty()) return taken;
  auto keep = requests_.begin();
  for (auto next = requests_.begin(); next != requests_.end(); ++next) {
    if (taken.size() < limit && (*next)->session == taken[0]->session && IsBatchCandidate(**next))
      taken.push_back(std::move(*next));
    else if (keep++ != next)
      *std::prev(keep) = std::move(*next);
  }
  requests_.erase(keep, requests_.end());
  return taken;
}

std::vector<std::unique_ptr<Request>> DeviceQueue::Take(std::chrono::milliseconds idle) {
  const auto give_up = Clock::now() + idle;
  std::vector<std::unique_ptr<Request>> taken;
  while (taken.empty()) {
    bool wake = false;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      idle_workers_++;
      not_empty_.wait_until(lock, give_up, [&] { return closed_ || !requests_.empty(); });
      idle_workers_--;
      if (requests_.empty()) break;
      taken = TakeTogether();
      taken_ += taken.size();
      batches_++;
      wake = WorthAnother(*taken[0]);
    }
    if (wake) not_empty_.notify_one();
    RefuseLate(&taken);
  }
  return taken;
}

bool DeviceQueue::Cancel(const CompletionPort* port, uint32_t id) {
  std::unique_ptr<Request> request;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = std::find_if(requests_.begin(), requests_.end(), [&](const std::unique_ptr<Request>& waiting) {
      return waiting->id == id && waiting->port.get() == port;
    });
    if (found == requests_.end()) return false;
    request = std::move(*found);
    requests_.erase(found);
  }
  Refuse(std::move(request), {code::kCancelled, "The request was cancelled while it waited for a worker."});
  return true;
}

void DeviceQueue::Close() {
  std::deque<std::unique_ptr<Request>> refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    refused.swap(requests_);
  }
  not_empty_.notify_all();
  for (auto& request : refused) Refuse(std::move(request), Closed());
}

bool DeviceQueue::closed() {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_;
}

DeviceQueue::Stats DeviceQueue::stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  return {requests_.size(), taken_, batches_, quick_};
}

QueueTable& QueueTable::Get() {
  static auto* table = new QueueTable;
  return *table;
}

int QueueTable::Create() {
  std::lock_guard<std::mutex> lock(mutex_);
  queues_[next_id_] = std::make_shared<DeviceQueue>();
  return next_id_++;
}

void QueueTable::Remove(int id) {
  std::lock_guard<std::mutex> lock(mutex_);
  queues_.erase(id);
}

std::shared_ptr<DeviceQueue> QueueTable::Find(int id) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto found = queues_.find(id);
  return found == queues_.end() ? nullptr : found->second;
}

}  // namespace tensorgate
