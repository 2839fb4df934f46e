#include "background.h"

#include <future>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "time_slice.h"

namespace tensorgate {

namespace {

// A thread that waits for the next work, and lies among the idle ones meanwhile. Never ends.
class Background {
 public:
  Background() {
    std::thread([this] { Loop(); }).detach();
  }

  void Run(std::function<void()> work) { next_.set_value(std::move(work)); }

 private:
  void Loop();

  std::promise<std::function<void()>> next_;
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

  void Give(Background* thread) {
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(thread);
  }

 private:
  std::mutex mutex_;
  std::vector<Background*> idle_;
};

void Background::Loop() {
  ShortenTimeSlice();
  for (;;) {
    {
      const std::function<void()> work = next_.get_future().get();
      next_ = {};  // before it is idle again: then the next may come
      work();
    }
    IdleThreads::Get().Give(this);
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
