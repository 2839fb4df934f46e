#include "lane_bindings.h"

#include <algorithm>

#include "queue.h"
#include "status.h"

namespace tensorgate {

namespace {

int64_t Whole(const Napi::Object& object, const char* name) { return object.Get(name).ToNumber().Int64Value(); }

// { mostWaiting, mostRunning, longestWaitMicros }
LaneLimits Limits(const Napi::Object& given) {
  return {static_cast<size_t>(Whole(given, "mostWaiting")), static_cast<size_t>(Whole(given, "mostRunning")),
          std::chrono::microseconds(Whole(given, "longestWaitMicros"))};
}

// { maxRows, maxRunRows, timeoutMicros, maxWaitingBatches, allowedRows, padsInner, splits }
BatchPolicy Policy(const Napi::Object& given) {
  BatchPolicy policy;
  policy.is_given = true;
  policy.max_rows = Whole(given, "maxRows");
  policy.max_run_rows = std::max<int64_t>(Whole(given, "maxRunRows"), 1);
  // A year is for ever; more than three centuries would be more than a clock can count.
  policy.timeout = std::min<std::chrono::microseconds>(std::chrono::microseconds(Whole(given, "timeoutMicros")),
                                                       std::chrono::hours(24 * 365));
  policy.max_waiting_batches = Whole(given, "maxWaitingBatches");
  policy.pads_inner = given.Get("padsInner").ToBoolean();
  policy.splits = given.Get("splits").ToBoolean();
  const auto allowed = given.Get("allowedRows").As<Napi::Array>();
  for (uint32_t i = 0; i < allowed.Length(); i++) policy.allowed_rows.push_back(allowed.Get(i).ToNumber().Int64Value());
  return policy;
}

}  // namespace

// openLane(queue, { model, limits, batching? })
Napi::Value OpenLane(const Napi::CallbackInfo& info) {
  const auto queue = QueueTable::Get().Find(info[0].ToNumber());
  if (!queue) throw Napi::Error(info.Env(), MakeError(info.Env(), {code::kInternal, "There is no such queue."}));
  const auto given = info[1].As<Napi::Object>();
  BatchPolicy policy;
  std::string pool_name;
  size_t pool_threads = 0;
  if (given.Get("batching").IsObject()) {
    const auto batching = given.Get("batching").As<Napi::Object>();
    policy = Policy(batching);
    pool_name = batching.Get("poolName").ToString().Utf8Value();
    pool_threads = static_cast<size_t>(Whole(batching, "poolThreads"));
  }
  auto access =
      queue->OpenLane(given.Get("model").ToString().Utf8Value(), Limits(given.Get("limits").As<Napi::Object>()),
                      std::move(policy), pool_name, pool_threads);
  return Napi::Number::New(info.Env(), LaneTable::Get().Add(std::move(access)));
}

void CloseLane(const Napi::CallbackInfo& info) { LaneTable::Get().Remove(info[0].ToNumber()); }

}  // namespace tensorgate
