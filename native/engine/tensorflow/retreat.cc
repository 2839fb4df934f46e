#include "engine/tensorflow/retreat.h"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <iterator>
#include <new>
#include <utility>

#include "background.h"
#include "completion_port.h"
#include "engine/tensorflow/files_stamp.h"
#include "engine/tensorflow/lean_executor.h"
#include "queue.h"

namespace tensorgate {

namespace {

// Work in the background that the process must not end in the midst of. Never destroyed.
class Works {
 public:
  static Works& Get() {
    static auto* works = new Works;
    return *works;
  }
  void Start(std::function<void()> work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      running_++;
    }
    RunInBackground([this, work = std::move(work)]() mutable {
      work();
      work = nullptr;
      std::lock_guard<std::mutex> lock(mutex_);
      running_--;
      ended_.notify_all();
    });
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    ended_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  int running_ = 0;
};

using Requests = std::vector<std::unique_ptr<Request>>;

void Fail(Requests requests, const Status& status) {
  for (auto& request : requests) {
    request->status = status;
    const auto port = request->port;
    port->Complete(std::move(request));
  }
}

// Each into the queue that it came from, those of one queue at once.
void PutBack(Requests requests) {
  while (!requests.empty()) {
    const auto queue = requests.back()->access->queue;
    const auto other = std::stable_partition(requests.begin(), requests.end(),
                                             [&](const auto& request) { return request->access->queue != queue; });
    Requests together(std::make_move_iterator(other), std::make_move_iterator(requests.end()));
    requests.erase(other, requests.end());
    queue->PutBack(std::move(together));
  }
}

// As if it had just come out of the queue for the first time; it stays decoded.
void Renew(Request* request) {
  request->status = {};
  request->run_micros = request->run_rows = request->runs = 0;
  request->decode_micros = request->format_micros = 0;
}

Status Changed(const std::string& directory) {
  return {code::kFailedPrecondition, "the files in " + directory +
                                         " are not those any more that it was loaded from. Put a changed model into a "
                                         "version folder of its own"};
}

}  // namespace

LeanHold::LeanHold(const Session& lean) : lean_(&lean) { lean.retreat()->lean_runs_.lock_shared(); }

LeanHold::~LeanHold() {
  if (!lean_) return;
  Retreat* retreat = lean_->retreat();
  retreat->lean_runs_.unlock_shared();
  if (retreat->begun()) retreat->CloseIfIdle(std::const_pointer_cast<Session>(lean_->shared_from_this()));
}

Retreat::Retreat(SessionOptions general) : options_(std::move(general)), files_(StampFiles(options_.directory)) {}

std::shared_ptr<Session> Retreat::general() const {
  return has_general_.load(std::memory_order_acquire) ? general_ : nullptr;
}

void Retreat::Take(std::unique_ptr<Request> request, const std::shared_ptr<Session>& lean) {
  begun_.store(true, std::memory_order_relaxed);
  Renew(request.get());
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!general_) {
      waiting_.push_back(std::move(request));
      if (std::exchange(loading_, true)) return;
    }
  }
  if (request) {
    Requests loaded_meanwhile;
    loaded_meanwhile.push_back(std::move(request));
    return PutBack(std::move(loaded_meanwhile));
  }
  Works::Get().Start([lean] { lean->retreat()->Load(lean); });
}

void Retreat::WaitForLoads() { Works::Get().Wait(); }

void Retreat::Load(const std::shared_ptr<Session>& lean) {
  Status status;
  auto general = LoadGeneral(&status);
  Requests waiting;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting.swap(waiting_);
    general_ = std::move(general);
    loading_ = false;
    has_general_.store(general_ != nullptr, std::memory_order_release);
  }
  if (!status.ok()) return Fail(std::move(waiting), status);
  PutBack(std::move(waiting));
  CloseIfIdle(lean);
}

void Retreat::CloseIfIdle(std::shared_ptr<Session> lean) {
  if (!has_general_.load(std::memory_order_acquire) || !lean_runs_.try_lock()) return;
  lean_runs_.unlock();  // those that come from now on find the other session
  if (is_closed_.exchange(true)) return;
  Works::Get().Start([lean = std::move(lean)] { lean->Close(); });
}

// Never a mix of two models under one version: the files must be the same before and after.
std::shared_ptr<Session> Retreat::LoadGeneral(Status* status) const {
  std::shared_ptr<Session> session;
  try {
    if (StampFiles(options_.directory) == files_) session = Session::Load(options_, status);
    if (status->ok() && StampFiles(options_.directory) != files_) *status = Changed(options_.directory);
  } catch (const std::bad_alloc&) {
    *status = {code::kResourceExhausted, "there is not enough memory"};
  } catch (const std::exception& error) {
    *status = {code::kInternal, error.what()};
  }
  if (status->ok()) return session;
  status->message =
      "TensorFlow's single-threaded executor does not run this graph, and the model cannot be loaded for the "
      "usual one: " +
      status->message + ".";
  return nullptr;
}

void TakeRefused(std::vector<std::unique_ptr<Request>>* executed) {
  for (auto& request : *executed) {
    if (request->status.code != kRefusedByLeanExecutor) continue;
    const std::shared_ptr<Session> lean = request->signature->session();
    lean->retreat()->Take(std::move(request), lean);
  }
  std::erase(*executed, nullptr);
}

}  // namespace tensorgate
