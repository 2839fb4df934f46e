// Tells when a file descriptor can be read or written.
#pragma once

#include <functional>

#include "uv.h"

namespace tensorgate {

// Made, used and freed on the loop's thread, also from within its own callback. Does not own the descriptor, which must
// stay open for as long as it lives.
class FdWatcher {
 public:
  // `events` of the callback: UV_READABLE, UV_WRITABLE; errors show as readable, reading then tells which, and nothing
  // more is told before the next Watch().
  FdWatcher(uv_loop_s* loop, int fd, std::function<void(int events)> callback);
  ~FdWatcher();
  FdWatcher(const FdWatcher&) = delete;
  FdWatcher& operator=(const FdWatcher&) = delete;

  // False if the system could not watch the descriptor: nothing will ever be told of it.
  bool ok() const { return handle_ != nullptr; }

  // From now on wait for these; none: wait for nothing.
  void Watch(int events);

 private:
  static void OnEvents(uv_handle_s* handle, int status, int events);

  uv_handle_s* handle_;  // freed by libuv's close callback; null if it could not be made
  int watched_ = 0;
  std::function<void(int)> callback_;
};

}  // namespace tensorgate
