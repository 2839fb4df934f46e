#pragma once

#include "napi_setup.h"

namespace tensorgate {

// Adds a function written in raw N-API to `exports`.
inline void ExportRaw(napi_env env, napi_value exports, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, exports, name, value);
}

}  // namespace tensorgate
