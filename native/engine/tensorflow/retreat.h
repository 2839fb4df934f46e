// A lean session's way to the general one, for what its executor refuses only when it is to run: TensorFlow's own
// rewriting of a graph (XLA's clusters, for one) can add operations that the executor does not take.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "request.h"
#include "session.h"

namespace tensorgate {

// Keeps a lean session open for a run; the last of these lets it be closed once another has taken its place. Used by
// one thread.
class LeanHold {
 public:
  LeanHold() = default;  // holds nothing
  explicit LeanHold(const Session& lean);
  ~LeanHold();
  LeanHold(LeanHold&& other) noexcept : lean_(std::exchange(other.lean_, nullptr)) {}
  LeanHold& operator=(LeanHold&& other) noexcept {
    std::swap(lean_, other.lean_);
    return *this;
  }
  explicit operator bool() const { return lean_; }

 private:
  const Session* lean_ = nullptr;
};

// Owned by the lean session, locked. Once, the general session is loaded and takes the lean one's place in all runs;
// the lean one is then closed. What runs have changed in it by then (variables, tables) is gone.
class Retreat {
 public:
  // `general` loads the other session. Notes how the files look that the lean one was loaded from.
  explicit Retreat(SessionOptions general);

  // Whether the executor has refused anything yet. Any thread.
  bool begun() const { return begun_.load(std::memory_order_relaxed); }

  // The session that has taken the lean one's place; null before that. Any thread.
  std::shared_ptr<Session> general() const;

  // Takes over a request of `lean`, the owner, that its executor has refused. It goes back into its queue once the
  // general session is there, which the first one has loaded in a thread in the background; if that fails, it fails,
  // and the next one tries again. Any thread; does not wait.
  void Take(std::unique_ptr<Request> request, const std::shared_ptr<Session>& lean);

  // Waits until no load is under way in the process.
  static void WaitForLoads();

 private:
  friend class LeanHold;
  void Load(const std::shared_ptr<Session>& lean);
  // Does not wait: a run may never end. The last holder calls this again.
  void CloseIfIdle(std::shared_ptr<Session> lean);
  std::shared_ptr<Session> LoadGeneral(Status* status) const;

  const SessionOptions options_;
  const std::string files_;
  std::atomic<bool> begun_{false};
  std::atomic<bool> has_general_{false};
  std::atomic<bool> is_closed_{false};  // no run can use the lean session any more
  std::shared_mutex lean_runs_;         // shared by runs on the lean session

  std::mutex mutex_;  // guards what follows
  bool loading_ = false;
  std::vector<std::unique_ptr<Request>> waiting_;
  std::shared_ptr<Session> general_;  // set once, before has_general_
};

// Takes those out that the lean executor has refused, for another session to run; the others have been run. To be
// called on what Execute() has seen to, by its caller.
void TakeRefused(std::vector<std::unique_ptr<Request>>* executed);

}  // namespace tensorgate
