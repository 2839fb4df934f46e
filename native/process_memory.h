// Memory that the process holds but does not use.
#pragma once

#include "napi_setup.h"

namespace tensorgate {

// trimMemory() -> Promise<void>
Napi::Value TrimMemory(const Napi::CallbackInfo& info);

}  // namespace tensorgate
