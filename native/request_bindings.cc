#include "request_bindings.h"

#include <algorithm>
#include <new>

#include "env_data.h"
#include "napi_arguments.h"
#include "queue.h"
#include "serve.h"
#include "session_table.h"
#include "submission.h"

namespace tensorgate {

namespace {

Status Unloaded() { return {code::kUnavailable, "The model was unloaded while the request came in."}; }

std::unique_ptr<Request> NewRequest(EnvData* data, int32_t id) {
  auto request = std::make_unique<Request>();
  request->id = static_cast<uint32_t>(id);
  request->port = data->port;
  return request;
}

// With `.retryMicros`, if it is worth the client's while to try again: how long it had better wait.
void ThrowRefusal(napi_env env, const Refusal& refusal) {
  const napi_value error = MakeError(env, refusal.status);
  if (refusal.retry_after.count() > 0) {
    napi_value micros;
    napi_create_double(env, static_cast<double>(refusal.retry_after.count()), &micros);
    napi_set_named_property(env, error, "retryMicros", micros);
  }
  napi_throw(env, error);
}

// Fills the request by `read`, then queues it. All errors become JavaScript's; the request is then gone.
template <typename Read>
void SubmitTo(napi_env env, int lane_id, int32_t request_id, Read read) {
  EnvData* data = EnvData::Of(env);
  const auto access = LaneTable::Get().Find(lane_id);
  if (!access || !data->port) return Throw(env, Unloaded());
  try {
    auto request = NewRequest(data, request_id);
    request->access = access;
    const Status status = read(request.get());
    if (!status.ok()) return Throw(env, status);
    const Refusal refusal = access->queue->Submit(std::move(request));
    if (!refusal.status.ok()) return ThrowRefusal(env, refusal);
    data->port->RequestSubmitted(access->queue);
  } catch (const std::bad_alloc&) {
    Throw(env, NoMemory());
  }
}

}  // namespace

napi_value Attach(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  EnvData::Of(env)->port = std::make_shared<CompletionPort>(env, arguments[0], arguments[1]);
  return nullptr;
}

napi_value Submit(napi_env env, napi_callback_info info) {
  const Arguments<5> arguments(env, info);
  SubmitTo(env, arguments.Int(0), arguments.Int(2), [&](Request* request) -> Status {
    request->signature = SignatureTable::Get().Find(arguments.Int(1));
    if (!request->signature) return Unloaded();
    if (!request->signature->refusal().ok()) return request->signature->refusal();
    request->session = request->signature->session();
    return ReadSubmission(arguments.Array<const double>(3, napi_float64_array),
                          arguments.Array<const uint8_t>(4, napi_uint8_array), request);
  });
  return nullptr;
}

napi_value SubmitJson(napi_env env, napi_callback_info info) {
  const Arguments<7> arguments(env, info);
  SubmitTo(env, arguments.Int(0), arguments.Int(2), [&](Request* request) -> Status {
    request->session = SessionTable::Get().Find(arguments.Int(1));
    if (!request->session) return Unloaded();
    request->is_json = true;
    request->json_session_id = arguments.Int(1);
    request->deadline = DeadlineIn(arguments.Number(3));
    request->priority = std::min<size_t>(static_cast<uint32_t>(arguments.Int(4)), kPriorities - 1);
    request->json_with_tensors = arguments.Bool(6);
    const auto body = arguments.Array<const uint8_t>(5, napi_uint8_array);
    request->body_bytes = body.size();
    request->work_size = body.size() + 1;
    request->json_body = Slab(body.size());
    std::copy(body.begin(), body.end(), request->json_body.data());
    return {};
  });
  return nullptr;
}

napi_value Cancel(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  const auto access = LaneTable::Get().Find(arguments.Int(0));
  const auto port = EnvData::Of(env)->port;
  const auto id = static_cast<uint32_t>(arguments.Int(1));
  napi_value result;
  napi_get_boolean(env, access && access->queue->Cancel(port.get(), id), &result);
  return result;
}

napi_value CopyOutput(napi_env env, napi_callback_info info) {
  const Arguments<4> arguments(env, info);
  const auto target = arguments.Array<uint8_t>(2, napi_uint8_array);
  const double offset = arguments.Number(3);
  const auto port = EnvData::Of(env)->port;
  if (!port || !(offset >= 0 && offset <= static_cast<double>(target.size())))
    return Throw(env, {code::kInternal, "The output does not fit the memory it is copied to."}), nullptr;
  const auto begin = static_cast<size_t>(offset);
  const Status status =
      port->CopyOutput(static_cast<uint32_t>(arguments.Int(0)), static_cast<uint32_t>(arguments.Int(1)),
                       target.data() + begin, target.size() - begin);
  if (!status.ok()) Throw(env, status);
  return nullptr;
}

napi_value ServeQueue(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  const auto queue = QueueTable::Get().Find(arguments.Int(0));
  napi_value again;
  napi_get_boolean(env, queue && Serve(*queue, std::chrono::milliseconds(arguments.Int(1))), &again);
  return again;
}

}  // namespace tensorgate
