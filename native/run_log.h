// What was run, for metrics and for the queue's account of time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace tensorgate {

// A value with one owner at a time.
struct RunLog {
  // Runs of up to 1, 2, 4 … 1024 rows, and of more.
  static constexpr size_t kSizes = 12;

  int64_t micros = 0;      // of a worker, decoding and formatting included
  int64_t run_micros = 0;  // of these, for requests that were run; the others were refused when they were decoded
  uint64_t requests = 0;   // that were run
  uint64_t good = 0;       // of these, that the model has answered
  uint64_t late = 0;       // of these, whose deadline had passed by then
  uint64_t rows = 0;
  std::array<uint64_t, kSizes> runs_by_rows{};

  void NoteRun(int64_t run_rows) {
    const auto count = static_cast<uint64_t>(std::max<int64_t>(run_rows, 1));
    rows += count;
    runs_by_rows[std::min<size_t>(std::bit_width(count - 1), kSizes - 1)]++;
  }
  uint64_t runs() const {
    uint64_t sum = 0;
    for (const uint64_t count : runs_by_rows) sum += count;
    return sum;
  }
  void Add(const RunLog& other) {
    micros += other.micros;
    run_micros += other.run_micros;
    requests += other.requests;
    good += other.good;
    late += other.late;
    rows += other.rows;
    for (size_t i = 0; i < kSizes; i++) runs_by_rows[i] += other.runs_by_rows[i];
  }
};

}  // namespace tensorgate
