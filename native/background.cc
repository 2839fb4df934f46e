#include "background.h"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "time_slice.h"

namespace tensorgate {

namespace {

constexpr size_t kMostIdle = 8;

// A thread that waits for the next work, and lies among the idle ones meanwhile. Belongs to itself: it ends when there
// are enough of them.
class Background {
 public:
  Background() {
    std::thread([this] { Loop(); }).detach();
  }

  void Run(std::function<void()> work) {
    std::lock_guard<std::mutex> lock(mutex_);
    next_ = std::move(work);
    has_next_.notify_one();  // under the lock: once it is let go, this may be gone
  }

 private:
  void Loop();
  std::function<void()> Next() {
    std::unique_lock<std::mutex> lock(mutex_);
    has_next_.wait(lock, [this] { return next_ != nullptr; });
    return std::exchange(next_, nullptr);
  }

  std::mutex mutex_;
  std::condition_variable has_next_;
  std::function<void()> next_;
};

class IdleThreads {
 public:
  // Never destroyed: its threads may still wait while the process ends.
  static IdleThreads& Get() {
    static auto* threads = new IdleThreads;
    return *threads;
  }

  // Throws std::system_error if there is none and none can be made.
  Background* Take() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return new Background;
    Background* last = idle_.back();
    idle_.pop_back();
    return last;
  }

  // False if there are enough.
  bool Give(Background* thread) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.size() == kMostIdle) return false;
    idle_.push_back(thread);
    return true;
  }

 private:
  std::mutex mutex_;
  std::vector<Background*> idle_;
};

void Background::Loop() {
  ShortenTimeSlice();
  for (;;) {
    Next()();
    if (!IdleThreads::Get().Give(this)) return delete this;
  }
}

}  // namespace

void RunInBackground(std::function<void()> work) {
  Background* thread = nullptr;
  try {
    thread = IdleThreads::Get().Take();
  } catch (const std::system_error&) {
    return work();
  }
  thread->Run(std::move(work));
}

}  // namespace tensorgate
