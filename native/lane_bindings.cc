#include "lane_bindings.h"

#include <algorithm>

#include "env_data.h"
#include "queue.h"
#include "session_table.h"
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

// In the background: another server must be told, and what the runs leave behind is given back there.
void Interrupt(Napi::Env env, const LaneAccess& access) {
  auto session = access.session.lock();
  if (!session) return;
  SessionTable::Get().ShareNoMore(session.get());
  EnvData::Of(env)->jobs->Start([session = std::move(session)] {
    session->Interrupt();
    return BackgroundJobs::Done();
  });
}

}  // namespace

// watchRuns(queue, longestRunMillis, mostExtraWorkers) -> { replacements, lanes: [{ lane, isNew, runs }], givenUp }
Napi::Value WatchRuns(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto queue = QueueTable::Get().Find(info[0].ToNumber());
  if (!queue) return env.Undefined();
  const auto port = EnvData::Of(env)->port;
  const std::chrono::milliseconds longest(info[1].ToNumber().Int64Value());
  const WatchReport report = queue->Watch({longest, info[2].ToNumber().Uint32Value()});
  if (report.replacements == 0 && report.blocked.empty()) return env.Undefined();
  auto lanes = Napi::Array::New(env);
  for (const auto& blocked : report.blocked) {
    // Those that share the session are blocked by whoever watches, each for itself.
    if (blocked.is_new && blocked.runs > 0) Interrupt(env, *blocked.access);
    Napi::Object lane = Napi::Object::New(env);
    lane["lane"] = blocked.access->number;
    lane["isNew"] = blocked.is_new;
    lane["runs"] = static_cast<double>(blocked.runs);
    lanes[lanes.Length()] = lane;
  }
  auto given_up = Napi::Array::New(env);
  for (const RequestKey& request : report.given_up)
    if (request.port == port.get()) given_up[given_up.Length()] = static_cast<double>(request.id);
  Napi::Object result = Napi::Object::New(env);
  result["replacements"] = static_cast<double>(report.replacements);
  result["lanes"] = lanes;
  result["givenUp"] = given_up;
  return result;
}

void BlockLane(const Napi::CallbackInfo& info) {
  if (const auto access = LaneTable::Get().Find(info[0].ToNumber())) access->queue->Block(access);
}

// openLane(queue, { model, session, limits, batching? })
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
  if (given.Get("session").IsNumber()) access->session = SessionTable::Get().Find(given.Get("session").ToNumber());
  access->number = LaneTable::Get().Add(access);
  return Napi::Number::New(info.Env(), access->number);
}

void CloseLane(const Napi::CallbackInfo& info) { LaneTable::Get().Remove(info[0].ToNumber()); }

}  // namespace tensorgate
