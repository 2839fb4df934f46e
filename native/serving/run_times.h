// How long runs take while the server is busy: what decides whether a request can still be answered in time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace tensorgate {

class Signature;

// A cautious estimate in µs: nine of ten times that are noted lie below it, since it goes up in steps nine times as
// large as those down. So a single outlier turns nobody away. One that is far too high, as after a first run, goes down
// by halves. A value with one owner at a time.
class CautiousTime {
 public:
  void Note(int64_t micros) {
    const int64_t seen = Clamped(micros);
    if (micros_ == 0)
      micros_ = seen;
    else if (seen > micros_)
      micros_ = std::min(seen, micros_ + micros_ / kStepUp + 1);
    else if (seen < micros_ / 4)
      micros_ = (micros_ + seen) / 2;
    else
      micros_ = std::max(seen, micros_ - micros_ / (notes_ < kFew ? kStepUp : 4 * kStepUp));
    notes_ = std::min(notes_ + 1, kFew);
  }
  // A time that was noted to find out whether the estimate is still true.
  void NoteProbe(int64_t micros) {
    const int64_t seen = Clamped(micros);
    micros_ = seen < micros_ ? (micros_ + seen) / 2 : std::min(seen, micros_ + micros_ / kStepUp + 1);
  }
  int64_t micros() const { return micros_; }  // 0: nothing is known

 private:
  static constexpr int64_t kStepUp = 8;  // an eighth of it
  static constexpr uint32_t kFew = 32;   // the first ones, which may be far off, count for more
  static int64_t Clamped(int64_t micros) { return std::clamp<int64_t>(micros, 1, 1'000'000'000); }

  uint32_t notes_ = 0;
  int64_t micros_ = 0;
};

// Of one signature's runs, by their size (Request::work_size, added up for those that share a run). Everything in it is
// guarded by the lock of the queue.
class RunTimes {
 public:
  using Clock = std::chrono::steady_clock;

  void Note(size_t work, int64_t micros, Clock::time_point now) {
    Entry& entry = entries_[ClassOf(work)];
    if (std::exchange(entry.is_probed, false))
      entry.time.NoteProbe(micros);
    else
      entry.time.Note(micros);
    entry.noted = now;
  }

  // What a request of that size takes by itself, at the least: as long as those of its size, or else as the largest of
  // the smaller ones that are known. 0 if none is: the first ones are always run.
  int64_t Expect(size_t work) const {
    const Entry* entry = Nearest(ClassOf(work));
    return entry ? entry->time.micros() : 0;
  }

  // What a run takes that others join, at the most: where nothing has been seen of its size of late, in proportion to
  // what is known of smaller ones. So larger runs are tried, step by step, and tried again.
  int64_t ExpectJoined(size_t work, Clock::time_point now) const {
    const size_t own = ClassOf(work);
    const Entry* smaller = own > 0 ? Nearest(own - 1) : nullptr;
    const int64_t in_proportion =
        smaller ? smaller->time.micros() << std::min<size_t>(own - (smaller - entries_.data()), kMostDoublings) : 0;
    const int64_t seen = entries_[own].time.micros();
    if (seen == 0) return in_proportion;
    return smaller && now - entries_[own].noted > kFresh ? std::min(seen, in_proportion) : seen;
  }

  // Whether to run one all the same that is expected to take too long. It is true from time to time, so that a model
  // which was slow once is not thought so for good: the less often, the longer its runs take.
  bool MayProbe(size_t work, Clock::time_point now) {
    Entry* entry = const_cast<Entry*>(Nearest(ClassOf(work)));
    if (!entry) return true;
    const std::chrono::microseconds pause(std::clamp<int64_t>(4 * entry->time.micros(), 100'000, 1'000'000));
    if (now - entry->noted < pause) return false;
    entry->noted = now;
    return entry->is_probed = true;
  }

 private:
  static constexpr size_t kClasses = 40;
  static constexpr size_t kMostDoublings = 20;
  static constexpr std::chrono::seconds kFresh{2};

  struct Entry {
    CautiousTime time;
    Clock::time_point noted;
    bool is_probed = false;  // the next time is that of a probe
  };

  // Sizes of one class differ by less than a factor of two.
  static size_t ClassOf(size_t work) { return std::min<size_t>(std::bit_width(work), kClasses - 1); }

  const Entry* Nearest(size_t size_class) const {
    for (size_t i = size_class + 1; i-- > 0;)
      if (entries_[i].time.micros() > 0) return &entries_[i];
    return nullptr;
  }

  std::array<Entry, kClasses> entries_{};
};

// By signature; null stands for JSON requests, whose signature is found later. There are few, so they are looked
// through.
class RunTimesBySignature {
 public:
  RunTimes* Find(const Signature* signature) {
    for (auto& [key, times] : all_)
      if (key == signature) return &times;
    return nullptr;
  }
  // Forgets the run where there is no memory to note it.
  void Note(const Signature* signature, size_t work, int64_t micros, RunTimes::Clock::time_point now) noexcept try {
    RunTimes* times = Find(signature);
    if (!times) {
      if (all_.size() >= kMostSignatures) all_.clear();  // those that no signature declares come and go
      times = &all_.emplace_back(signature, RunTimes{}).second;
    }
    times->Note(work, micros, now);
  } catch (const std::bad_alloc&) {
  }

 private:
  static constexpr size_t kMostSignatures = 64;
  std::vector<std::pair<const Signature*, RunTimes>> all_;
};

}  // namespace tensorgate
