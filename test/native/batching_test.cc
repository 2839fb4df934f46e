// Batching and overload in C++: rows joined and cut, lanes, the queue, and what workers make of what they take from it,
// one sentence per check. On a stand-in for TensorFlow, and for the port that takes finished requests.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "completion_port.h"
#include "execute.h"
#include "fake_tensorflow.h"
#include "join_rows.h"
#include "queue.h"
#include "serve.h"
#include "slab_pool.h"

namespace tensorgate {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

// What has come out, by number. Locked.
std::mutex done_mutex;
std::map<uint32_t, std::vector<std::unique_ptr<Request>>> done;

}  // namespace

// In place of native/completion_port.cc, which needs Node.
TurnHook::~TurnHook() = default;
CompletionPort::CompletionPort(napi_env env, napi_value, napi_value) : env_(env) {}
void CompletionPort::Complete(std::unique_ptr<Request> request) {
  std::lock_guard<std::mutex> lock(done_mutex);
  done[request->id].push_back(std::move(request));
}

namespace {

template <typename T>
std::string Text(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) {
    if (!text.empty()) text += " ";
    if constexpr (std::is_convertible_v<T, std::string>)
      text += "'" + std::string(value) + "'";
    else
      text += std::to_string(value);
  }
  return text;
}

std::string Text(const Status& status) { return std::to_string(status.code) + ": " + status.message; }

template <typename T>
void CheckIs(const char* sentence, const T& seen, const T& expected, int line) {
  Check(seen == expected, sentence, line, Text(seen) + "\n  not:  " + Text(expected));
}
void CheckEquals(const char* sentence, int64_t seen, int64_t expected, int line) {
  Check(seen == expected, sentence, line, std::to_string(seen) + ", not " + std::to_string(expected));
}

#define IS(sentence, seen, expected) CheckIs(sentence, (seen), (expected), __LINE__)
#define EQUALS(sentence, seen, expected) CheckEquals(sentence, (seen), (expected), __LINE__)

using Dims = std::vector<int64_t>;
using Values = std::vector<float>;
using Texts = std::vector<std::string>;

// --- Rows ---

TensorPtr Gather(std::vector<const TensorPtr*> tensors, const RowRange& range) {
  std::vector<TF_Tensor*> raw;
  for (const TensorPtr* tensor : tensors) raw.push_back(tensor->get());
  return GatherRows(raw, range);
}

void TestGatherRows() {
  const TensorPtr a = Floats({2, 2}, 1), b = Floats({1, 2}, 2), c = Floats({1, 3}, 3);
  TensorPtr whole = Gather({&a, &b}, {0, 3, 3});
  IS("tensors are put one below the other", FloatsOf(whole.get()), (Values{1, 1, 1, 1, 2, 2}));
  IS("the rows are added up", DimsOf(whole.get()), (Dims{3, 2}));
  whole = Gather({&a, &b}, {1, 3, 3 - 1});
  IS("a range begins within one tensor and ends in another", FloatsOf(whole.get()), (Values{1, 1, 2, 2}));
  whole = Gather({&a, &b}, {0, 3, 5});
  IS("a batch is filled up with the first row of the last tensor", FloatsOf(whole.get()),
     (Values{1, 1, 1, 1, 2, 2, 2, 2, 2, 2}));
  whole = Gather({&b, &c}, {0, 2, 2});
  IS("rows that are too short are filled up with zeros", FloatsOf(whole.get()), (Values{2, 2, 0, 3, 3, 3}));
  const TensorPtr none = Floats({2, 0}, 0), more = Floats({1, 0}, 0);
  whole = Gather({&none, &more}, {0, 3, 4});
  IS("rows without elements are rows, too", DimsOf(whole.get()), (Dims{4, 0}));
  const TensorPtr d = Floats({1, 2, 1}, 4), e = Floats({1, 1, 2}, 5);
  whole = Gather({&d, &e}, {0, 2, 2});
  IS("each dimension is filled up for itself", FloatsOf(whole.get()), (Values{4, 0, 4, 0, 5, 5, 0, 0}));
}

void TestGatherStrings() {
  const std::string is_long(100, 'a');
  const TensorPtr a = Strings({2, 1}, {is_long, ""}), b = Strings({1, 2}, {"b", "c"});
  TensorPtr whole = Gather({&a, &a}, {1, 4, 4});
  IS("strings are joined, long and empty ones", StringsOf(whole.get()), (Texts{"", is_long, "", is_long}));
  whole = Gather({&a, &b}, {0, 3, 3});
  IS("strings are filled up with empty ones", StringsOf(whole.get()), (Texts{is_long, "", "", "", "b", "c"}));

  // 4 million strings are 96 MB, and filled up to 100 rows of them 9.6 GB.
  const TensorPtr wide = Strings({1, 4'000'000}, {"x"}), narrow = Strings({99, 1}, {"x"});
  SetTensorMemoryBudget(size_t{1} << 30);
  const size_t before = TensorMemoryStats().used_bytes;
  bool refused = false;
  try {
    Gather({&wide, &narrow}, {0, 100, 100});
  } catch (const std::bad_alloc&) {
    refused = true;
  }
  CHECK("what would be too large once it is filled up is refused", refused, "joined");
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  CHECK("before memory is taken for it", usage.ru_maxrss < 2'000'000, std::to_string(usage.ru_maxrss) + " KB");
  EQUALS("nothing of what was refused stays reserved", TensorMemoryStats().used_bytes, before);
}

void TestJoinSlices() {
  const TensorSlice a(Floats({2, 2}, 1)), b(Floats({1, 2}, 2)), c(Floats({1, 3}, 3)), scalar(Floats({}, 4));
  const auto joined = JoinSlices(std::vector{a.Rows(1, 1), b});
  CHECK("pieces of an output are joined", joined && joined->dims() == (Dims{2, 2}), "not");
  CHECK("pieces whose inner dimensions differ are not", !JoinSlices(std::vector{a, c}), "joined");
  CHECK("pieces without rows are not", !JoinSlices(std::vector{scalar, scalar}), "joined");
  CHECK("one piece stays as it is", JoinSlices(std::vector{scalar})->dims().empty(), "not");
}

// --- Lanes, queue and workers ---

// A model with the signatures `x -> x_out`, `text -> text_out`, `pair`, of x and y, `broken`, whose output has no rows,
// and `declared`, whose x is [-1, 2]; and its lane.
class Model {
 public:
  explicit Model(BatchPolicy policy = {}, LaneLimits limits = {}, const std::string& name = "model",
                 std::shared_ptr<DeviceQueue> queue = std::make_shared<DeviceQueue>())
      : queue(std::move(queue)),
        session(FakeSession()),
        port(std::make_shared<CompletionPort>(nullptr, nullptr, nullptr)) {
    access = this->queue->OpenLane(name, limits, std::move(policy), "", 0);
    x = Prepare({"x"}, "x_out");
    text = Prepare({"text"}, "text_out");
    pair = Prepare({"x", "y"}, "x_out");
    broken = Prepare({"x"}, "const_out");
    declared = Prepare({"x"}, "x_out", Dims{-1, 2});
  }

  // What waits holds its lane, and that what waits.
  ~Model() { queue->Close(); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  // A request of one input for each signature's.
  std::unique_ptr<Request> New(const std::shared_ptr<Signature>& signature, std::vector<TensorPtr> inputs) {
    auto request = std::make_unique<Request>();
    request->id = next_id_++;
    request->port = port;
    request->access = access;
    request->session = session;
    request->signature = signature;
    const Dims dims = DimsOf(inputs[0].get());
    request->rows = dims.empty() ? 1 : dims[0];
    request->shape_key = dims.size() > 1 ? 1 + dims[1] : 1;
    request->work_size = 1;
    request->inputs = std::move(inputs);
    return request;
  }
  std::unique_ptr<Request> X(int64_t rows, float value = 1, int64_t columns = 1) {
    std::vector<TensorPtr> inputs;
    inputs.push_back(Floats({rows, columns}, value));
    return New(x, std::move(inputs));
  }
  std::unique_ptr<Request> Word(const std::string& word) {
    std::vector<TensorPtr> inputs;
    inputs.push_back(Strings({1}, {word}));
    return New(text, std::move(inputs));
  }
  std::unique_ptr<Request> Pair(TensorPtr a, TensorPtr b) {
    std::vector<TensorPtr> inputs;
    inputs.push_back(std::move(a));
    inputs.push_back(std::move(b));
    return New(pair, std::move(inputs));
  }
  // One that is refused when it is decoded.
  std::unique_ptr<Request> Undecodable() {
    auto request = X(1);
    request->inputs[0].reset();
    request->encoded.resize(1);
    request->encoded[0].dims = {-1};
    return request;
  }

  // The request's number.
  uint32_t Submit(std::unique_ptr<Request> request) {
    const uint32_t id = request->id;
    refusal = queue->Submit(std::move(request));
    return id;
  }

  std::shared_ptr<DeviceQueue> queue;
  std::shared_ptr<Session> session;
  std::shared_ptr<CompletionPort> port;
  std::shared_ptr<LaneAccess> access;
  std::shared_ptr<Signature> x, text, pair, broken, declared;
  Refusal refusal;  // of the last Submit()

 private:
  std::shared_ptr<Signature> Prepare(const std::vector<std::string>& inputs, const std::string& output,
                                     std::optional<Dims> shape = std::nullopt) {
    std::vector<SignatureTensor> in, out(1);
    for (const std::string& name : inputs) {
      in.emplace_back();
      in.back().alias = in.back().tensor_name = name;
      in.back().shape = shape;
    }
    out[0].alias = out[0].tensor_name = output;
    return Signature::Prepare(session, output, std::move(in), std::move(out), {true, true});
  }
  static std::atomic<uint32_t> next_id_;
};
std::atomic<uint32_t> Model::next_id_{0};

BatchPolicy Given(int64_t max_run_rows) {
  BatchPolicy policy;
  policy.is_given = true;
  policy.max_rows = policy.max_run_rows = max_run_rows;
  return policy;
}

// A worker that is asked for what it would take.
class Worker {
 public:
  explicit Worker(Model& model) : queue_(model.queue) { queue_->Enter(); }
  ~Worker() { queue_->Leave(&seat_); }

  std::vector<std::unique_ptr<Request>> Take(int64_t micros = 0) {
    seat_.log.micros = seat_.log.run_micros = micros;
    return queue_->Take(milliseconds(0), &seat_);
  }
  std::vector<uint32_t> TakeIds() {
    std::vector<uint32_t> ids;
    for (const auto& request : Take()) ids.push_back(request->id);
    return ids;
  }
  // As if it had run what it has taken in that time.
  void NoteRun(int64_t micros) {
    seat_.log.micros = seat_.log.run_micros = micros;
    seat_.log.requests = seat_.log.good = 1;
    queue_->Take(milliseconds(0), &seat_);
  }
  // Takes and runs until there is nothing.
  void ServeAll() {
    for (auto taken = Take(); !taken.empty(); taken = queue_->Take(milliseconds(0), &seat_)) {
      Execute(taken, &seat_.log);
      for (auto& request : taken) {
        const auto port = request->port;
        port->Complete(std::move(request));
      }
    }
  }

 private:
  std::shared_ptr<DeviceQueue> queue_;
  Seat seat_;
};

using Ids = std::vector<uint32_t>;

std::unique_ptr<Request> Done(uint32_t id) {
  std::lock_guard<std::mutex> lock(done_mutex);
  const auto found = done.find(id);
  if (found == done.end()) return nullptr;
  auto request = std::move(found->second.at(0));
  done.erase(found);
  return request;
}

Status StatusOf(uint32_t id) {
  const auto request = Done(id);
  return request ? request->status : Status{-1, "not done"};
}

Values AnswerTo(uint32_t id) {
  const auto request = Done(id);
  if (!request || !request->status.ok()) return {-1};
  const std::string_view bytes = request->outputs[0].bytes();
  const auto* data = reinterpret_cast<const float*>(bytes.data());
  return {data, data + bytes.size() / sizeof(float)};
}

void TestTaking() {
  Model model(Given(4));
  Worker worker(model);
  const uint32_t a = model.Submit(model.X(1)), b = model.Submit(model.X(1, 1, 2)), c = model.Submit(model.Word("a")),
                 d = model.Submit(model.X(2)), e = model.Submit(model.X(2)), f = model.Submit(model.X(1));
  IS("those of one signature and shape are taken together, as many as a run may have", worker.TakeIds(),
     (Ids{a, d, f}));
  IS("then those of another shape", worker.TakeIds(), Ids{b});
  IS("then those of another signature", worker.TakeIds(), Ids{c});
  IS("what was left for want of room comes next", worker.TakeIds(), Ids{e});
  IS("nothing is taken where nothing waits", worker.TakeIds(), Ids{});
}

void TestForming() {
  BatchPolicy policy = Given(4);
  policy.timeout = std::chrono::hours(1);
  Model model(policy);
  Worker worker(model);
  const uint32_t a = model.Submit(model.X(3)), b = model.Submit(model.Word("a"));
  IS("requests wait for a fuller batch", worker.TakeIds(), Ids{});
  const uint32_t c = model.Submit(model.X(2));
  IS("one that does not fit in ends the batch, and begins another", worker.TakeIds(), Ids{a});
  const uint32_t d = model.Submit(model.X(2));
  IS("a full batch is taken", worker.TakeIds(), (Ids{c, d}));
  const uint32_t e = model.Submit(model.X(1));
  CHECK("a request can be cancelled while its batch is formed", model.queue->Cancel(model.port.get(), e), "not");
  EQUALS("and is then told so", StatusOf(e).code, code::kCancelled);
  CHECK("once", !model.queue->Cancel(model.port.get(), e), "twice");
  const uint32_t f = model.Submit(model.X(4));
  IS("one that is a full batch waits for nothing", worker.TakeIds(), Ids{f});
  model.queue->Close();
  EQUALS("what is in a batch that is formed ends with the queue", StatusOf(b).code, code::kUnavailable);
  EQUALS("nothing waits then", model.queue->stats().waiting, 0);

  policy.timeout = milliseconds(5);
  Model soon(policy);
  Worker other(soon);
  const uint32_t g = soon.Submit(soon.X(1));
  std::this_thread::sleep_for(milliseconds(10));
  IS("a batch whose time has come is taken, full or not", other.TakeIds(), Ids{g});
}

void TestPriorities() {
  Model model;
  Worker worker(model);
  Ids order, expected;
  std::map<uint32_t, char> names;
  const auto submit = [&](size_t priority) {
    auto request = model.X(1);
    request->priority = priority;
    return model.Submit(std::move(request));
  };
  const uint32_t low = submit(2), normal = submit(1), high = submit(0);
  IS("the highest priority goes first", worker.TakeIds(), Ids{high});
  IS("then the next", worker.TakeIds(), Ids{normal});
  IS("the lowest comes last", worker.TakeIds(), Ids{low});
  const uint32_t patient = submit(2);
  int before = 0;
  for (submit(0); worker.TakeIds() != Ids{patient} && before < 100; submit(0)) before++;
  CHECK("a request of low priority waits for so many turns of higher ones, and no more", before <= 17,
        std::to_string(before));
}

void TestFairShares() {
  Model a({}, {}, "a"), b({}, {}, "b", a.queue);
  Worker worker(a);
  for (int i = 0; i < 8; i++) a.Submit(a.X(1)), b.Submit(b.X(1));
  std::string order;
  int64_t micros = 0;
  for (int i = 0; i < 10; i++) {
    const auto taken = worker.Take(micros);
    const bool is_a = taken[0]->access == a.access;
    order += is_a ? "a" : "b";
    micros = is_a ? 4000 : 1000;
  }
  CHECK("a lane whose runs take four times as long gets a fourth of the turns",
        std::count(order.begin(), order.end(), 'a') == 2, order);
}

void TestLimits() {
  Model model({}, {.most_waiting = 2, .most_running = 1});
  Worker one(model), two(model);
  model.Submit(model.X(1));
  const auto running = one.Take();
  model.Submit(model.X(1)), model.Submit(model.X(1));
  EQUALS("as many wait as may", model.refusal.status.code, 0);
  model.Submit(model.X(1));
  EQUALS("one more is refused", model.refusal.status.code, code::kResourceExhausted);
  CHECK("and told when to come again", model.refusal.retry_after >= milliseconds(100), "not");
  EQUALS("refusals are counted", model.queue->stats().refused, 1);
  IS("no more runs begin than may", two.TakeIds(), Ids{});
  CHECK("another begins when one has ended", one.TakeIds().size() == 1, "not");
  model.queue->Close();
  model.Submit(model.X(1));
  EQUALS("a closed queue takes nothing in", model.refusal.status.code, code::kUnavailable);
  CHECK("and promises nothing", model.refusal.retry_after.count() == 0, "not");
}

void TestEnqueuedBatches() {
  BatchPolicy policy = Given(2);
  policy.max_waiting_batches = 2;
  Model model(policy);
  model.Submit(model.X(2)), model.Submit(model.X(1)), model.Submit(model.X(1));
  model.Submit(model.X(1));
  CHECK("what would be one batch too many is refused, in TensorFlow's words",
        model.refusal.status.code == code::kUnavailable &&
            model.refusal.status.message ==
                "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
                "max_enqueued_batches is 2",
        Text(model.refusal.status));
  model.Submit(model.Word("a"));
  EQUALS("another signature's are counted for themselves", model.refusal.status.code, 0);
  Worker worker(model);
  worker.ServeAll();
  const uint32_t huge = model.Submit(model.X(1000));
  model.Submit(model.X(2));
  EQUALS("one that is too large to run keeps no other out", model.refusal.status.code, 0);
  worker.ServeAll();
  CHECK("it is refused on its turn, in TensorFlow's words",
        StatusOf(huge).message == "Task size 1000 is larger than maximum input batch size 2", "not");
}

// As workers see their runs: rows of each, in order.
struct RunsSeen {
  std::mutex mutex;
  std::vector<int64_t> rows;
};

std::vector<int64_t> RunsOf(const std::function<void()>& fn, float bad = -1) {
  RunsSeen seen;
  SetFakeRun([&](int64_t rows, TF_Tensor* input) -> Status {
    std::lock_guard<std::mutex> lock(seen.mutex);
    seen.rows.push_back(rows);
    if (tf.TF_TensorType(input) == TF_STRING) return {};
    const Values values = FloatsOf(input);
    if (std::find(values.begin(), values.end(), bad) == values.end()) return {};
    return {code::kInvalidArgument, "A bad value"};
  });
  fn();
  SetFakeRun(nullptr);
  return seen.rows;
}

// The requests as a worker would run them if it took them together.
void RunTogether(Model& model, std::vector<std::unique_ptr<Request>> requests) {
  Execute(requests);
  for (auto& request : requests) model.port->Complete(std::move(request));
}

template <typename... Each>
std::vector<std::unique_ptr<Request>> List(Each... each) {
  std::vector<std::unique_ptr<Request>> list;
  (list.push_back(std::move(each)), ...);
  return list;
}

void TestRuns() {
  Model model(Given(8));
  auto a = model.X(1, 1), b = model.X(2, 2), c = model.X(1, 3, 2), d = model.X(0, 4);
  const Ids ids{a->id, b->id, c->id, d->id};
  auto runs = RunsOf([&] { RunTogether(model, List(std::move(a), std::move(b), std::move(c), std::move(d))); });
  IS("what fits together shares a run, what does not runs alone", runs, (Dims{3, 1, 0}));
  IS("each gets its own rows", AnswerTo(ids[0]), Values{1});
  IS("all of them", AnswerTo(ids[1]), (Values{2, 2}));
  IS("those of another shape, too", AnswerTo(ids[2]), (Values{3, 3}));
  IS("one without rows is run as it is", AnswerTo(ids[3]), Values{});

  std::vector<std::unique_ptr<Request>> shaped;
  for (const int64_t columns : {2, 2, 3, 3}) {
    std::vector<TensorPtr> inputs;
    inputs.push_back(Floats({1, columns}, 1));
    shaped.push_back(model.New(model.declared, std::move(inputs)));
  }
  IS("what does not have the declared shape runs alone", RunsOf([&] { RunTogether(model, std::move(shaped)); }),
     (Dims{2, 1, 1}));

  auto word = model.Word("a longer one than fits an element"), other = model.Word("");
  const Ids words{word->id, other->id};
  IS("strings share runs", RunsOf([&] { RunTogether(model, List(std::move(word), std::move(other))); }), Dims{2});
  CHECK("and are given back", Done(words[0])->outputs[0].bytes().find("a longer one than") != std::string::npos, "not");
}

void TestBadOnes() {
  Model model(Given(64));
  std::vector<std::unique_ptr<Request>> requests;
  Ids ids;
  for (int i = 0; i < 16; i++) {
    requests.push_back(model.X(1, static_cast<float>(i)));
    ids.push_back(requests.back()->id);
  }
  const auto runs = RunsOf([&] { RunTogether(model, std::move(requests)); }, 5);
  EQUALS("a bad request fails", StatusOf(ids[5]).code, code::kInvalidArgument);
  bool others = true;
  for (int i = 0; i < 16; i++)
    if (i != 5) others = others && AnswerTo(ids[i]) == Values{static_cast<float>(i)};
  CHECK("alone", others, "others failed with it");
  CHECK("after few more runs", runs.size() == 9, Text(runs));

  auto uneven = model.Pair(Floats({1}, 1), Floats({2}, 1)), flat = model.Pair(Floats({}, 1), Floats({1}, 1)),
       good = model.Pair(Floats({1}, 7), Floats({1}, 1)), bad = model.Undecodable();
  const Ids pairs{uneven->id, flat->id, good->id, bad->id};
  RunTogether(model, List(std::move(uneven), std::move(flat), std::move(good), std::move(bad)));
  CHECK("inputs of unequal rows are refused in TensorFlow's words",
        StatusOf(pairs[0]).message == "Batching Run() input tensors must have equal 0th-dimension size", "not");
  CHECK("inputs without rows, too",
        StatusOf(pairs[1]).message == "Batching Run() input tensors must have at least one dimension", "not");
  IS("and the good one beside them is run", AnswerTo(pairs[2]), Values{7});
  EQUALS("as beside one that cannot be decoded", StatusOf(pairs[3]).code, code::kInvalidArgument);

  std::vector<std::unique_ptr<Request>> broken;
  for (int i = 0; i < 3; i++) {
    std::vector<TensorPtr> inputs;
    inputs.push_back(Floats({1}, 1));
    broken.push_back(model.New(model.broken, std::move(inputs)));
  }
  const uint32_t first = broken[0]->id;
  IS("a model without the rows it declares is run one by one", RunsOf([&] { RunTogether(model, std::move(broken)); }),
     (Dims{3, 1, 1, 1}));
  CHECK("from then on", !model.broken->batchable(), "not");
  IS("with the answer that it gives alone", AnswerTo(first), (Values{1, 1}));
}

void TestPaddingAndPieces() {
  BatchPolicy policy = Given(8);
  policy.allowed_rows = {2, 4, 8};
  Model padded(policy);
  auto a = padded.X(1, 1), b = padded.X(2, 2);
  const Ids ids{a->id, b->id};
  IS("a batch is filled up to the next allowed size",
     RunsOf([&] { RunTogether(padded, List(std::move(a), std::move(b))); }), Dims{4});
  IS("of which the first one sees nothing", AnswerTo(ids[0]), Values{1});
  IS("nor does the last one", AnswerTo(ids[1]), (Values{2, 2}));

  policy = Given(4);
  policy.splits = true;
  policy.max_rows = 100;
  policy.allowed_rows = {1, 4};
  Model split(policy);
  auto c = split.X(3, 1), d = split.X(7, 2);
  const Ids parts{c->id, d->id};
  IS("large ones are run in pieces, the last one filled up",
     RunsOf([&] { RunTogether(split, List(std::move(c), std::move(d))); }), (Dims{4, 4, 4}));
  IS("and put together again", AnswerTo(parts[0]), Values(3, 1));
  IS("each for itself", AnswerTo(parts[1]), Values(7, 2));
  auto e = split.X(6, 5), f = split.X(6, 6);
  const Ids failing{e->id, f->id};
  RunsOf([&] { RunTogether(split, List(std::move(e), std::move(f))); }, 5);
  EQUALS("a request of which a piece fails fails as a whole", StatusOf(failing[0]).code, code::kInvalidArgument);
  IS("and not the one that it shared a piece with", AnswerTo(failing[1]), Values(6, 6));
}

void TestDeadlines() {
  Model model(Given(8));
  auto first = model.X(1, 1), late = model.X(1, 2, 2), in_time = model.X(1, 3, 3);
  late->deadline = Clock::now() + milliseconds(5);
  in_time->deadline = Clock::now() + std::chrono::hours(1);
  const Ids ids{first->id, late->id, in_time->id};
  std::atomic<int> runs{0};
  SetFakeRun([&](int64_t, TF_Tensor*) -> Status {
    runs++;
    std::this_thread::sleep_for(milliseconds(10));
    return {};
  });
  RunTogether(model, List(std::move(first), std::move(late), std::move(in_time)));
  SetFakeRun(nullptr);
  EQUALS("a request whose deadline passes while others run before it is not run", StatusOf(ids[1]).code,
         code::kDeadlineExceeded);
  EQUALS("the others are", runs.load(), 2);
  IS("the first", AnswerTo(ids[0]), Values{1});
  IS("and the last", AnswerTo(ids[2]), (Values{3, 3, 3}));

  Worker worker(model);
  auto gone = model.X(1);
  gone->deadline = Clock::now();
  const uint32_t id = model.Submit(std::move(gone));
  IS("one whose deadline has passed is not taken", worker.TakeIds(), Ids{});
  EQUALS("but told so", StatusOf(id).code, code::kDeadlineExceeded);

  model.Submit(model.X(1)), model.Submit(model.X(1));
  const auto running = worker.Take();  // which takes long, as far as is known: nobody comes for a quick one
  model.x->quick_runs().Note(1, 1, /*good=*/true);
  model.Submit(model.X(1));
  CHECK("the event loop runs a quick request itself", model.queue->EndTurn().size() == 1, "not");
  for (int i = 0; i < 100; i++) model.session->NoteRequest(5);
  model.Submit(model.X(1)), model.Submit(model.X(1));
  EQUALS("and several that take no long together", model.queue->EndTurn().size(), 2u);
  for (int i = 0; i < 100; i++) model.session->NoteRequest(1000);
  model.Submit(model.X(1)), model.Submit(model.X(1));
  CHECK("but not if they do", model.queue->EndTurn().empty(), "it does");
  worker.Take();
  auto quick = model.X(1);
  quick->deadline = Clock::now();
  model.Submit(std::move(quick));
  CHECK("but not one whose deadline has passed", model.queue->EndTurn().empty(), "it does");
}

// --- Overload ---

void TestRunTimes() {
  using Times = RunTimes;
  const auto start = Times::Clock::now();
  Times times;
  EQUALS("nothing is expected of a signature that has not run yet", times.Expect(1), 0);
  CHECK("so that it is tried", times.MayProbe(1, start), "not");
  for (int i = 0; i < 60; i++) times.Note(4, i == 0 ? 500'000 : 15'000, start);
  CHECK("a slow first run is soon forgotten", times.Expect(4) < 20'000, std::to_string(times.Expect(4)));
  times.Note(4, 500'000, start);
  CHECK("one slow run among quick ones changes little", times.Expect(4) < 25'000, std::to_string(times.Expect(4)));
  for (int i = 0; i < 300; i++) times.Note(4, i % 4 ? 15'000 : 30'000, start);
  CHECK("four of five runs are no slower than is expected", times.Expect(4) > 25'000 && times.Expect(4) <= 30'000,
        std::to_string(times.Expect(4)));
  for (int i = 0; i < 300; i++) times.Note(4, i % 20 ? 15'000 : 30'000, start);
  CHECK("what is slower than they are does not count", times.Expect(4) < 20'000, std::to_string(times.Expect(4)));
  for (int i = 0; i < 20; i++) times.Note(4, 60'000, start);
  CHECK("runs that are slow from now on are noticed", times.Expect(4) > 50'000, std::to_string(times.Expect(4)));
  EQUALS("a larger request is expected to take as long as the next smaller one, at the least", times.Expect(100),
         times.Expect(4));
  EQUALS("of a smaller one nothing is known", times.Expect(1), 0);
  EQUALS("a joined run of unknown size takes longer in proportion, at the most", times.ExpectJoined(32, start),
         8 * times.Expect(4));
  times.Note(32, 1'000'000, start);
  EQUALS("where it has been seen, as long as it took", times.ExpectJoined(32, start), 1'000'000);
  EQUALS("unless that is long ago", times.ExpectJoined(32, start + std::chrono::seconds(3)), 8 * times.Expect(4));
  CHECK("one that takes too long is not tried at once", !times.MayProbe(4, start + milliseconds(100)), "it is");
  CHECK("but after a while", times.MayProbe(4, start + std::chrono::seconds(2)), "not");
  CHECK("once", !times.MayProbe(4, start + std::chrono::seconds(2)), "twice");
  times.Note(4, 20'000, start + std::chrono::seconds(2));
  CHECK("and what it takes then counts for much", times.Expect(4) < 45'000, std::to_string(times.Expect(4)));
}

void TestUrgencies() {
  EQUALS("16 ms are most urgent", UrgencyOf(milliseconds(16)), 0u);
  EQUALS("no time at all, too", UrgencyOf(microseconds(-5)), 0u);
  EQUALS("17 ms are of another class", UrgencyOf(milliseconds(17)), 1u);
  EQUALS("30 s are of the last one but one", UrgencyOf(std::chrono::seconds(30)), kNotUrgent - 2);
  EQUALS("an hour is of the last one", UrgencyOf(std::chrono::hours(1)), kNotUrgent - 1);
  EQUALS("100 ms are of the class that begins at 64 ms", LeastAllowed(UrgencyOf(milliseconds(100))).count(), 64'000);
}

constexpr int64_t kSecond = 1'000'000;

// Of one row that may take so long. Seconds of many, so that it does not matter how fast the test is.
std::unique_ptr<Request> Within(Model& model, int64_t seconds) {
  auto request = model.X(1);
  request->deadline = Clock::now() + std::chrono::seconds(seconds);
  return request;
}

void TeachRuns(Model& model, Worker& worker, int64_t seconds) {
  for (int i = 0; i < 40; i++) {
    model.Submit(model.X(1));
    worker.Take();
    worker.NoteRun(seconds * kSecond);
  }
}

// A policy under which each runs alone.
BatchPolicy Alone() { return Given(1); }

void TestRefusedBeforeTheRun() {
  Model model(Alone());
  Worker worker(model);
  const uint32_t first = model.Submit(Within(model, 5));
  IS("a model that has not run yet gets its first requests, whatever their deadlines", worker.TakeIds(), Ids{first});
  worker.NoteRun(10 * kSecond);
  TeachRuns(model, worker, 10);
  model.Submit(Within(model, 5));
  CHECK("a request that allows less time than a run takes is refused",
        model.refusal.status.code == code::kResourceExhausted &&
            model.refusal.status.message.find("its run is expected to take 10") != std::string::npos,
        Text(model.refusal.status));
  CHECK("and told when to come again", model.refusal.retry_after >= milliseconds(100), "not");
  const uint32_t enough = model.Submit(Within(model, 15));
  IS("one that allows more is run", worker.TakeIds(), Ids{enough});
  model.Submit(Within(model, 15));
  EQUALS("but not behind a run that takes the same", model.refusal.status.code, code::kResourceExhausted);
  model.Submit(Within(model, 25));
  EQUALS("for which it must allow twice that", model.refusal.status.code, 0);
  model.Submit(Within(model, 25));
  EQUALS("and a third must allow three times that", model.refusal.status.code, code::kResourceExhausted);
  model.Submit(model.X(1));
  EQUALS("one without a deadline waits", model.refusal.status.code, 0);
}

void TestDroppedBeforeTheRun() {
  Model model(Alone());
  Worker worker(model), other(model);
  TeachRuns(model, worker, 10);
  model.Submit(model.X(1)), model.Submit(model.X(1));
  worker.Take(), other.Take();
  const uint32_t late = model.Submit(Within(model, 25)), patient = model.Submit(model.X(1));
  EQUALS("a request is taken in while it can be answered in time", model.refusal.status.code, 0);
  for (int i = 0; i < 20; i++) model.access->run_times.Note(model.x.get(), 1, 40 * kSecond, Clock::now());
  IS("the next one is taken in its place", worker.TakeIds(), Ids{patient});
  const auto request = Done(late);
  CHECK("it is dropped, and not run, once runs have become too slow for it",
        request && request->status.code == code::kResourceExhausted && request->retry_after.count() > 0,
        request ? Text(request->status) : "not done");
  EQUALS("which is counted", model.queue->stats().dropped, 1);
}

void TestRecovery() {
  Model model(Alone());
  Worker worker(model);
  TeachRuns(model, worker, 10);
  model.Submit(Within(model, 5));
  EQUALS("a model that was slow is not asked for what it cannot do", model.refusal.status.code,
         code::kResourceExhausted);
  for (int tries = 0; tries < 600 && model.refusal.status.code != 0; tries++) {
    std::this_thread::sleep_for(milliseconds(10));
    model.Submit(Within(model, 5));
  }
  EQUALS("for long: one request is let through", model.refusal.status.code, 0);
  CHECK("and run", worker.TakeIds().size() == 1, "not");
  worker.NoteRun(kSecond);
  for (int i = 0; i < 3; i++) model.access->run_times.Note(model.x.get(), 1, kSecond, Clock::now());
  model.Submit(Within(model, 5));
  EQUALS("after which it may be fast again", model.refusal.status.code, 0);
}

void TestJoinedInTime() {
  Model model;
  Worker worker(model);
  TeachRuns(model, worker, 10);
  model.session->NoteRequest(100);
  for (int i = 0; i < 6; i++) model.Submit(Within(model, 1000));
  EQUALS("requests share a run", worker.Take().size(), 6u);
  Model urgent;
  Worker other(urgent);
  urgent.session->NoteRequest(100);
  urgent.access->run_times.Note(urgent.x.get(), 1, 10 * kSecond, Clock::now());
  for (int i = 0; i < 6; i++) urgent.Submit(Within(urgent, 35));
  EQUALS("but no more than can all be answered in time", other.Take().size(), 3u);
}

void TestTurns() {
  Model model(Alone());
  Worker worker(model);
  TeachRuns(model, worker, 1);
  Ids patient, urgent, expected;
  for (int i = 0; i < 100; i++) {
    const uint32_t id = model.Submit(Within(model, 30));
    if (model.refusal.status.ok()) patient.push_back(id);
  }
  CHECK("patient requests wait, as many as the least patient of their class would join",
        patient.size() >= 12 && patient.size() <= 17, std::to_string(patient.size()));
  for (int i = 0; i < 3; i++) {
    urgent.push_back(model.Submit(Within(model, 10)));
    EQUALS("and keep out none with less time", model.refusal.status.code, 0);
  }
  std::string order;
  for (int i = 0; i < 6; i++) {
    const Ids taken = worker.TakeIds();
    order += taken.size() != 1 ? "?" : std::count(patient.begin(), patient.end(), taken[0]) ? "p" : "u";
  }
  CHECK("both take turns", order == "upupup" || order == "pupupu", order);
  for (const uint32_t id : urgent) model.queue->Cancel(model.port.get(), id);
}

void TestLateAnswers() {
  Model model;
  auto request = model.X(1);
  request->deadline = Clock::now() + milliseconds(5);
  SetFakeRun([](int64_t, TF_Tensor*) -> Status {
    std::this_thread::sleep_for(milliseconds(10));
    return {};
  });
  RunLog log;
  Execute(List(std::move(request), model.X(1)), &log);
  SetFakeRun(nullptr);
  EQUALS("an answer that comes too late is counted", log.late, 1);
  EQUALS("among the good ones", log.good, 2);
}

// --- Runs that block ---

void TestHeldWorkers() {
  Model blocking(Alone(), {}, "blocking"), other(Alone(), {}, "other", blocking.queue);
  DeviceQueue& queue = *blocking.queue;
  Worker one(blocking), two(blocking);
  auto request = blocking.X(1);
  request->deadline = Clock::now() - std::chrono::hours(1);
  request->is_probe = true;  // which is taken all the same
  const uint32_t first = blocking.Submit(std::move(request));
  blocking.Submit(blocking.X(1));
  blocking.Submit(blocking.X(1));
  IS("a worker is at a run", one.TakeIds(), Ids{first});
  two.Take();
  WatchReport report = queue.Watch({std::chrono::hours(1), 4});
  EQUALS("a worker that goes on for nobody is to be replaced, one that goes on for somebody is not",
         report.replacements, 1u);
  EQUALS("which is said once", queue.Watch({std::chrono::hours(1), 4}).replacements, 0u);
  EQUALS("and counted", queue.stats().held, 1u);
  CHECK("no lane is blocked by it", report.blocked.empty() && report.given_up.empty(), "it is");
  Worker three(blocking);
  IS("the worker in its place is not for the model that holds the other one", three.TakeIds(), Ids{});
  const uint32_t theirs = other.Submit(other.X(1));
  IS("but for others", three.TakeIds(), Ids{theirs});
  Model successor(Alone(), {}, "blocking", blocking.queue);
  const uint32_t fresh = successor.Submit(successor.X(1));
  IS("and for what is loaded in its place", three.TakeIds(), Ids{fresh});
  CHECK("no worker is too many while one is held", !queue.HasTooMany(), "one is");
  one.NoteRun(kSecond);
  EQUALS("which it is no more once its run has ended", queue.stats().held, 0u);
}

void TestBlockedLanes() {
  BatchPolicy policy = Given(4);
  policy.timeout = std::chrono::hours(1);
  Model blocking(Alone(), {}, "blocking"), beside(policy, {}, "blocking", blocking.queue);
  DeviceQueue& queue = *blocking.queue;
  Worker worker(blocking);
  const uint32_t running = blocking.Submit(blocking.X(1));
  worker.Take();
  const uint32_t waiting = blocking.Submit(blocking.X(1)), forming = beside.Submit(beside.X(1));
  std::this_thread::sleep_for(milliseconds(5));
  WatchReport report = queue.Watch({milliseconds(0), 4});
  CHECK("without a limit no run is too long", report.blocked.empty(), "it is");
  report = queue.Watch({milliseconds(1), 4});
  EQUALS("a run that takes longer than the limit is given up", report.given_up.size(), 1u);
  CHECK("by its number", report.given_up[0].id == running && report.given_up[0].port == blocking.port.get(), "not");
  CHECK("its lane is blocked",
        report.blocked.size() == 1 && report.blocked[0].access == blocking.access && report.blocked[0].is_new &&
            report.blocked[0].runs == 1,
        "not");
  EQUALS("what waits there is refused", StatusOf(waiting).code, code::kUnavailable);
  EQUALS("what waits for another version is not", StatusOf(forming).code, -1);
  blocking.Submit(blocking.X(1));
  CHECK("what comes there is refused with the reason",
        blocking.refusal.status.code == code::kUnavailable &&
            blocking.refusal.status.message.find("--max_run_time_in_ms") != std::string::npos &&
            blocking.refusal.retry_after.count() > 0,
        Text(blocking.refusal.status));
  report = queue.Watch({milliseconds(1), 4});
  CHECK("it is told of until the run has ended", report.blocked.size() == 1 && !report.blocked[0].is_new, "not");
  CHECK("and given up once", report.given_up.empty(), "twice");
  const uint32_t runs_before = blocking.access->lane->runs;
  worker.NoteRun(kSecond);
  EQUALS("its time says nothing of other runs", blocking.access->lane->runs, runs_before);
  report = queue.Watch({milliseconds(1), 4});
  CHECK("then that there is none any more", report.blocked.size() == 1 && report.blocked[0].runs == 0, "not");
  CHECK("once", queue.Watch({milliseconds(1), 4}).blocked.empty(), "twice");
  worker.NoteRun(kSecond);  // of what was taken meanwhile
  const uint32_t joining = beside.Submit(beside.X(1)), joined = beside.Submit(beside.X(3));
  IS("another version is served", worker.TakeIds(), (Ids{joining, joined}));
  std::this_thread::sleep_for(milliseconds(5));
  report = queue.Watch({milliseconds(1), 4});
  EQUALS("of a run that requests share, all are given up", report.given_up.size(), 2u);
  worker.NoteRun(kSecond);
  queue.Watch({milliseconds(1), 4});

  Model shared(Alone(), {}, "blocking", blocking.queue);
  queue.Block(shared.access);
  EQUALS("a lane that shares the session can be blocked, too", queue.Watch({milliseconds(1), 4}).blocked.size(), 1u);
  shared.Submit(shared.X(1));
  EQUALS("and then refuses", shared.refusal.status.code, code::kUnavailable);
}

void TestAverages() {
  Model model(Given(64));
  Worker worker(model);
  for (int i = 0; i < 10; i++) model.Submit(model.Undecodable());
  worker.ServeAll();
  CHECK("what is refused when it is decoded says nothing of how long a run takes",
        model.session->typical_micros() == Session::kUnknown, std::to_string(model.session->typical_micros()));
  EQUALS("nor of how long others will have to wait", model.access->lane->runs, 0);
  SetFakeRun([](int64_t, TF_Tensor*) -> Status {
    std::this_thread::sleep_for(milliseconds(20));
    return {};
  });
  model.Submit(model.X(1));
  for (int i = 0; i < 19; i++) model.Submit(model.Undecodable());
  worker.ServeAll();
  SetFakeRun(nullptr);
  CHECK("the time of a run is that of those which were run", model.session->typical_micros() >= 20'000,
        std::to_string(model.session->typical_micros()));
  CHECK("for the lane, too", model.access->lane->request_micros >= 20'000,
        std::to_string(model.access->lane->request_micros));
  const uint32_t before = model.session->typical_micros();
  RunsOf(
      [&] {
        for (int i = 0; i < 50; i++) model.Submit(model.X(1, 5));
        worker.ServeAll();
      },
      5);
  EQUALS("a run that the model refuses does not make others look quick", model.session->typical_micros(), before);
}

// Several threads submit, cancel and serve, and the queue is closed in the middle: for ThreadSanitizer, and for counts.
void TestThreads() {
  constexpr int kSubmitters = 3, kWorkers = 3, kEach = 2000;
  BatchPolicy policy = Given(8);
  policy.timeout = microseconds(200);
  policy.allowed_rows = {1, 2, 4, 8};
  Model one({}, {}, "one"), two(policy, {.most_waiting = 500, .most_running = 2}, "two", one.queue);
  {
    std::lock_guard<std::mutex> lock(done_mutex);
    done.clear();
  }
  std::atomic<int> accepted{0};
  std::vector<std::thread> workers, submitters;
  for (int i = 0; i < kWorkers; i++)
    workers.emplace_back([&] {
      while (Serve(*one.queue, milliseconds(5))) {
      }
    });
  for (int i = 0; i < kSubmitters; i++)
    submitters.emplace_back([&, i] {
      for (int j = 0; j < kEach; j++) {
        Model& model = (i + j) % 2 ? one : two;
        auto request = j % 5 ? model.X(1 + j % 3, 1, 1 + j % 2) : model.Word("a");
        request->priority = j % kPriorities;
        if (j % 7 == 0) request->deadline = Clock::now() + microseconds(j);
        const uint32_t id = request->id;
        if (model.queue->Submit(std::move(request)).status.ok()) accepted++;
        if (j % 11 == 0) model.queue->Cancel(model.port.get(), id);
        if (j % 3 == 0) {
          if (auto quick = model.queue->EndTurn(); !quick.empty()) RunTogether(model, std::move(quick));
        }
        if (j == kEach * 3 / 4 && i == 0) model.queue->Close();
      }
    });
  std::thread watcher([&] {
    while (!one.queue->closed()) one.queue->Watch({std::chrono::hours(1), 4});
  });
  for (std::thread& thread : submitters) thread.join();
  for (std::thread& thread : workers) thread.join();
  watcher.join();
  size_t completed = 0;
  bool once = true;
  {
    std::lock_guard<std::mutex> lock(done_mutex);
    for (const auto& [id, requests] : done) completed += requests.size(), once = once && requests.size() == 1;
    done.clear();
  }
  EQUALS("each request that is taken in is completed", completed, accepted);
  CHECK("once", once, "more often");
  EQUALS("nothing waits in the end", one.queue->stats().waiting, 0);
  CHECK("no lane has a run under way", one.access->lane->running == 0 && two.access->lane->running == 0, "it has");
  EQUALS("no rows are counted as waiting", two.access->waiting_rows.Of(two.x.get()), 0);
}

}  // namespace
}  // namespace tensorgate

int main() {
  using namespace tensorgate;
  UseFakeTensorFlow();
  TestGatherRows();
  TestGatherStrings();
  TestJoinSlices();
  TestTaking();
  TestForming();
  TestPriorities();
  TestFairShares();
  TestLimits();
  TestEnqueuedBatches();
  TestRuns();
  TestBadOnes();
  TestPaddingAndPieces();
  TestDeadlines();
  TestRunTimes();
  TestUrgencies();
  TestRefusedBeforeTheRun();
  TestDroppedBeforeTheRun();
  TestRecovery();
  TestJoinedInTime();
  TestTurns();
  TestLateAnswers();
  TestHeldWorkers();
  TestBlockedLanes();
  TestAverages();
  TestThreads();
  return Conclude();
}
