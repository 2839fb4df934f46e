// Up to which size requests have been found to be quick: quicker than waking a worker and being woken by it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tensorgate {

// Any thread. For runs whose time depends on their size only: what was quick once for a size will be again. Two writers
// at once may lose one observation.
class QuickRuns {
 public:
  // For tests, which must not go by how fast the machine is: what takes so many times longer counts as quick, too.
  static void AllowSlower(uint32_t times) { slower_.store(times, std::memory_order_relaxed); }
  static uint32_t slower() { return slower_.load(std::memory_order_relaxed); }

  bool Expects(size_t size) const { return size <= largest_.load(std::memory_order_relaxed); }

  // One that was refused, soon as that may have been, says nothing of how long a good one takes.
  void Note(size_t size, uint32_t micros, bool good) {
    const size_t largest = largest_.load(std::memory_order_relaxed);
    if (micros / slower() <= kQuickMicros) {
      if (!good) return;
      strikes_.store(0, std::memory_order_relaxed);
      if (size > largest) largest_.store(size, std::memory_order_relaxed);
    } else if (size <= largest) {
      // The first slow one may have been put off by the system. One that was very slow must not come again.
      const uint32_t strikes = strikes_.load(std::memory_order_relaxed) + 1;
      strikes_.store(strikes, std::memory_order_relaxed);
      if (strikes >= kMostStrikes || micros / slower() > kVerySlowMicros)
        largest_.store(size - 1, std::memory_order_relaxed);
    }
  }

 private:
  static constexpr uint32_t kQuickMicros = 100;
  static constexpr uint32_t kVerySlowMicros = 1000;
  static constexpr uint32_t kMostStrikes = 3;
  static inline std::atomic<uint32_t> slower_{1};
  std::atomic<size_t> largest_{0};
  std::atomic<uint32_t> strikes_{0};
};

}  // namespace tensorgate
