// The hot path as JavaScript sees it. Raw N-API: no wrapper objects per call, and serve() must not throw while its
// worker is being terminated.
#pragma once

#include "napi_setup.h"

namespace tensorgate {

// attach(mailbox: Float64Array, onCompletions: (records: number) => void)
napi_value Attach(napi_env env, napi_callback_info info);
// submit(queueId, signatureId, requestId, words: Float64Array, body: Uint8Array)
napi_value Submit(napi_env env, napi_callback_info info);
// submitJson(queueId, sessionId, requestId, millisLeft, body: Uint8Array)
napi_value SubmitJson(napi_env env, napi_callback_info info);
// cancel(queueId, requestId) -> boolean
napi_value Cancel(napi_env env, napi_callback_info info);
// copyOutput(record, output, target: Uint8Array, offset)
napi_value CopyOutput(napi_env env, napi_callback_info info);
// serve(queueId, idleMillis) -> boolean
napi_value ServeQueue(napi_env env, napi_callback_info info);

}  // namespace tensorgate
