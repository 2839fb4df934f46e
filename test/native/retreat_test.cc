// A lean session that gives way to the general one, in C++: what becomes of requests that its executor refuses, one
// sentence per check. On a stand-in for TensorFlow, and for the port that takes finished requests.
#include "engine/tensorflow/retreat.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "completion_port.h"
#include "engine/tensorflow/lean_executor.h"
#include "execute.h"
#include "fake_tensorflow.h"
#include "graph_runs.h"
#include "queue.h"
#include "serve.h"

namespace tensorgate {

using std::chrono::milliseconds;

namespace {

// What has come out. Locked.
std::mutex done_mutex;
std::condition_variable done_changed;
std::vector<std::unique_ptr<Request>> done;

}  // namespace

// In place of native/completion_port.cc, which needs Node.
TurnHook::~TurnHook() = default;
CompletionPort::CompletionPort(napi_env env, napi_value, napi_value) : env_(env) {}
void CompletionPort::Complete(std::unique_ptr<Request> request) {
  std::lock_guard<std::mutex> lock(done_mutex);
  done.push_back(std::move(request));
  done_changed.notify_all();
}

namespace {

void CheckEquals(const char* sentence, int64_t seen, int64_t expected, int line) {
  Check(seen == expected, sentence, line, std::to_string(seen) + ", not " + std::to_string(expected));
}

#define EQUALS(sentence, seen, expected) CheckEquals(sentence, (seen), (expected), __LINE__)

// Waits until so many have come out, and takes them.
std::vector<std::unique_ptr<Request>> TakeDone(size_t count) {
  std::unique_lock<std::mutex> lock(done_mutex);
  done_changed.wait_for(lock, std::chrono::seconds(20), [&] { return done.size() >= count; });
  return std::exchange(done, {});
}

Status LeanRefusal() {
  return {code::kFailedPrecondition, "Single-threaded executor does not support switch op, but saw node n."};
}

// What the stand-in's sessions do. Locked, or atomic.
struct Executors {
  std::atomic<bool> lean_refuses{true};
  std::atomic<bool> load_fails{false};
  std::atomic<int> lean_runs{0}, general_runs{0}, loads{0};
  std::atomic<bool> hold_load{false}, hold_run{false};  // one that the lean session does not refuse
  std::mutex mutex;
  std::set<std::thread::id> loaded_by;
};
Executors executors;

void UseExecutors() {
  SetFakeExecutor([](const std::string& config) -> Status {
    if (config == "general") return executors.general_runs++, Status{};
    executors.lean_runs++;
    if (executors.lean_refuses) return LeanRefusal();
    while (executors.hold_run) std::this_thread::sleep_for(milliseconds(1));
    return {};
  });
  SetFakeLoad([](const std::string& config) -> Status {
    if (config != "general") return {};
    {
      std::lock_guard<std::mutex> lock(executors.mutex);
      executors.loaded_by.insert(std::this_thread::get_id());
    }
    executors.loads++;
    while (executors.hold_load) std::this_thread::sleep_for(milliseconds(1));
    return executors.load_fails ? Status{code::kResourceExhausted, "no memory"} : Status{};
  });
}

// A model of one signature `x -> x_out`, with a queue, a lean session and files of its own.
class Model {
 public:
  explicit Model(BatchPolicy policy = {})
      : folder_(std::filesystem::temp_directory_path() / ("retreat-test-" + std::to_string(getpid()))),
        queue(std::make_shared<DeviceQueue>()),
        port(std::make_shared<CompletionPort>(nullptr, nullptr, nullptr)) {
    executors.lean_refuses = true;
    executors.load_fails = executors.hold_load = false;
    executors.lean_runs = executors.general_runs = executors.loads = 0;
    WriteGraph("one");
    SessionOptions options;
    options.directory = folder_.string();
    options.config = "lean";
    options.general_config = "general";
    Status status;
    session = Session::Load(options, &status);
    access = queue->OpenLane("model", {}, std::move(policy), "", 0);
    signature = Prepare();
  }
  ~Model() {
    queue->Close();
    Retreat::WaitForLoads();
    std::filesystem::remove_all(folder_);
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  void WriteGraph(const std::string& text) const {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "saved_model.pb") << text;
  }
  std::shared_ptr<Signature> Prepare() const {
    std::vector<SignatureTensor> in(1), out(1);
    in[0].alias = in[0].tensor_name = "x";
    out[0].alias = out[0].tensor_name = "x_out";
    return Signature::Prepare(session, "x", std::move(in), std::move(out), {access->policy.is_given, true});
  }
  std::unique_ptr<Request> New(float value) {
    auto request = std::make_unique<Request>();
    request->id = static_cast<uint32_t>(value);
    request->port = port;
    request->access = access;
    request->session = session;
    request->signature = signature;
    request->work_size = 1;
    request->inputs.push_back(Floats({1, 1}, value));
    return request;
  }
  void Submit(int count) {
    for (int i = 0; i < count; i++) queue->Submit(New(static_cast<float>(i)));
    queue->EndTurn();
  }

 private:
  std::filesystem::path folder_;

 public:
  std::shared_ptr<DeviceQueue> queue;
  std::shared_ptr<CompletionPort> port;
  std::shared_ptr<Session> session;
  std::shared_ptr<LaneAccess> access;
  std::shared_ptr<Signature> signature;
};

// Serves the model's queue while it lives.
class Workers {
 public:
  Workers(Model& model, int count) : queue_(model.queue) {
    for (int i = 0; i < count; i++)
      threads_.emplace_back([this] {
        while (!stopped_ && Serve(*queue_, milliseconds(5))) {
        }
      });
  }
  ~Workers() {
    stopped_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

 private:
  std::shared_ptr<DeviceQueue> queue_;
  std::atomic<bool> stopped_{false};
  std::vector<std::thread> threads_;
};

// Requests that have their own value for an answer.
int RightOnes(const std::vector<std::unique_ptr<Request>>& requests) {
  int right = 0;
  for (const auto& request : requests) {
    if (!request->status.ok() || request->outputs.size() != 1) continue;
    const std::string_view bytes = request->outputs[0].bytes();
    float value = -1;
    if (bytes.size() == sizeof(float)) std::memcpy(&value, bytes.data(), sizeof(float));
    right += value == static_cast<float>(request->id);
  }
  return right;
}

void TestRefusals() {
  Model model;
  const uint64_t failures = GraphRuns::Get().failures();
  const Workers workers(model, 4);
  model.Submit(64);
  EQUALS("all requests that the lean executor refuses are answered rightly", RightOnes(TakeDone(64)), 64);
  EQUALS("the general session is loaded once", executors.loads.load(), 1);
  CHECK("no run on it is taken for the lean session's", executors.general_runs > 0, "none");
  EQUALS("a refusal is no run that failed", GraphRuns::Get().failures(), failures);
  Retreat::WaitForLoads();
  EQUALS("the lean session is closed", OpenFakeSessions(), 1);
  executors.lean_runs = 0;
  model.Submit(8);
  EQUALS("later ones are answered", RightOnes(TakeDone(8)), 8);
  EQUALS("by the general session alone", executors.lean_runs.load(), 0);
  model.signature = model.Prepare();
  CHECK("a signature can be prepared by then", model.signature->refusal().ok(), model.signature->refusal().message);
  model.Submit(1);
  EQUALS("and run", RightOnes(TakeDone(1)), 1);
}

void TestBatches() {
  BatchPolicy policy;
  policy.is_given = true;
  policy.max_rows = policy.max_run_rows = 32;
  Model model(policy);
  model.Submit(32);
  const Workers workers(model, 1);
  const auto answered = TakeDone(32);
  EQUALS("requests of a batch that is refused are answered", RightOnes(answered), 32);
  EQUALS("which is not tried again in halves", executors.lean_runs.load(), 1);
  int64_t runs = 0;
  for (const auto& request : answered) runs += request->runs;
  EQUALS("and they share a run on the general session", runs, 1);
}

void TestQuickOnes() {
  Model model;
  executors.lean_refuses = false;
  NoteRun(*model.New(1), 1);
  {
    auto request = model.New(1);
    request->status = {};
    CHECK("a request is quick where one was before", IsQuick(*request), "not");
  }
  executors.lean_refuses = true;
  std::vector<std::unique_ptr<Request>> on_loop;
  on_loop.push_back(model.New(7));
  executors.hold_load = true;
  Execute(on_loop);
  TakeRefused(&on_loop);
  CHECK("one that is refused on the event loop is taken from it at once", on_loop.empty(), "not");
  CHECK("no other is run there from then on", !IsQuick(*model.New(1)), "it is");
  executors.hold_load = false;
  const Workers workers(model, 1);
  EQUALS("a worker answers it", RightOnes(TakeDone(1)), 1);
  std::lock_guard<std::mutex> lock(executors.mutex);
  CHECK("the event loop loads nothing", !executors.loaded_by.contains(std::this_thread::get_id()), "it does");
}

void TestOtherSignatures() {
  Model model;
  const Workers workers(model, 2);
  executors.hold_load = true;
  model.Submit(1);
  while (executors.loads == 0) std::this_thread::sleep_for(milliseconds(1));
  const int before = executors.lean_runs;
  model.Submit(4);
  executors.lean_refuses = false;
  const auto refused = std::exchange(model.signature, model.Prepare());
  model.Submit(3);
  EQUALS("signatures that are not refused are run while the other session is loaded", RightOnes(TakeDone(3)), 3);
  EQUALS("those that are wait without another try", executors.lean_runs.load(), before + 3);
  executors.hold_load = false;
  EQUALS("and are answered then", RightOnes(TakeDone(5)), 5);
}

void TestLongRun() {
  Model model;
  const Workers workers(model, 2);
  executors.lean_refuses = false;
  executors.hold_run = true;
  model.Submit(1);
  while (executors.lean_runs == 0) std::this_thread::sleep_for(milliseconds(1));
  executors.lean_refuses = true;
  const auto running = std::exchange(model.signature, model.Prepare());
  model.Submit(1);
  EQUALS("a run on the lean session that does not end holds nobody up", RightOnes(TakeDone(1)), 1);
  Retreat::WaitForLoads();
  EQUALS("and keeps that session open", OpenFakeSessions(), 2);
  executors.hold_run = false;
  EQUALS("it is answered", RightOnes(TakeDone(1)), 1);
  Retreat::WaitForLoads();
  EQUALS("and the session is closed after it", OpenFakeSessions(), 1);
}

void TestFailures() {
  Model model;
  const Workers workers(model, 2);
  executors.load_fails = true;
  model.Submit(3);
  auto failed = TakeDone(3);
  int told = 0;
  for (const auto& request : failed)
    told += request->status.code == code::kResourceExhausted &&
            request->status.message.ends_with("cannot be loaded for the usual one: no memory.");
  EQUALS("requests fail with the load's error where the general session cannot be loaded", told, 3);
  executors.load_fails = false;
  model.Submit(3);
  EQUALS("the next ones try again", RightOnes(TakeDone(3)), 3);
}

void TestChangedFiles() {
  Model model;
  const Workers workers(model, 1);
  model.WriteGraph("another model");
  model.Submit(1);
  const auto failed = TakeDone(1);
  CHECK("files that have changed since the load are not served under the old version",
        failed.size() == 1 && failed[0]->status.message.find("not those any more") != std::string::npos,
        failed.empty() ? "nothing" : failed[0]->status.message);
  EQUALS("nor loaded", executors.loads.load(), 0);
}

void TestLoads() {
  SetFakeLoad([](const std::string& config) -> Status {
    if (config == "general") return {};
    return {code::kUnimplemented, "Single-threaded executor does not support reference-typed edges."};
  });
  SessionOptions options;
  options.config = "lean";
  options.general_config = "general";
  Status status;
  auto session = Session::Load(options, &status);
  CHECK("a refusal while it is loaded leads to the general session", session && !session->retreat(), status.message);
  options.general_config.clear();
  session = Session::Load(options, &status);
  EQUALS("without a general configuration it is the load's error", status.code, code::kUnimplemented);
  UseExecutors();
}

void TestClosedQueue() {
  Model model;
  executors.hold_load = true;
  std::vector<std::unique_ptr<Request>> taken;
  taken.push_back(model.New(1));
  Execute(taken);
  TakeRefused(&taken);
  model.queue->Close();
  executors.hold_load = false;
  const auto refused = TakeDone(1);
  EQUALS("one that waits for the general session while the server stops is told so",
         refused.empty() ? -1 : refused[0]->status.code, code::kUnavailable);
}

void TestUnload() {
  const int before = OpenFakeSessions();
  std::vector<std::unique_ptr<Request>> taken;
  {
    Model model;
    executors.hold_load = true;
    taken.push_back(model.New(1));
    Execute(taken);
    TakeRefused(&taken);
    model.session.reset();
    model.signature.reset();
    executors.hold_load = false;
  }
  TakeDone(1).clear();
  EQUALS("nothing keeps a session that is let go of meanwhile", OpenFakeSessions(), before);
}

}  // namespace
}  // namespace tensorgate

int main() {
  using namespace tensorgate;
  UseFakeTensorFlow();
  UseExecutors();
  TestRefusals();
  TestBatches();
  TestQuickOnes();
  TestOtherSignatures();
  TestLongRun();
  TestFailures();
  TestChangedFiles();
  TestLoads();
  TestClosedQueue();
  TestUnload();
  return Conclude();
}
