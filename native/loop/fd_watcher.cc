#include "fd_watcher.h"

#include <cstdlib>
#include <utility>

namespace tensorgate {

namespace {

void FreeHandle(uv_handle_s* handle) { std::free(handle); }

}  // namespace

FdWatcher::FdWatcher(uv_loop_s* loop, int fd, std::function<void(int events)> callback)
    : handle_(static_cast<uv_handle_s*>(std::malloc(uv_handle_size(UV_POLL_HANDLE)))), callback_(std::move(callback)) {
  if (uv_poll_init(loop, handle_, fd) == 0)
    uv_handle_set_data(handle_, this);
  else
    FreeHandle(std::exchange(handle_, nullptr));
}

FdWatcher::~FdWatcher() {
  if (!handle_) return;
  uv_handle_set_data(handle_, nullptr);
  uv_close(handle_, FreeHandle);
}

void FdWatcher::Watch(int events) {
  if (!handle_ || events == watched_) return;
  watched_ = events;
  if (events == 0)
    uv_poll_stop(handle_);
  else
    uv_poll_start(handle_, events, OnEvents);
}

void FdWatcher::OnEvents(uv_handle_s* handle, int status, int events) {
  auto* watcher = static_cast<FdWatcher*>(uv_handle_get_data(handle));
  if (!watcher) return;
  // After an error libuv has stopped watching by itself.
  if (status < 0) watcher->watched_ = 0;
  // The callback may free the watcher, and with it the function that is being run.
  const std::function<void(int)> callback = watcher->callback_;
  callback(status < 0 ? UV_READABLE : events);
}

}  // namespace tensorgate
