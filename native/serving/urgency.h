// How much time requests allow, in classes: those of one class wait in one line, and the lines take turns.
#pragma once

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tensorgate {

// Up to 16 ms, 32 ms … 32.8 s, more, and any time.
inline constexpr size_t kUrgencies = 14;
inline constexpr size_t kNotUrgent = kUrgencies - 1;

// Of a request with a deadline.
inline size_t UrgencyOf(std::chrono::microseconds allowed) {
  const auto millis = static_cast<uint64_t>(std::max<int64_t>(allowed.count(), 1) - 1) / 1000;
  return std::min<size_t>(std::bit_width(millis >> 4), kNotUrgent - 1);
}

// What the least patient ones of the class allow. 0: there is no such bound.
inline std::chrono::microseconds LeastAllowed(size_t urgency) {
  return std::chrono::microseconds(urgency == 0 || urgency >= kNotUrgent - 1 ? 0 : int64_t{8'000} << urgency);
}

}  // namespace tensorgate
