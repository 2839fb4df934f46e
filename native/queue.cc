#include "queue.h"

#include <algorithm>

#include "completion_port.h"

namespace tensorgate {

namespace {

void Refuse(std::unique_ptr<Request> request, Status status) {
  request->status = std::move(status);
  const auto port = request->port;
  port->Complete(std::move(request));
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

void DeviceQueue::Wake() {
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    wake = idle_workers_ > 0 && !requests_.empty();
  }
  if (wake) not_empty_.notify_one();
}

bool DeviceQueue::WorthAnother(const Request& taken) const {
  // What waits is served sooner by the worker that is awake than by one that must be woken, if it is less than this.
  constexpr uint64_t kWorthWakingMicros = 60;
  if (idle_workers_ == 0 || requests_.empty()) return false;
  return ExpectedMicros(taken) * static_cast<uint64_t>(requests_.size()) > kWorthWakingMicros;
}

std::unique_ptr<Request> DeviceQueue::Take(std::chrono::milliseconds idle) {
  const auto give_up = Clock::now() + idle;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    idle_workers_++;
    not_empty_.wait_until(lock, give_up, [&] { return closed_ || !requests_.empty(); });
    idle_workers_--;
    if (requests_.empty()) return nullptr;
    std::unique_ptr<Request> request = std::move(requests_.front());
    requests_.pop_front();
    const auto now = Clock::now();
    request->queue_micros = std::chrono::duration_cast<std::chrono::microseconds>(now - request->submitted).count();
    const bool wanted = now < request->deadline;
    const bool wake = wanted && WorthAnother(*request);
    lock.unlock();
    if (wake) not_empty_.notify_one();
    if (wanted) return request;
    Refuse(std::move(request), {code::kDeadlineExceeded, "The deadline passed while the request waited for a worker."});
    lock.lock();
  }
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

size_t DeviceQueue::waiting() {
  std::lock_guard<std::mutex> lock(mutex_);
  return requests_.size();
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
