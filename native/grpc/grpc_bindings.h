// The gRPC listener as JavaScript sees it; what each function takes and gives: src/native/grpc-binding.ts.
#pragma once

#include "../napi_setup.h"

namespace tensorgate {

// Adds all of them to the addon's exports.
void ExportGrpc(napi_env env, napi_value exports);

}  // namespace tensorgate
