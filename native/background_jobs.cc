#include "background_jobs.h"

#include <exception>
#include <string>
#include <utility>

#include "background.h"
#include "status.h"

namespace tensorgate {

namespace {

BackgroundJobs::Settle Rejection(std::string reason) {
  return [reason = std::move(reason)](Napi::Env env, const Napi::Promise::Deferred& deferred) {
    deferred.Reject(MakeError(env, {code::kInternal, reason}));
  };
}

BackgroundJobs::Settle Outcome(const BackgroundJobs::Work& work) {
  try {
    return work();
  } catch (const std::exception& error) {
    return Rejection(std::string("The work in the background failed: ") + error.what() + ".");
  }
}

}  // namespace

BackgroundJobs::Settle BackgroundJobs::Done() {
  return [](Napi::Env env, const Napi::Promise::Deferred& deferred) { deferred.Resolve(env.Undefined()); };
}

void BackgroundJobs::Open() {
  if (done_) return;
  const auto name = Napi::String::New(env_, "tensorgate background");
  napi_create_threadsafe_function(env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, OnDone, &done_);
  napi_unref_threadsafe_function(env_, done_);
}

Napi::Promise BackgroundJobs::Start(Work work) {
  Open();
  auto job = std::make_shared<std::unique_ptr<Job>>(new Job{Napi::Promise::Deferred::New(env_), {}});
  const Napi::Promise promise = (*job)->deferred.Promise();
  if (unsettled_++ == 0) napi_ref_threadsafe_function(env_, done_);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    running_++;
  }
  RunInBackground([self = shared_from_this(), job, work = std::move(work)]() mutable {
    (*job)->settle = Outcome(work);
    work = nullptr;
    self->Finish(std::move(*job));
  });
  return promise;
}

void BackgroundJobs::Finish(std::unique_ptr<Job> job) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (done_ && napi_call_threadsafe_function(done_, job.get(), napi_tsfn_nonblocking) == napi_ok) job.release();
  }
  job.reset();  // before the environment may end: what nobody takes is given back here
  std::lock_guard<std::mutex> lock(mutex_);
  running_--;
  ended_.notify_all();
}

void BackgroundJobs::OnDone(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (!env) return;
  auto* self = static_cast<BackgroundJobs*>(context);
  if (--self->unsettled_ == 0) napi_unref_threadsafe_function(env, self->done_);
  try {
    job->settle(env, job->deferred);
  } catch (const Napi::Error& error) {
    job->deferred.Reject(error.Value());
  }
}

void BackgroundJobs::Close() {
  std::unique_lock<std::mutex> lock(mutex_);
  if (done_) napi_release_threadsafe_function(done_, napi_tsfn_abort);
  done_ = nullptr;
  ended_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace tensorgate
