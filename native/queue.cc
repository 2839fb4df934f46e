#include "queue.h"

#include <algorithm>

#include "completion_port.h"
#include "session.h"

namespace tensorgate {

namespace {

using std::chrono::microseconds;

void Refuse(std::unique_ptr<Request> request, Status status) {
  request->status = std::move(status);
  const auto port = request->port;
  port->Complete(std::move(request));
}

// What waits is served sooner by the worker that is awake than by one that must be woken, if it is less than this.
constexpr uint64_t kWorthWakingMicros = 60;

// The event loop has better to do than several requests' runs that take longer than this: a worker is woken for less.
constexpr uint64_t kWorthHandingOverMicros = 30;

// A worker at a run that takes longer does not come soon enough for a request that is known to be quick.
constexpr int64_t kLongRunMicros = 1000;

// A lane's average is no forecast before it is one of some runs: the first ones of a model may be a hundred times
// slower.
constexpr uint32_t kRunsToForecast = 8;

// A client that has been refused tries again no sooner, also where it is not known yet how long a run takes.
constexpr microseconds kShortestRetry{100'000};

// Nor does one whose model is blocked: it is loaded anew before.
constexpr microseconds kBlockedRetry{1'000'000};

// With fewer a worker does not begin before the turn of the loop is over: it would leave the rest of a batch behind.
constexpr size_t kEnoughToBegin = 8;

// So many share a run at most, where BatchingParameters do not say otherwise.
constexpr size_t kMostTogether = 32;

// So many are passed over in search of more to join, lest a long lane of others be walked each time.
constexpr size_t kMostLooks = 256;

// Costs nothing where there is no deadline.
bool IsLate(const Request& request) {
  return request.deadline != Clock::time_point::max() && request.deadline <= Clock::now();
}

void NoteWait(Request* request, Clock::time_point now) {
  request->queue_micros = std::chrono::duration_cast<microseconds>(now - request->submitted).count();
}

// It has waited, and cannot be answered in time.
void RefuseLate(std::unique_ptr<Request> request, Clock::time_point now) {
  NoteWait(request.get(), now);
  if (request->deadline <= now)
    return Refuse(std::move(request),
                  {code::kDeadlineExceeded, "The deadline passed while the request waited for a worker."});
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(request->deadline - now).count();
  request->retry_after = kShortestRetry;
  std::string text = "Model '" + request->access->lane->model + "' has so much to do that it cannot answer in the " +
                     std::to_string(left) +
                     " ms that are left of the request's time. Try again later, or allow it "
                     "more time.";
  Refuse(std::move(request), {code::kResourceExhausted, std::move(text)});
}

Status Blocked(const LaneAccess& access) {
  return {code::kUnavailable, "Model '" + access.lane->model +
                                  "' takes no requests for now: a run of it has not ended within the limit "
                                  "(--max_run_time_in_ms). It is loaded anew once that run has ended. Send the "
                                  "request again later, or to another server."};
}

void RefuseBlocked(std::vector<std::unique_ptr<Request>> requests) {
  for (auto& request : requests) {
    Status status = Blocked(*request->access);
    request->retry_after = kBlockedRetry;
    Refuse(std::move(request), std::move(status));
  }
}

Status Closed() { return {code::kUnavailable, "The server is stopping. Send the request again to another one."}; }

// Whether its rows count for max_enqueued_batches. One that has too many is refused as soon as it is its turn.
bool CountsRows(const Request& request) {
  const BatchPolicy& policy = request.access->policy;
  return policy.is_given && IsBatchCandidate(request) && request.rows <= policy.max_rows;
}

int64_t BatchesOf(int64_t rows, const BatchPolicy& policy) {
  return (rows + policy.max_run_rows - 1) / policy.max_run_rows;
}

// What lies between the client and the worker: requests wait for the event loop about as long as answers do.
int64_t TransitMicros(const Request& request) { return 2 * request.port->delivery_micros(); }

// What a run of it alone takes at the least, and its answer to be on its way; 0 as long as too little is known.
int64_t ExpectedRunMicros(const Request& request) {
  if (request.access->lane->runs < kRunsToForecast) return 0;
  const RunTimes* times = request.access->run_times.Find(request.signature.get());
  return times ? times->Expect(request.work_size) + TransitMicros(request) : 0;
}

// Has requests join a run only as long as all of them can be answered in time: it takes longer with each.
class JoinedTime {
 public:
  JoinedTime(const Request& first, Clock::time_point now)
      : times_(first.access->run_times.Find(first.signature.get())), now_(now), transit_(TransitMicros(first)) {
    Add(first);
  }

  bool Allows(const Request& request) const {
    const auto deadline = std::min(deadline_, request.deadline);
    if (deadline == Clock::time_point::max() || !times_ || now_ == Clock::time_point::min()) return true;
    return now_ + microseconds(times_->ExpectJoined(work_ + request.work_size, now_) + transit_) <= deadline;
  }
  void Add(const Request& request) {
    deadline_ = std::min(deadline_, request.deadline);
    work_ += request.work_size;
  }

 private:
  const RunTimes* times_;
  Clock::time_point now_;
  int64_t transit_;
  Clock::time_point deadline_ = Clock::time_point::max();  // the first one of all
  size_t work_ = 0;
};

// Whether the two, of one lane, may share a run, as far as can be told.
bool MayJoin(const Request& first, const Request& other) {
  if (other.access != first.access || !IsBatchCandidate(other)) return false;
  if (!first.signature || !other.signature) return true;
  if (first.signature != other.signature) return false;
  // Without parameters it is well to take others along: small runs, one after the other, cost less than visits here.
  const BatchPolicy& policy = first.access->policy;
  return !policy.is_given || policy.pads_inner || first.shape_key == other.shape_key;
}

}  // namespace

bool DeviceQueue::IsOpen(const Lane& lane) const {
  if (lane.limits.most_running > 0 && lane.running >= lane.limits.most_running) return false;
  // The workers in place of those that it holds are for others.
  if (lane.held > 0 && lane.running + extra_ >= workers_ + held_) return false;
  const BatchPool* pool = lane.First()->access->policy.pool.get();
  return !pool || pool->running < pool->threads;
}

// Whether what waits is done sooner, all of it, than a worker would be awake for it.
bool DeviceQueue::IsWorkForTheLoop(const Lane& lane) const {
  const size_t waiting = lane.waiting();
  if (waiting > kMostTogether || lane.has_forming() || !IsOpen(lane)) return false;
  if (waiting > 1 && ExpectedMicros(*lane.First()) * uint64_t{waiting} > kWorthHandingOverMicros * QuickRuns::slower())
    return false;
  bool all = true;
  lane.ForEachReady(0, [&](const Request* request) {
    return all = IsQuick(*request) && !IsLate(*request);  // a late one is left to a worker to refuse
  });
  return all;
}

// Whether so much waits that a worker had better begin while the turn of the loop goes on, and brings more: a batch of
// some size, and longer than it takes to be awake.
bool DeviceQueue::IsEnoughToBegin(const Lane& lane) const {
  if (lane.waiting() < kEnoughToBegin || !lane.First() || !IsOpen(lane)) return false;
  return ExpectedMicros(*lane.First()) * uint64_t{lane.waiting()} > kWorthWakingMicros;
}

// Numbers only: the sentence is made outside the lock.
struct DeviceQueue::Obstacle {
  enum class Kind { kNone, kClosed, kBlocked, kWaiting, kDeadline, kLongestWait, kBatches };
  Kind kind = Kind::kNone;
  int64_t count = 0;
  int64_t wait_micros = 0;
  int64_t run_micros = 0;

  Status Describe(const Request& request) const;
};

Status DeviceQueue::Obstacle::Describe(const Request& request) const {
  const LaneAccess& access = *request.access;
  const std::string model = "Model '" + access.lane->model + "' ";
  const std::string wait = std::to_string(wait_micros / 1000) + " ms";
  switch (kind) {
    case Kind::kNone:
    case Kind::kClosed:
      return Closed();
    case Kind::kBlocked:
      return Blocked(access);
    case Kind::kWaiting:
      return {code::kResourceExhausted,
              model + "has " + std::to_string(count) +
                  " requests waiting, the most that --max_queued_requests_per_model allows. Try again later, or start "
                  "the server with a larger limit."};
    case Kind::kDeadline:
      return {code::kResourceExhausted,
              model + "cannot answer before the request's deadline: this one would wait for about " + wait +
                  ", and its run is expected to take " + std::to_string(run_micros / 1000) +
                  " ms. Try again later, or allow it more time."};
    case Kind::kLongestWait:
      return {code::kResourceExhausted,
              model + "has so many requests waiting that this one would wait for about " + wait +
                  ", longer than --max_queue_wait_in_ms allows. Try again later, or start the server with a larger "
                  "limit."};
    case Kind::kBatches:
      // TensorFlow Serving's words (shared_batch_scheduler.h).
      return {code::kUnavailable, "The batch scheduling queue to which this task was submitted is full; currently " +
                                      std::to_string(count) + " batches enqueued and max_enqueued_batches is " +
                                      std::to_string(access.policy.max_waiting_batches)};
  }
  return {};
}

std::shared_ptr<LaneAccess> DeviceQueue::OpenLane(const std::string& model, const LaneLimits& limits,
                                                  BatchPolicy policy, const std::string& pool_name,
                                                  size_t pool_threads) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::erase_if(lanes_, [](const auto& entry) { return entry.second.expired(); });
  std::erase_if(pools_, [](const auto& entry) { return entry.second.expired(); });
  auto lane = lanes_[model].lock();
  // What is loaded in place of a servable whose runs hold workers must not wait for these: it has a lane of its own.
  if (!lane || lane->held > 0) lanes_[model] = lane = std::make_shared<Lane>(model);
  lane->limits = limits;
  if (!pool_name.empty()) {
    policy.pool = pools_[pool_name].lock();
    if (!policy.pool) pools_[pool_name] = policy.pool = std::make_shared<BatchPool>();
    policy.pool->threads = pool_threads;
  }
  return std::make_shared<LaneAccess>(LaneAccess{shared_from_this(), std::move(lane), std::move(policy)});
}

// That of the requests before it, if the lane had all workers to itself: a request that is refused for it would not
// have been served in time either.
int64_t DeviceQueue::ExpectedWaitMicros(const Lane& lane, size_t before) const {
  if (lane.runs < kRunsToForecast) return 0;
  size_t workers = std::max<size_t>(workers_, 1);
  if (lane.limits.most_running > 0) workers = std::min(workers, lane.limits.most_running);
  return static_cast<int64_t>(uint64_t{lane.request_micros} * before / workers);
}

int64_t DeviceQueue::FreeInMicros(const Lane& lane, Clock::time_point now) const {
  const bool is_full = lane.limits.most_running > 0 && lane.running >= lane.limits.most_running;
  if (!is_full && (idle_workers_ > 0 || busy_.size() - held_ < workers_)) return 0;
  auto first = Clock::time_point::max();
  for (const Seat* seat : busy_)
    if (!seat->is_held && (!is_full || seat->access->lane.get() == &lane)) first = std::min(first, seat->expected_end);
  return first <= now || first == Clock::time_point::max()
             ? 0
             : std::chrono::duration_cast<microseconds>(first - now).count();
}

bool DeviceQueue::IsInTime(const Request& request, Clock::time_point now, int64_t wait_micros) const {
  if (request.deadline == Clock::time_point::max()) return true;
  return now + microseconds(wait_micros + ExpectedRunMicros(request)) <= request.deadline;
}

DeviceQueue::Obstacle DeviceQueue::FindObstacle(Request* request) {
  using Kind = Obstacle::Kind;
  const LaneAccess& access = *request->access;
  const Lane& lane = *access.lane;
  const LaneLimits& limits = lane.limits;
  if (closed_) return {Kind::kClosed};
  if (access.is_blocked) return {Kind::kBlocked};
  const bool is_urgent = request->urgency != kNotUrgent;
  if (lane.waiting() == 0 && !is_urgent) return {};
  const int64_t wait = ExpectedWaitMicros(lane, lane.WaitingBefore(*request));
  if (limits.most_waiting > 0 && lane.waiting() >= limits.most_waiting)
    return {Kind::kWaiting, static_cast<int64_t>(lane.waiting()), wait};
  if (limits.longest_wait.count() > 0 && wait > limits.longest_wait.count()) return {Kind::kLongestWait, 0, wait};
  if (is_urgent && IsHopeless(request, wait)) return {Kind::kDeadline, 0, wait, ExpectedRunMicros(*request)};
  if (!CountsRows(*request)) return {};
  const BatchPolicy& policy = access.policy;
  const int64_t rows = access.waiting_rows.Of(request->signature.get());
  if (rows > 0 && BatchesOf(rows + request->rows, policy) > policy.max_waiting_batches)
    return {Kind::kBatches, BatchesOf(rows, policy), wait};
  return {};
}

bool DeviceQueue::IsHopeless(Request* request, int64_t wait_micros) {
  const auto now = request->submitted;
  if (request->deadline <= now) return false;  // it is dropped as all such are
  const Lane& lane = *request->access->lane;
  const int64_t wait = wait_micros + FreeInMicros(lane, now);
  if (IsInTime(*request, now, wait)) {
    // Where some of its line wait already, the least patient of the line must be able to join them.
    const microseconds least = LeastAllowed(request->urgency);
    return least.count() > 0 && lane.WaitingBeside(*request) >= std::max<size_t>(workers_, 1) &&
           wait + ExpectedRunMicros(*request) > least.count();
  }
  if (IsInTime(*request, now, 0)) return true;
  RunTimes* times = request->access->run_times.Find(request->signature.get());
  request->is_probe = times && times->MayProbe(request->work_size, now);
  return !request->is_probe;
}

Refusal DeviceQueue::Submit(std::unique_ptr<Request> request) {
  request->submitted = Clock::now();
  if (request->deadline != Clock::time_point::max())
    request->urgency = UrgencyOf(std::chrono::duration_cast<microseconds>(request->deadline - request->submitted));
  Obstacle obstacle;
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    obstacle = FindObstacle(request.get());
    if (obstacle.kind == Obstacle::Kind::kNone) {
      const Lane& lane = *request->access->lane;
      Enqueue(std::move(request));
      wake = !woken_in_turn_ && idle_workers_ > 0 && IsEnoughToBegin(lane);
      woken_in_turn_ |= wake;
    } else {
      refused_++;
    }
  }
  if (wake) not_empty_.notify_one();
  if (obstacle.kind == Obstacle::Kind::kNone) return {};
  if (obstacle.kind == Obstacle::Kind::kClosed) return {Closed()};
  const auto retry = obstacle.kind == Obstacle::Kind::kBlocked ? kBlockedRetry : kShortestRetry;
  return {obstacle.Describe(*request), std::max(retry, microseconds(obstacle.wait_micros))};
}

void DeviceQueue::PutBack(std::vector<std::unique_ptr<Request>> requests) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& request : requests)
      if (!closed_ && !request->access->is_blocked) Enqueue(std::move(request));
  }
  for (auto& request : requests) {
    if (!request) continue;
    Status status = request->access->is_blocked ? Blocked(*request->access) : Closed();
    Refuse(std::move(request), std::move(status));
  }
  not_empty_.notify_one();
}

void DeviceQueue::Enqueue(std::unique_ptr<Request> request) {
  LaneAccess& access = *request->access;
  Lane& lane = *access.lane;
  Request* added = request.get();
  active_.reserve(active_.size() + 1);
  const int64_t counted = CountsRows(*added) ? added->rows : 0;
  if (counted > 0) access.waiting_rows.Reserve();
  lane.Push(std::move(request));  // the last step that may fail
  added->counted_rows = counted;
  if (counted > 0) access.waiting_rows.Add(added->signature.get(), counted);
  if (lane.waiting() == 1) {
    active_.push_back(&lane);
    // What it has left unused while it was empty is not saved up for later.
    lane.used_micros = std::max(lane.used_micros, least_used_micros_);
  }
  by_id_.Add(added);
  waiting_++;
}

std::unique_ptr<Request> DeviceQueue::Remove(Request* request) {
  Lane& lane = *request->access->lane;
  by_id_.Remove(request);
  auto removed = lane.Remove(request);
  waiting_--;
  if (removed->counted_rows > 0)
    removed->access->waiting_rows.Subtract(removed->signature.get(), removed->counted_rows);
  if (lane.waiting() == 0) {
    *std::find(active_.begin(), active_.end(), &lane) = active_.back();
    active_.pop_back();
  }
  return removed;
}

std::vector<std::unique_ptr<Request>> DeviceQueue::EndTurn() {
  std::vector<std::unique_ptr<Request>> quick;
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const bool nobody_comes = workers_ > 0 && idle_workers_ + long_runs_ == workers_;
    if (nobody_comes && active_.size() == 1 && IsWorkForTheLoop(*active_.front())) {
      Requests dropped;  // none: they are quick, and not late
      quick = TakeTogether(active_.front(), Clock::time_point::min(), &dropped);
      quick_ += quick.size();
    }
    wake = !std::exchange(woken_in_turn_, false) && idle_workers_ > 0 && HasWork();
  }
  if (wake) not_empty_.notify_one();
  return quick;
}

void DeviceQueue::Enter() {
  std::lock_guard<std::mutex> lock(mutex_);
  busy_.reserve(workers_ + 1);
  workers_++;
}

void DeviceQueue::Leave(Seat* seat) {
  bool wake = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Settle(seat, Clock::now());
    workers_--;
    // What this worker has made room for may be for another to take.
    wake = idle_workers_ > 0 && HasWork();
  }
  if (wake) not_empty_.notify_one();
}

bool DeviceQueue::HasWork() const {
  return std::any_of(active_.begin(), active_.end(),
                     [this](const Lane* lane) { return lane->has_forming() || IsOpen(*lane); });
}

bool DeviceQueue::WorthAnother(const Request& taken) const {
  if (idle_workers_ == 0 || !HasWork()) return false;
  // Whether this worker is back in time for a batch that is being formed nobody knows.
  if (std::any_of(active_.begin(), active_.end(), [](const Lane* lane) { return lane->has_forming(); })) return true;
  return ExpectedMicros(taken) * static_cast<uint64_t>(waiting_) > kWorthWakingMicros;
}

Lane* DeviceQueue::Pick(Clock::time_point* until) {
  Lane* best = nullptr;
  for (Lane* lane : active_) {
    if (lane->has_forming()) *until = std::min(*until, lane->ReleaseDue(Clock::now()));
    if (!lane->First() || (best && lane->used_micros >= best->used_micros) || !IsOpen(*lane)) continue;
    best = lane;
  }
  return best;
}

Lane* DeviceQueue::WaitForLane(std::unique_lock<std::mutex>* lock, Clock::time_point give_up) {
  Lane* lane = nullptr;
  idle_workers_++;
  for (;;) {
    auto until = give_up;
    lane = Pick(&until);
    if (lane || closed_ || Clock::now() >= give_up) break;
    not_empty_.wait_until(*lock, until);
  }
  idle_workers_--;
  return lane;
}

size_t DeviceQueue::BatchLimit(const Lane& lane, const Request& first) const {
  if (!IsBatchCandidate(first)) return 1;
  if (first.access->policy.is_given) return lane.waiting();
  if (ExpectedMicros(first) == Session::kUnknown) return 1;
  // Runs that take long gain more from an idle worker than from being one.
  if (idle_workers_ == 0 || ExpectedMicros(first) < kWorthWakingMicros) return kMostTogether;
  return std::min(kMostTogether, lane.waiting() / (idle_workers_ + 1) + 1);
}

DeviceQueue::Requests DeviceQueue::TakeTogether(Lane* lane, Clock::time_point now, Requests* dropped) {
  while (lane->First() && !lane->First()->is_probe && !IsInTime(*lane->First(), now, 0))
    dropped->push_back(Remove(lane->First()));
  if (!dropped->empty()) return {};
  Request& first = *lane->First();
  const Request* pattern = &first;  // of known signature, as soon as there is one
  const size_t limit = BatchLimit(*lane, first);
  const BatchPolicy& policy = first.access->policy;
  JoinedTime time(first, now);
  const size_t urgency = first.urgency;
  lane->NoteTurn(first);
  Requests taken;
  taken.push_back(Remove(&first));
  int64_t rows = taken[0]->rows;
  size_t looks = 0;
  lane->ForEachReady(urgency, [&](Request* request) {
    if (taken.size() >= limit || rows >= policy.max_run_rows || looks > kMostLooks) return false;
    if (!MayJoin(*pattern, *request) || (!policy.splits && rows + request->rows > policy.max_run_rows) ||
        !time.Allows(*request)) {
      looks++;
      return true;
    }
    if (!pattern->signature) pattern = request;
    rows += request->rows;
    time.Add(*request);
    taken.push_back(Remove(request));
    return true;
  });
  return taken;
}

void DeviceQueue::Occupy(Seat* seat, const Requests& taken, Clock::time_point now) {
  constexpr uint32_t kFirstGuessMicros = 1000;
  LaneAccess& access = *taken[0]->access;
  Lane& lane = *access.lane;
  seat->access = taken[0]->access;
  const uint32_t each = lane.runs == 0 ? kFirstGuessMicros : lane.request_micros;
  seat->charged_micros = static_cast<int64_t>(each) * static_cast<int64_t>(taken.size());
  least_used_micros_ = std::max(least_used_micros_, lane.used_micros);
  seat->is_long = seat->charged_micros > kLongRunMicros;
  if (seat->is_long) long_runs_++;
  lane.used_micros += seat->charged_micros;
  lane.running++;
  if (access.policy.pool) access.policy.pool->running++;
  taken_ += taken.size();
  batches_++;
  seat->signature = taken[0]->signature.get();
  seat->work = 0;
  seat->wanted_until = Clock::time_point::min();
  for (const auto& request : taken) {
    seat->work += request->work_size;
    seat->wanted_until = std::max(seat->wanted_until, request->deadline);
    seat->requests.push_back({request->port.get(), request->id});
  }
  seat->taken = now;
  seat->expected_end = now + microseconds(seat->charged_micros);
  busy_.push_back(seat);
}

void DeviceQueue::Settle(Seat* seat, Clock::time_point now) {
  if (!seat->access) return;
  *std::find(busy_.begin(), busy_.end(), seat) = busy_.back();
  busy_.pop_back();
  LaneAccess& access = *seat->access;
  Lane& lane = *access.lane;
  lane.used_micros += seat->log.micros - seat->charged_micros;
  lane.running--;
  if (seat->is_held) {
    lane.held--;
    held_--;
    workers_++;
  } else if (seat->is_long) {
    long_runs_--;
  }
  if (seat->is_blocked) access.blocked_runs--;
  if (access.policy.pool) access.policy.pool->running--;
  // One that has been ended says nothing of how long a run takes.
  if (!seat->is_blocked) {
    if (seat->log.requests > 0) lane.NoteRun(seat->log.run_micros, seat->log.requests);
    if (seat->log.good > 0) access.run_times.Note(seat->signature, seat->work, seat->log.run_micros, now);
  }
  runs_.Add(seat->log);
  auto requests = std::move(seat->requests);
  requests.clear();
  *seat = Seat{};
  seat->requests = std::move(requests);  // for its memory
}

std::vector<std::unique_ptr<Request>> DeviceQueue::Take(std::chrono::milliseconds idle, Seat* seat) {
  auto now = Clock::now();
  const auto give_up = now + idle;
  Requests taken;
  while (taken.empty()) {
    bool wake = false;
    Requests dropped;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      Settle(seat, now);
      Lane* lane = WaitForLane(&lock, give_up);
      if (!lane) break;
      now = Clock::now();
      taken = TakeTogether(lane, now, &dropped);
      dropped_ += dropped.size();
      if (!taken.empty()) {
        Occupy(seat, taken, now);
        wake = WorthAnother(*taken[0]);
      }
    }
    if (wake) not_empty_.notify_one();
    for (const auto& request : taken) NoteWait(request.get(), now);
    for (auto& request : dropped) RefuseLate(std::move(request), now);
  }
  return taken;
}

bool DeviceQueue::Cancel(const CompletionPort* port, uint32_t id) {
  std::unique_ptr<Request> request;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    Request* waiting = by_id_.Find(port, id);
    if (!waiting) return false;
    request = Remove(waiting);
    if (IsLate(*request)) dropped_++;  // the event loop has seen it first
  }
  Refuse(std::move(request), {code::kCancelled, "The request was cancelled while it waited for a worker."});
  return true;
}

void DeviceQueue::Hold(Seat* seat) {
  seat->is_held = true;
  seat->access->lane->held++;
  held_++;
  workers_--;
  if (seat->is_long) long_runs_--;
  last_held_ = Clock::now();
}

void DeviceQueue::BlockLane(const std::shared_ptr<LaneAccess>& access, Requests* refused) {
  if (access->is_blocked) return;
  access->is_blocked = true;
  blocked_lanes_.push_back({access, /*is_new=*/true});
  Lane& lane = *access->lane;
  if (lane.has_forming()) lane.ReleaseDue(Clock::time_point::max());
  lane.ForEachReady(0, [&](Request* request) {
    if (request->access == access) refused->push_back(Remove(request));
    return true;
  });
}

void DeviceQueue::Block(const std::shared_ptr<LaneAccess>& access) {
  Requests refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    BlockLane(access, &refused);
  }
  RefuseBlocked(std::move(refused));
}

WatchReport DeviceQueue::Watch(const WatchLimits& limits) {
  // So long a worker may go on for nobody, and so long it may go on at all while no other is idle.
  constexpr std::chrono::seconds kGrace{1}, kPatience{10};
  WatchReport report;
  Requests refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto now = Clock::now();
    for (Seat* seat : busy_) {
      const auto since = now - seat->taken;
      const bool is_too_long = limits.longest_run.count() > 0 && since >= limits.longest_run;
      const bool is_overdue =
          since >= kPatience || (seat->wanted_until != Clock::time_point::max() && now - kGrace >= seat->wanted_until);
      if (!seat->is_held && (is_too_long || (is_overdue && idle_workers_ == 0))) Hold(seat);
      if (!is_too_long || seat->is_blocked) continue;
      seat->is_blocked = true;
      seat->access->blocked_runs++;
      blocked_++;
      BlockLane(seat->access, &refused);
      report.given_up.insert(report.given_up.end(), seat->requests.begin(), seat->requests.end());
    }
    for (; held_ > extra_ && extra_ < limits.most_extra; extra_++) report.replacements++;
    for (auto& blocked : blocked_lanes_) {
      report.blocked.push_back({blocked.access, std::exchange(blocked.is_new, false), blocked.access->blocked_runs});
    }
    std::erase_if(blocked_lanes_, [](const auto& blocked) { return blocked.access->blocked_runs == 0; });
  }
  RefuseBlocked(std::move(refused));
  return report;
}

bool DeviceQueue::HasTooMany() {
  constexpr std::chrono::seconds kAtLeast{10};  // a run that is held may be followed by another
  std::lock_guard<std::mutex> lock(mutex_);
  if (extra_ <= held_ || Clock::now() - last_held_ < kAtLeast) return false;
  extra_--;
  return true;
}

void DeviceQueue::Close() {
  std::vector<std::unique_ptr<Request>> refused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
    while (!active_.empty()) refused.push_back(Remove(active_.front()->Any()));
  }
  not_empty_.notify_all();
  for (auto& request : refused) Refuse(std::move(request), Closed());
}

bool DeviceQueue::closed() {
  std::lock_guard<std::mutex> lock(mutex_);
  return closed_;
}

DeviceQueue::Stats DeviceQueue::stats() {
  std::lock_guard<std::mutex> lock(mutex_);
  return {waiting_, taken_, batches_, quick_, refused_, dropped_, runs_, held_, blocked_};
}

}  // namespace tensorgate
