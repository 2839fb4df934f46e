#include "lane.h"

#include <algorithm>

namespace tensorgate {

namespace {

BatchKey KeyOf(const Request& request) {
  const LaneAccess& access = *request.access;
  return {&access, request.signature.get(), access.policy.pads_inner ? 0 : request.shape_key};
}

bool WaitsForOthers(const Request& request) {
  const BatchPolicy& policy = request.access->policy;
  return policy.timeout.count() > 0 && request.rows < policy.max_run_rows && IsBatchCandidate(request);
}

}  // namespace

RequestList::~RequestList() {
  while (first_) Remove(first_);
}

void RequestList::PushBack(std::unique_ptr<Request> request) {
  request->previous = last_;
  request->next = nullptr;
  request->list = this;
  Request* added = request.release();
  (last_ ? last_->next : first_) = added;
  last_ = added;
}

std::unique_ptr<Request> RequestList::Remove(Request* request) {
  (request->previous ? request->previous->next : first_) = request->next;
  (request->next ? request->next->previous : last_) = request->previous;
  request->previous = request->next = nullptr;
  request->list = nullptr;
  return std::unique_ptr<Request>(request);
}

void Lane::MakeReady(std::unique_ptr<Request> request) {
  filled_[request->priority] |= Bit(request->urgency);
  RequestList& line = ready_[request->priority][request->urgency];
  line.PushBack(std::move(request));
}

void Lane::Push(std::unique_ptr<Request> request) {
  size_t& count = counts_[request->priority][request->urgency];
  if (WaitsForOthers(*request))
    Form(std::move(request));
  else
    MakeReady(std::move(request));
  count++;
  waiting_++;
}

// As TensorFlow Serving does: what would make a batch too large begins another one.
void Lane::Form(std::unique_ptr<Request> request) {
  const BatchPolicy& policy = request->access->policy;
  const BatchKey key = KeyOf(*request);
  if (const auto batch = forming_.find(key);
      batch != forming_.end() && !policy.splits && batch->second.rows + request->rows > policy.max_run_rows)
    Release(batch);
  const Clock::time_point due = request->submitted + policy.timeout;
  if (!forming_.contains(key)) due_.emplace(due, key);
  const auto [batch, is_new] = forming_.try_emplace(key);
  if (is_new) batch->second.due = due;
  batch->second.rows += request->rows;
  batch->second.requests.PushBack(std::move(request));
  if (batch->second.rows >= policy.max_run_rows) Release(batch);
}

void Lane::Release(Forming::iterator batch) {
  RequestList& requests = batch->second.requests;
  while (Request* request = requests.front()) MakeReady(requests.Remove(request));
  due_.erase({batch->second.due, batch->first});
  forming_.erase(batch);
}

Clock::time_point Lane::ReleaseDue(Clock::time_point now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const auto batch = forming_.find(due_.begin()->second);
    if (batch == forming_.end())
      due_.erase(due_.begin());  // there was no memory for the batch
    else
      Release(batch);
  }
  return due_.empty() ? Clock::time_point::max() : due_.begin()->first;
}

std::unique_ptr<Request> Lane::Remove(Request* request) {
  counts_[request->priority][request->urgency]--;
  waiting_--;
  RequestList* list = request->list;
  if (list == &ready_[request->priority][request->urgency]) {
    if (!request->previous && !request->next) filled_[request->priority] &= ~Bit(request->urgency);
    return list->Remove(request);
  }
  const auto batch = forming_.find(KeyOf(*request));
  batch->second.rows -= request->rows;
  auto removed = list->Remove(request);
  if (!list->front()) Release(batch);
  return removed;
}

Request* Lane::Oldest() const {
  Request* oldest = nullptr;
  for (size_t priority = 0; priority < kPriorities; priority++)
    for (uint32_t lines = filled_[priority]; lines; lines &= lines - 1) {
      Request* first = ready_[priority][NextLine(lines, 0)].front();
      if (!oldest || first->submitted < oldest->submitted) oldest = first;
    }
  return oldest;
}

void Lane::NoteTurn(const Request& first) {
  turn_[first.priority] = (first.urgency + 1) % kUrgencies;
  if (passed_over_ >= kMostPassedOver)
    passed_over_ = 0;
  else if (Oldest()->priority > first.priority)
    passed_over_++;
}

Request* Lane::First() const {
  if (passed_over_ >= kMostPassedOver) return Oldest();
  for (size_t priority = 0; priority < kPriorities; priority++)
    if (filled_[priority]) return ready_[priority][NextLine(filled_[priority], turn_[priority])].front();
  return nullptr;
}

Request* Lane::Any() const {
  Request* first = First();
  return first || forming_.empty() ? first : forming_.begin()->second.requests.front();
}

// Of each other line of its priority no more than of its own, since they take turns.
size_t Lane::WaitingBefore(const Request& request) const {
  size_t before = 0;
  for (size_t priority = 0; priority < request.priority; priority++)
    for (const size_t count : counts_[priority]) before += count;
  const auto& lines = counts_[request.priority];
  const size_t own = lines[request.urgency];
  for (size_t line = 0; line < kUrgencies; line++)
    before += line == request.urgency ? own : std::min(lines[line], own + 1);
  return before;
}

void Lane::NoteRun(int64_t micros, uint64_t requests) {
  const auto each = static_cast<uint32_t>(std::min<int64_t>(micros / static_cast<int64_t>(requests), 1'000'000'000));
  request_micros = runs == 0 ? each : static_cast<uint32_t>((uint64_t{request_micros} * 7 + each) / 8);
  if (runs < UINT32_MAX) runs++;
}

}  // namespace tensorgate
