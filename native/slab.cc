#include "slab.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <vector>

#include "slab_pool.h"

namespace tensorgate {

namespace {

constexpr size_t kSmallest = 256;             // one class per power of two from here …
constexpr size_t kLargestPooled = 16u << 20;  // … to here; larger ones go back to the allocator at once
constexpr size_t kClasses = 17;               // 2^8 … 2^24
constexpr size_t kMostIdleBytes = 64u << 20;  // kept for reuse at the most

size_t ClassOf(size_t size) { return std::bit_width(size - 1) - 8; }

// Process-wide. Never destroyed: TensorFlow's threads may still free tensors while the process ends.
class SlabPool {
 public:
  static SlabPool& Get() {
    static SlabPool* pool = new SlabPool;
    return *pool;
  }

  bool Reserve(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (bytes > budget_ || used_ > budget_ - bytes) return false;
    used_ += bytes;
    return true;
  }

  void Unreserve(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    used_ -= bytes;
  }

  uint8_t* Take(size_t wanted, size_t* capacity) {
    const size_t rounded = std::bit_ceil(std::max(wanted, kSmallest));
    const bool pooled = rounded <= kLargestPooled;
    *capacity = pooled ? rounded : (wanted + kTensorAlignment - 1) / kTensorAlignment * kTensorAlignment;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (*capacity > budget_ || used_ > budget_ - *capacity) throw std::bad_alloc();
      used_ += *capacity;
      if (pooled) {
        auto& idle = idle_[ClassOf(rounded)];
        if (!idle.empty()) {
          uint8_t* data = idle.back();
          idle.pop_back();
          idle_bytes_ -= *capacity;
          return data;
        }
      }
    }
    auto* data = static_cast<uint8_t*>(std::aligned_alloc(kTensorAlignment, *capacity));
    if (!data) {
      std::lock_guard<std::mutex> lock(mutex_);
      used_ -= *capacity;
      throw std::bad_alloc();
    }
    return data;
  }

  void Give(uint8_t* data, size_t capacity) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      used_ -= capacity;
      if (capacity <= kLargestPooled && idle_bytes_ + capacity <= kMostIdleBytes) {
        idle_[ClassOf(capacity)].push_back(data);
        idle_bytes_ += capacity;
        return;
      }
    }
    std::free(data);
  }

  void SetBudget(size_t bytes) {
    std::lock_guard<std::mutex> lock(mutex_);
    budget_ = bytes;
  }

  SlabStats Stats() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {used_, idle_bytes_, budget_};
  }

 private:
  std::mutex mutex_;
  std::array<std::vector<uint8_t*>, kClasses> idle_;
  size_t idle_bytes_ = 0;
  size_t used_ = 0;
  // Three quarters of the machine until told otherwise (a container's limit is known to the caller, not to us).
  size_t budget_ = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGE_SIZE) / 4 * 3;
};

}  // namespace

void SetTensorMemoryBudget(size_t bytes) { SlabPool::Get().SetBudget(bytes); }
bool ReserveTensorMemory(size_t bytes) { return SlabPool::Get().Reserve(bytes); }
void ReleaseTensorMemory(size_t bytes) { SlabPool::Get().Unreserve(bytes); }
SlabStats TensorMemoryStats() { return SlabPool::Get().Stats(); }

Slab::Slab(size_t size) : size_(size) { data_ = SlabPool::Get().Take(size, &capacity_); }

Slab::~Slab() {
  if (data_) SlabPool::Get().Give(data_, capacity_);
}

void Slab::Grow(size_t size) {
  if (size > capacity_) {
    Slab larger(size);
    if (size_) std::memcpy(larger.data_, data_, size_);
    *this = std::move(larger);
  }
  size_ = size;
}

MemoryReservation::MemoryReservation(size_t bytes) : bytes_(bytes) {
  if (!ReserveTensorMemory(bytes)) throw std::bad_alloc();
}
MemoryReservation::~MemoryReservation() { ReleaseTensorMemory(bytes_); }

}  // namespace tensorgate
