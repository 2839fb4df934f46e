#include "turn_hook.h"

#include <cstdlib>
#include <utility>

namespace tensorgate {

namespace {

uv_handle_s* NewHandle(int type) { return static_cast<uv_handle_s*>(std::malloc(uv_handle_size(type))); }

void Close(uv_handle_s* handle) {
  uv_handle_set_data(handle, nullptr);
  uv_close(handle, [](uv_handle_s* closed) { std::free(closed); });
}

}  // namespace

TurnHook::TurnHook(uv_loop_s* loop, std::function<void()> callback)
    : check_(NewHandle(UV_CHECK_HANDLE)), prepare_(NewHandle(UV_PREPARE_HANDLE)), callback_(std::move(callback)) {
  uv_check_init(loop, check_);
  uv_prepare_init(loop, prepare_);
  for (uv_handle_s* handle : {check_, prepare_}) {
    uv_handle_set_data(handle, this);
    uv_unref(handle);
  }
  uv_check_start(check_, OnPhase);
  uv_prepare_start(prepare_, OnPhase);
}

TurnHook::~TurnHook() {
  Close(check_);
  Close(prepare_);
}

void TurnHook::OnPhase(uv_handle_s* handle) {
  auto* hook = static_cast<TurnHook*>(uv_handle_get_data(handle));
  if (!hook) return;
  // The callback may free the hook, and with it the function that is being run.
  const std::function<void()> callback = hook->callback_;
  callback();
}

}  // namespace tensorgate
