// openLane() and closeLane(): see src/native/binding.ts.
#pragma once

#include "napi_setup.h"

namespace tensorgate {

Napi::Value OpenLane(const Napi::CallbackInfo& info);
Napi::Value WatchRuns(const Napi::CallbackInfo& info);
void BlockLane(const Napi::CallbackInfo& info);
void CloseLane(const Napi::CallbackInfo& info);

}  // namespace tensorgate
