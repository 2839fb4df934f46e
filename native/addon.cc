// The addon's table of contents. What each function takes and gives is documented in src/native/binding.ts.
#include <algorithm>
#include <cstdlib>

#include "engine/tensorflow/op_library.h"
#include "env_data.h"
#include "export_raw.h"
#include "graph_runs.h"
#include "grpc/grpc_bindings.h"
#include "lane_bindings.h"
#include "process_memory.h"
#include "queue.h"
#include "quick_runs.h"
#include "request_bindings.h"
#include "run_trace_bindings.h"
#include "session_bindings.h"
#include "slab_pool.h"
#include "tflite_api.h"
#include "time_slice.h"

namespace tensorgate {

namespace {

Napi::Value OpenLibrary(const Napi::CallbackInfo& info) {
  const auto symbols = info[1].ToBoolean() ? TfSymbols::kShared : TfSymbols::kOwn;
  const std::string error = OpenTensorFlow(info[0].ToString().Utf8Value(), symbols);
  if (!error.empty()) {
    const std::string text = "libtensorflow cannot be opened: " + error +
                             ". Fetch it anew with `npm run install`, or name the folder of another copy in "
                             "LIBTENSORFLOW_DIR.";
    throw Napi::Error(info.Env(), MakeError(info.Env(), {code::kUnavailable, text}));
  }
  return Napi::String::New(info.Env(), tf.TF_Version());
}

Napi::Value OpenLiteLibrary(const Napi::CallbackInfo& info) {
  const std::string error = OpenTensorFlowLite(info[0].ToString().Utf8Value());
  if (!error.empty()) throw Napi::Error(info.Env(), MakeError(info.Env(), {code::kFailedPrecondition, error}));
  return Napi::String::New(info.Env(), tflite.TfLiteVersion());
}

void LoadLibraryOfOps(const Napi::CallbackInfo& info) {
  const Status status = LoadOpLibrary(info[0].ToString().Utf8Value());
  if (!status.ok()) throw Napi::Error(info.Env(), MakeError(info.Env(), status));
}

Napi::Value CreateQueue(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), QueueTable::Get().Add(std::make_shared<DeviceQueue>()));
}

void CloseQueue(const Napi::CallbackInfo& info) {
  if (const auto queue = QueueTable::Get().Find(info[0].ToNumber())) queue->Close();
}

void RemoveQueue(const Napi::CallbackInfo& info) { QueueTable::Get().Remove(info[0].ToNumber()); }

Napi::Value QueueStats(const Napi::CallbackInfo& info) {
  const auto queue = QueueTable::Get().Find(info[0].ToNumber());
  const DeviceQueue::Stats stats = queue ? queue->stats() : DeviceQueue::Stats{};
  Napi::Object result = Napi::Object::New(info.Env());
  result["waiting"] = static_cast<double>(stats.waiting);
  result["taken"] = static_cast<double>(stats.taken);
  result["batches"] = static_cast<double>(stats.batches);
  result["quick"] = static_cast<double>(stats.quick);
  result["refused"] = static_cast<double>(stats.refused);
  result["dropped"] = static_cast<double>(stats.dropped);
  result["late"] = static_cast<double>(stats.runs.late);
  result["held"] = static_cast<double>(stats.held);
  result["blocked"] = static_cast<double>(stats.blocked);
  result["rows"] = static_cast<double>(stats.runs.rows);
  auto runs = Napi::Array::New(info.Env(), RunLog::kSizes);
  for (uint32_t i = 0; i < RunLog::kSizes; i++) runs[i] = static_cast<double>(stats.runs.runs_by_rows[i]);
  result["runsByRows"] = runs;
  return result;
}

void AllowSlowerQuickRuns(const Napi::CallbackInfo& info) {
  QuickRuns::AllowSlower(std::max(1u, info[0].ToNumber().Uint32Value()));
}

Napi::Value GraphRunStats(const Napi::CallbackInfo& info) {
  const GraphRuns& runs = GraphRuns::Get();
  auto buckets = Napi::Array::New(info.Env(), runs.buckets().size());
  for (uint32_t i = 0; i < runs.buckets().size(); i++) buckets[i] = static_cast<double>(runs.buckets()[i]);
  Napi::Object result = Napi::Object::New(info.Env());
  result["failures"] = static_cast<double>(runs.failures());
  result["micros"] = static_cast<double>(runs.micros());
  result["buckets"] = buckets;
  return result;
}

void SetMemoryBudget(const Napi::CallbackInfo& info) {
  SetTensorMemoryBudget(static_cast<size_t>(info[0].ToNumber().DoubleValue()));
}

Napi::Value ReserveMemory(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), ReserveTensorMemory(static_cast<size_t>(info[0].ToNumber().DoubleValue())));
}

void ReleaseMemory(const Napi::CallbackInfo& info) {
  ReleaseTensorMemory(static_cast<size_t>(info[0].ToNumber().DoubleValue()));
}

Napi::Value MemoryStats(const Napi::CallbackInfo& info) {
  const SlabStats stats = TensorMemoryStats();
  Napi::Object result = Napi::Object::New(info.Env());
  result["usedBytes"] = static_cast<double>(stats.used_bytes);
  result["idleBytes"] = static_cast<double>(stats.idle_bytes);
  result["budgetBytes"] = static_cast<double>(stats.budget_bytes);
  return result;
}

Napi::Value DataTypes(const Napi::CallbackInfo& info) {
  auto list = Napi::Array::New(info.Env(), kDataTypes.size());
  for (uint32_t i = 0; i < kDataTypes.size(); i++) {
    Napi::Object row = Napi::Object::New(info.Env());
    row["dtype"] = static_cast<int>(kDataTypes[i].dtype);
    row["name"] = kDataTypes[i].name;
    row["byteSize"] = static_cast<double>(kDataTypes[i].size);
    list[i] = row;
  }
  return list;
}

// Ends the process without waiting for workers: for the one case where a run outlasts the drain limit.
void ExitNow(const Napi::CallbackInfo& info) { std::_Exit(info[0].ToNumber().Int32Value()); }

}  // namespace

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  EnvData::Attach(env);

  exports["openLibrary"] = Napi::Function::New(env, OpenLibrary);
  exports["openLiteLibrary"] = Napi::Function::New(env, OpenLiteLibrary);
  exports["loadOpLibrary"] = Napi::Function::New(env, LoadLibraryOfOps);
  exports["dataTypes"] = Napi::Function::New(env, DataTypes);

  exports["listDevices"] = Napi::Function::New(env, ListDevices);
  exports["loadSession"] = Napi::Function::New(env, LoadSession);
  exports["proveRows"] = Napi::Function::New(env, ProveRowsOf);
  exports["releaseSession"] = Napi::Function::New(env, ReleaseSession);
  exports["prepareSignature"] = Napi::Function::New(env, PrepareSignature);
  exports["removeSignature"] = Napi::Function::New(env, RemoveSignature);
  exports["sharesRuns"] = Napi::Function::New(env, SharesRuns);
  exports["stopSharing"] = Napi::Function::New(env, StopSharing);

  exports["nameSession"] = Napi::Function::New(env, NameSession);
  exports["unnameSession"] = Napi::Function::New(env, UnnameSession);
  exports["startRunTrace"] = Napi::Function::New(env, StartRunTrace);
  exports["stopRunTrace"] = Napi::Function::New(env, StopRunTrace);

  exports["createQueue"] = Napi::Function::New(env, CreateQueue);
  exports["closeQueue"] = Napi::Function::New(env, CloseQueue);
  exports["removeQueue"] = Napi::Function::New(env, RemoveQueue);
  exports["queueStats"] = Napi::Function::New(env, QueueStats);
  exports["allowSlowerQuickRuns"] = Napi::Function::New(env, AllowSlowerQuickRuns);
  ExportRaw(env, exports, "serve", ServeQueue);

  exports["openLane"] = Napi::Function::New(env, OpenLane);
  exports["watchRuns"] = Napi::Function::New(env, WatchRuns);
  exports["blockLane"] = Napi::Function::New(env, BlockLane);
  exports["closeLane"] = Napi::Function::New(env, CloseLane);

  ExportRaw(env, exports, "attach", Attach);
  ExportRaw(env, exports, "submit", Submit);
  ExportRaw(env, exports, "submitJson", SubmitJson);
  ExportRaw(env, exports, "cancel", Cancel);
  ExportRaw(env, exports, "copyOutput", CopyOutput);

  ExportGrpc(env, exports);

  exports["graphRunStats"] = Napi::Function::New(env, GraphRunStats);
  exports["setMemoryBudget"] = Napi::Function::New(env, SetMemoryBudget);
  exports["reserveMemory"] = Napi::Function::New(env, ReserveMemory);
  exports["releaseMemory"] = Napi::Function::New(env, ReleaseMemory);
  exports["memoryStats"] = Napi::Function::New(env, MemoryStats);
  exports["trimMemory"] = Napi::Function::New(env, TrimMemory);
  exports["shortenTimeSlice"] = Napi::Function::New(env, [](const Napi::CallbackInfo&) { ShortenTimeSlice(); });
  exports["exitNow"] = Napi::Function::New(env, ExitNow);
  return exports;
}

}  // namespace tensorgate

static Napi::Object InitAddon(Napi::Env env, Napi::Object exports) { return tensorgate::Init(env, exports); }
NODE_API_MODULE(tensorgate, InitAddon)
