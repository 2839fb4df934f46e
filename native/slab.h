// Memory for tensors: aligned as TensorFlow wants it, pooled, so that a request costs no page faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace tensorgate {

// TF_NewTensor takes foreign memory without a copy only at this alignment (Eigen's EIGEN_MAX_ALIGN_BYTES).
inline constexpr size_t kTensorAlignment = 64;

// A piece of pooled, aligned memory with one owner. Freed on whichever thread the owner dies: the pool is process-wide
// and locked. TensorFlow's deallocator may be that thread.
class Slab {
 public:
  Slab() = default;
  // At least `size` bytes, uninitialised. Throws std::bad_alloc when there is no memory, or the process' budget for
  // tensors is spent.
  explicit Slab(size_t size);
  ~Slab();
  Slab(Slab&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Slab& operator=(Slab&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  // Makes room for at least `size` bytes, keeping the first size() ones; size() becomes `size`.
  void Grow(size_t size);
  // Gives up bytes at the end; the memory stays.
  void Truncate(size_t size) { size_ = size; }

 private:
  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

// Memory for tensors that comes from elsewhere (the bytes of strings), counted against the same budget. Throws
// std::bad_alloc when the budget is spent: reserve before allocating.
class MemoryReservation {
 public:
  explicit MemoryReservation(size_t bytes);
  ~MemoryReservation();
  MemoryReservation(const MemoryReservation&) = delete;
  MemoryReservation& operator=(const MemoryReservation&) = delete;

 private:
  size_t bytes_;
};

}  // namespace tensorgate
