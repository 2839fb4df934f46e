// Work in the background (background.h) for which JavaScript gets a promise.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>

#include "napi_setup.h"

namespace tensorgate {

// One per environment, whose event loop stays alive while there is something to settle. Shared with its jobs.
class BackgroundJobs : public std::enable_shared_from_this<BackgroundJobs> {
 public:
  // Settles the promise. On the loop; never called, only destroyed, if the environment has ended before.
  using Settle = std::function<void(Napi::Env, const Napi::Promise::Deferred&)>;
  // In a background thread, no JavaScript. What it throws rejects the promise.
  using Work = std::function<Settle()>;

  // Resolves with undefined.
  static Settle Done();

  explicit BackgroundJobs(napi_env env) : env_(env) {}
  BackgroundJobs(const BackgroundJobs&) = delete;
  BackgroundJobs& operator=(const BackgroundJobs&) = delete;

  // On the loop.
  Napi::Promise Start(Work work);

  // On the loop, from the environment's clean-up hook: waits for work in progress, and settles nothing after it. The
  // process must not end beneath TensorFlow while it loads.
  void Close();

 private:
  struct Job {
    Napi::Promise::Deferred deferred;
    Settle settle;
  };
  void Open();
  void Finish(std::unique_ptr<Job> job);
  static void OnDone(napi_env env, napi_value, void* context, void* data);

  // Of the loop's thread only.
  napi_env env_;
  size_t unsettled_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable ended_;
  size_t running_ = 0;
  napi_threadsafe_function done_ = nullptr;  // null until the first job, and once closed
};

}  // namespace tensorgate
