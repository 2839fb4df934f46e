// Work that is put off to the end of the event loop's turn, so that it is done once for all that the turn has brought.
#pragma once

#include <functional>

#include "uv.h"

namespace tensorgate {

// Calls the function in each turn of the loop: after its sockets have been seen to, and again before it goes to sleep
// (for what timers, immediates and promises have done). Does not keep the loop alive. Made and freed on its thread.
class TurnHook {
 public:
  TurnHook(uv_loop_s* loop, std::function<void()> callback);
  ~TurnHook();
  TurnHook(const TurnHook&) = delete;
  TurnHook& operator=(const TurnHook&) = delete;

 private:
  static void OnPhase(uv_handle_s* handle);

  uv_handle_s* check_;  // both freed by libuv's close callback
  uv_handle_s* prepare_;
  std::function<void()> callback_;
};

}  // namespace tensorgate
