#include "execute.h"

#include <algorithm>
#include <new>
#include <optional>

#include "decode_request.h"
#include "engine/tensorflow/lean_executor.h"
#include "graph_runs.h"
#include "join_rows.h"
#include "lane.h"
#include "run.h"
#include "session.h"

namespace tensorgate {

namespace {

// Does one step of a request's; what it throws becomes the request's status.
template <typename Step>
void Guard(Request* request, Step step) {
  try {
    request->status = step();
  } catch (const std::bad_alloc&) {
    request->status = NoMemory();
  } catch (const std::exception& error) {
    request->status = {code::kInternal, std::string("The request could not be run: ") + error.what()};
  }
}

int64_t MicrosSince(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
}

double MicrosBetween(Clock::time_point start, Clock::time_point end) {
  return std::chrono::duration<double, std::micro>(end - start).count();
}

uint32_t Capped(int64_t micros) { return static_cast<uint32_t>(std::min<int64_t>(micros, 1'000'000)); }

// All inputs, then all outputs, as raw bytes behind the reply's text.
void AddTensors(Request* request, std::vector<TensorSlice> results) {
  for (TensorPtr& input : request->inputs)
    request->outputs.push_back(FormatOutput(TensorSlice(std::move(input)), OutputFormat::kRaw));
  request->inputs.clear();
  for (TensorSlice& result : results) request->outputs.push_back(FormatOutput(std::move(result), OutputFormat::kRaw));
}

// The wanted outputs out of those that were fetched; both lists ascend.
Status Finish(Request* request, std::span<const uint32_t> fetch_set, std::vector<TensorSlice> results) {
  if (!request->json_with_tensors) request->inputs.clear();
  if (request->is_json) {
    Output reply;
    const auto outputs = request->signature->outputs();
    Status status = FormatJsonReply(request->json_layout, request->json_uses_other_names, outputs, results, &reply);
    request->outputs.push_back(std::move(reply));
    if (request->json_with_tensors) AddTensors(request, std::move(results));
    return status;
  }
  const std::vector<uint32_t>& wanted = request->wanted_outputs;
  for (size_t i = 0; i < results.size(); i++) {
    if (!wanted.empty() && !std::binary_search(wanted.begin(), wanted.end(), fetch_set[i])) continue;
    request->outputs.push_back(FormatOutput(std::move(results[i]), request->format));
  }
  return {};
}

// The first dimension that all inputs share; -1 if there is none.
int64_t RowsOf(const Request& request) {
  int64_t rows = -1;
  for (const TensorPtr& input : request.inputs) {
    if (tf.TF_NumDims(input.get()) < 1) return -1;
    const int64_t own = tf.TF_Dim(input.get(), 0);
    if (rows >= 0 && own != rows) return -1;
    rows = own;
  }
  return rows;
}

Status RunAlone(Request* request, RunLog* log) {
  const auto fetch_set = request->signature->FetchSet(request->wanted_outputs);
  std::vector<TF_Tensor*> inputs(request->inputs.size());
  for (size_t i = 0; i < inputs.size(); i++) inputs[i] = request->inputs[i].get();
  std::vector<TensorSlice> results;
  const auto start = Clock::now();
  Status status = RunSignature(*request->signature, inputs, fetch_set, request->deadline, &results);
  const auto end = Clock::now();
  if (status.code == kRefusedByLeanExecutor) return status;
  request->run_micros = static_cast<int64_t>(MicrosBetween(start, end));
  GraphRuns::Get().Note(status.ok(), request->run_micros);
  request->rows = request->run_rows = std::max<int64_t>(RowsOf(*request), 1);
  log->NoteRun(request->run_rows);
  if (!status.ok()) {
    DescribeMisfits(*request, &status.message);
    return status;
  }
  request->runs = 1;
  status = Finish(request, fetch_set, std::move(results));
  request->format_micros = MicrosBetween(end, Clock::now());
  return status;
}

// What TensorFlow Serving refuses, in its words, where BatchingParameters are given (batching_util.h,
// shared_batch_scheduler.h). Signatures that are not for batching are run as they are, where it refuses them.
Status CheckRows(const Request& request) {
  const BatchPolicy& policy = request.access->policy;
  if (!policy.is_given || !request.signature->batchable()) return {};
  for (const TensorPtr& input : request.inputs)
    if (tf.TF_NumDims(input.get()) < 1)
      return {code::kInvalidArgument, "Batching Run() input tensors must have at least one dimension"};
  const int64_t rows = RowsOf(request);
  if (rows < 0) return {code::kInvalidArgument, "Batching Run() input tensors must have equal 0th-dimension size"};
  if (rows > policy.max_rows)
    return {code::kInvalidArgument, "Task size " + std::to_string(rows) + " is larger than maximum input batch size " +
                                        std::to_string(policy.max_rows)};
  return {};
}

bool SameRowShape(const TF_Tensor* a, const TF_Tensor* b) {
  const int rank = tf.TF_NumDims(a);
  for (int axis = 1; axis < rank; axis++)
    if (tf.TF_Dim(a, axis) != tf.TF_Dim(b, axis)) return false;
  return true;
}

bool FitTogether(const Request& a, const Request& b) {
  if (a.signature != b.signature || a.access != b.access || a.wanted_outputs != b.wanted_outputs || RowsOf(b) <= 0)
    return false;
  for (size_t i = 0; i < a.inputs.size(); i++) {
    const TF_Tensor* one = a.inputs[i].get();
    const TF_Tensor* other = b.inputs[i].get();
    if (tf.TF_NumDims(one) != tf.TF_NumDims(other)) return false;
    if (!a.access->policy.pads_inner && !SameRowShape(one, other)) return false;
  }
  // That rows are independent is known for shapes as declared (native/engine/tensorflow/rows/).
  return FitsSignature(b);
}

// Requests that share runs, as the rows of one large request, which is run in pieces of what a run may have.
class JoinedRun {
 public:
  explicit JoinedRun(std::span<Request* const> group)
      : group_(group),
        signature_(*group[0]->signature),
        policy_(group[0]->access->policy),
        fetch_set_(signature_.FetchSet(group[0]->wanted_outputs)) {
    for (const Request* request : group) rows_ += RowsOf(*request);
  }

  enum class Outcome { kGood, kFailed, kNoRows };
  // Finishes all requests if it was good. `status`: why it failed. Throws std::bad_alloc, having finished none.
  Outcome Run(Status* status, RunLog* log) {
    const int64_t most = policy_.splits ? policy_.max_run_rows : rows_;
    const auto start = Clock::now();
    for (int64_t begin = 0; begin < rows_; begin += most) {
      const int64_t end = std::min(rows_, begin + most);
      const RowRange range{begin, end, policy_.PaddedRows(end - begin)};
      *status = RunPiece(range);
      if (status->code == kRefusedByLeanExecutor) return Outcome::kFailed;
      log->NoteRun(range.padded);
      most_rows_ = std::max(most_rows_, range.padded);
      if (!status->ok()) return Outcome::kFailed;
      const std::vector<TensorSlice>& results = pieces_.back().results;
      if (!std::all_of(results.begin(), results.end(), [&](const TensorSlice& r) { return r.HasRows(range.padded); }))
        return Outcome::kNoRows;
    }
    run_micros_ = MicrosSince(start);
    return Distribute() ? Outcome::kGood : Outcome::kNoRows;
  }

 private:
  struct Piece {
    RowRange range;
    std::vector<TensorSlice> results;  // by fetched output
  };

  Status RunPiece(const RowRange& range) {
    std::vector<TensorPtr> joined;
    std::vector<TF_Tensor*> inputs, parts(group_.size());
    for (size_t i = 0; i < signature_.inputs().size(); i++) {
      for (size_t j = 0; j < parts.size(); j++) parts[j] = group_[j]->inputs[i].get();
      joined.push_back(GatherRows(parts, range));
      inputs.push_back(joined.back().get());
      if (!inputs.back()) return NoMemory();
    }
    // Nobody's own deadline ends a run that others need, too.
    const auto deadline = group_.size() == 1 ? group_[0]->deadline : Clock::time_point::max();
    Piece piece{range, {}};
    const auto start = Clock::now();
    Status status = RunSignature(signature_, inputs, fetch_set_, deadline, &piece.results);
    if (status.code == kRefusedByLeanExecutor) return status;
    GraphRuns::Get().Note(status.ok(), MicrosSince(start));
    pieces_.push_back(std::move(piece));
    return status;
  }

  // The rows of an output that begin at `begin` in the whole. None if the pieces' outputs do not fit together.
  std::optional<TensorSlice> RowsOfOutput(size_t output, int64_t begin, int64_t rows) const {
    std::vector<TensorSlice> parts;
    for (const Piece& piece : pieces_) {
      const int64_t from = std::max(begin, piece.range.begin);
      const int64_t to = std::min(begin + rows, piece.range.end);
      if (from < to) parts.push_back(piece.results[output].Rows(from - piece.range.begin, to - from));
    }
    return JoinSlices(parts);
  }

  bool Distribute() {
    const auto start = Clock::now();
    std::vector<std::vector<TensorSlice>> shares(group_.size());
    int64_t begin = 0;
    for (size_t i = 0; i < group_.size(); i++) {
      const int64_t own = RowsOf(*group_[i]);
      for (size_t output = 0; output < fetch_set_.size(); output++) {
        auto rows = RowsOfOutput(output, begin, own);
        if (!rows) return false;
        shares[i].push_back(*std::move(rows));
      }
      begin += own;
    }
    for (size_t i = 0; i < group_.size(); i++) {
      Request* request = group_[i];
      request->run_micros = run_micros_;
      request->rows = RowsOf(*request);
      request->run_rows = most_rows_;
      request->decode_micros *= static_cast<double>(group_.size());  // each has had the same share of it so far
      Guard(request, [&] { return Finish(request, fetch_set_, std::move(shares[i])); });
    }
    group_[0]->runs = static_cast<int64_t>(pieces_.size());
    const double format_micros = MicrosBetween(start, Clock::now());
    for (Request* request : group_) request->format_micros = format_micros;
    return true;
  }

  std::span<Request* const> group_;
  const Signature& signature_;
  const BatchPolicy& policy_;
  std::span<const uint32_t> fetch_set_;
  int64_t rows_ = 0;
  int64_t most_rows_ = 0;  // of a piece
  int64_t run_micros_ = 0;
  std::vector<Piece> pieces_;
};

// Whether a request that stands alone has to be filled up or run in pieces.
bool NeedsJoinedRun(const Request& request) {
  const int64_t rows = RowsOf(request);
  const BatchPolicy& policy = request.access->policy;
  if (rows <= 0 || !policy.is_given || !request.signature->batchable()) return false;
  return (policy.splits && rows > policy.max_run_rows) || policy.PaddedRows(rows) != rows;
}

void RunEachAlone(std::span<Request* const> group, RunLog* log) {
  for (Request* request : group) Guard(request, [&] { return RunAlone(request, log); });
}

JoinedRun::Outcome TryTogether(std::span<Request* const> group, Status* status, RunLog* log) {
  try {
    return JoinedRun(group).Run(status, log);
  } catch (const std::bad_alloc&) {
    *status = NoMemory();
  } catch (const std::exception& error) {
    *status = {code::kInternal, std::string("The requests could not be run together: ") + error.what()};
  }
  return JoinedRun::Outcome::kFailed;
}

void RunGroup(std::span<Request* const> group, RunLog* log) {
  const bool joins = group[0]->signature->batchable() && (group.size() > 1 || NeedsJoinedRun(*group[0]));
  if (!joins) return RunEachAlone(group, log);
  Status status;
  const auto outcome = TryTogether(group, &status, log);
  if (outcome == JoinedRun::Outcome::kGood) return;
  if (outcome == JoinedRun::Outcome::kNoRows) {
    group[0]->signature->MarkUnbatchable();  // it declares a first dimension that its outputs do not have
    return RunEachAlone(group, log);
  }
  if (status.code == kRefusedByLeanExecutor) {
    for (Request* request : group) request->status = status;
    return;
  }
  if (group.size() == 1) {
    DescribeMisfits(*group[0], &status.message);
    group[0]->status = std::move(status);
    return;
  }
  // Halves, since as a rule one of them is all good: a bad request among 32 costs 10 runs, not 32.
  const size_t half = group.size() / 2;
  RunGroup(group.first(half), log);
  RunGroup(group.subspan(half), log);
}

// Takes the first of `ready` out, and all that fit to it as long as a run may have as many rows.
std::vector<Request*> TakeGroup(std::vector<Request*>* ready) {
  Request* first = ready->front();
  const BatchPolicy& policy = first->access->policy;
  const int64_t most = policy.splits ? INT64_MAX : policy.max_run_rows;
  int64_t rows = RowsOf(*first);
  const bool joins = ready->size() > 1 && rows > 0 && first->signature->batchable();
  std::vector<Request*> group{first};
  size_t kept = 0;
  for (Request* request : std::span(*ready).subspan(1)) {
    if (joins && FitTogether(*first, *request) && rows + RowsOf(*request) <= most) {
      rows += RowsOf(*request);
      group.push_back(request);
    } else {
      (*ready)[kept++] = request;
    }
  }
  ready->resize(kept);
  return group;
}

// What was done soon together would have been alone. That it took long together says nothing of any of them.
void NoteQuickness(std::span<const std::unique_ptr<Request>> requests, uint32_t micros) {
  const bool alone = requests.size() == 1;
  for (const auto& request : requests)
    if (alone || !IsQuick(*request)) NoteRun(*request, micros);
}

// Those whose deadline has passed while others of the same go were run: nobody waits for them any more.
void RefuseLate(std::vector<Request*>* ready) {
  const auto now = Clock::now();
  std::erase_if(*ready, [now](Request* request) {
    if (now < request->deadline) return false;
    request->status = {code::kDeadlineExceeded, "The deadline passed before the request was run."};
    return true;
  });
}

}  // namespace

void Execute(std::span<const std::unique_ptr<Request>> requests, RunLog* log) {
  RunLog unread;
  if (!log) log = &unread;
  const auto start = Clock::now();
  auto decoded = start;
  double refused_micros = 0;
  std::vector<Request*> ready;
  for (const auto& request : requests) {
    Guard(request.get(), [&] {
      Status status = DecodeRequest(request.get());
      return status.ok() ? CheckRows(*request) : status;
    });
    const auto now = Clock::now();
    if (request->status.ok())
      ready.push_back(request.get());
    else
      refused_micros += MicrosBetween(decoded, now);
    decoded = now;
  }
  const size_t run = ready.size();
  const double decode_micros = (MicrosBetween(start, decoded) - refused_micros) / static_cast<double>(run);
  for (Request* request : ready) request->decode_micros = decode_micros;
  while (!ready.empty()) {
    RunGroup(TakeGroup(&ready), log);
    if (!ready.empty()) RefuseLate(&ready);
  }
  const auto end = Clock::now();
  const int64_t spent = std::chrono::duration_cast<std::chrono::microseconds>(end - start).count();
  log->micros += spent;
  const auto is_refused = [](const auto& request) { return request->status.code == kRefusedByLeanExecutor; };
  if (std::any_of(requests.begin(), requests.end(), is_refused)) return;  // this was no run
  // What was refused when it was decoded says nothing of how long a run takes.
  if (run > 0) {
    const int64_t run_micros = std::max<int64_t>(spent - static_cast<int64_t>(refused_micros), 0);
    log->run_micros += run_micros;
    log->requests += run;
    const uint64_t good_before = log->good;
    for (const auto& request : requests) {
      if (!request->status.ok()) continue;
      log->good++;
      if (request->deadline < end) log->late++;
    }
    // Nor does a run that was refused by the model, in no time as a rule.
    if (log->good > good_before) requests[0]->session->NoteRequest(Capped(run_micros / static_cast<int64_t>(run)));
  }
  NoteQuickness(requests, Capped(spent));
}

}  // namespace tensorgate
