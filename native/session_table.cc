#include "session_table.h"

#include <chrono>
#include <exception>
#include <new>

namespace tensorgate {

namespace {

std::string KeyOf(const SessionOptions& options) {
  std::string key = options.directory;
  for (const std::string& tag : options.tags) key.append(1, '\0').append(tag);
  for (const std::string& part : {options.files, std::to_string(options.tflite_interpreters), options.device,
                                  options.target, std::to_string(options.generation)})
    key.append(2, '\0').append(part);
  return key.append(2, '\0').append(options.config).append(2, '\0').append(options.general_config);
}

}  // namespace

// Whoever waits for the load must get an answer, and the next one a chance: what is thrown becomes the status.
SessionTable::Loaded SessionTable::Load(const SessionOptions& options) {
  Loaded result;
  try {
    result.session = Session::Load(options, &result.status);
  } catch (const std::bad_alloc&) {
    result.status = {code::kResourceExhausted, "There is not enough memory to load " + options.directory + "."};
  } catch (const std::exception& error) {
    result.status = {code::kInternal, options.directory + " could not be loaded: " + error.what() + "."};
  }
  return result;
}

SessionTable& SessionTable::Get() {
  static auto* table = new SessionTable;
  return *table;
}

int SessionTable::Acquire(const SessionOptions& options, Status* status) {
  const std::string key = KeyOf(options);
  std::promise<Loaded> promise;
  std::shared_future<Loaded> loaded;
  int id = 0;
  bool first = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto known = by_key_.find(key);
    first = known == by_key_.end();
    id = first ? next_id_++ : known->second;
    if (first) {
      by_key_[key] = id;
      entries_[id] = {key, promise.get_future().share(), 0};
    }
    entries_[id].references++;
    loaded = entries_[id].loaded;
  }
  if (first) promise.set_value(Load(options));
  *status = loaded.get().status;
  if (loaded.get().session) return id;
  Release(id);
  return 0;
}

void SessionTable::Release(int id) {
  std::shared_future<Loaded> last;  // dies after the lock: closing a session takes its time
  std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end() || --entry->second.references > 0) return;
  last = std::move(entry->second.loaded);
  Unshare(entry->second.key, id);
  entries_.erase(entry);
}

void SessionTable::Unshare(const std::string& key, int id) {
  const auto known = by_key_.find(key);
  if (known != by_key_.end() && known->second == id) by_key_.erase(known);
}

void SessionTable::ShareNoMore(const Session* session) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [id, entry] : entries_) {
    const bool is_loaded = entry.loaded.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (is_loaded && entry.loaded.get().session.get() == session) Unshare(entry.key, id);
  }
}

std::shared_ptr<Session> SessionTable::Find(int id) {
  std::shared_future<Loaded> loaded;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return nullptr;
    loaded = entry->second.loaded;
  }
  return loaded.get().session;
}

}  // namespace tensorgate
