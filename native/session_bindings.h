// Sessions and signatures as JavaScript sees them.
#pragma once

#include "napi_setup.h"

namespace tensorgate {

// listDevices(config) -> [{ name, memoryBytes }, …]
Napi::Value ListDevices(const Napi::CallbackInfo& info);
// loadSession({ directory, tags, config, …, device, target }) -> Promise<{ id, metaGraph, steadySignatures,
// rowProofs, lastingEffects }>
Napi::Value LoadSession(const Napi::CallbackInfo& info);
// proveRows(metaGraphDef) -> [{ signature, proven, reason }, …]
Napi::Value ProveRowsOf(const Napi::CallbackInfo& info);
// releaseSession(id) -> Promise<void>
Napi::Value ReleaseSession(const Napi::CallbackInfo& info);
// prepareSignature(sessionId, name, inputs, outputs, batchable) -> { id, inputTypes, outputTypes, refusal?,
// outputRefusals? }
Napi::Value PrepareSignature(const Napi::CallbackInfo& info);
// removeSignature(id)
void RemoveSignature(const Napi::CallbackInfo& info);
// sharesRuns(id) -> boolean
Napi::Value SharesRuns(const Napi::CallbackInfo& info);
// stopSharing(id)
void StopSharing(const Napi::CallbackInfo& info);

}  // namespace tensorgate
