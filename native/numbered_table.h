// What JavaScript knows by a number.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

namespace tensorgate {

// All there are of one kind in the process: one table, locked, never destroyed. A thing lives for as long as it stands
// here or somebody holds it; a number is not given twice.
template <typename T>
class NumberedTable {
 public:
  static NumberedTable& Get() {
    static auto* table = new NumberedTable;
    return *table;
  }

  int Add(std::shared_ptr<T> thing) {
    std::lock_guard<std::mutex> lock(mutex_);
    things_[next_id_] = std::move(thing);
    return next_id_++;
  }

  void Remove(int id) {
    std::lock_guard<std::mutex> lock(mutex_);
    things_.erase(id);
  }

  // Null if there is none of that number.
  std::shared_ptr<T> Find(int id) {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto found = things_.find(id);
    return found == things_.end() ? nullptr : found->second;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int, std::shared_ptr<T>> things_;
  int next_id_ = 1;
};

}  // namespace tensorgate
