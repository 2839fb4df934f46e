// The process' sessions by number: one copy of the weights for each (folder and its files as they are, tags, device,
// configuration), whoever asks.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "session.h"

namespace tensorgate {

// Process-wide, locked, never destroyed. Reference-counted: each Acquire() that succeeds is paired with one Release().
class SessionTable {
 public:
  static SessionTable& Get();

  // Loads the session, or waits for whoever loads the same one just now, or takes the one that is there. Returns its
  // number, 0 with `status` set if it cannot be loaded. Blocks; any thread.
  int Acquire(const SessionOptions& options, Status* status);
  void Release(int id);
  std::shared_ptr<Session> Find(int id);
  // From now on nobody gets that session who asks for one with the same options.
  void ShareNoMore(const Session* session);

 private:
  struct Loaded {
    std::shared_ptr<Session> session;
    Status status;
  };
  struct Entry {
    std::string key;
    std::shared_future<Loaded> loaded;
    int references;
  };
  static Loaded Load(const SessionOptions& options);
  // Needs the lock.
  void Unshare(const std::string& key, int id);

  std::mutex mutex_;
  std::unordered_map<int, Entry> entries_;
  std::map<std::string, int> by_key_;
  int next_id_ = 1;
};

}  // namespace tensorgate
