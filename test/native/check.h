// What native tests check with: one sentence per check. Failed ones are printed at once.
#pragma once

#include <cstdio>
#include <string>

namespace tensorgate {

inline int passed = 0, failed = 0;

inline void Check(bool holds, const char* sentence, int line, const std::string& seen) {
  if (holds) {
    passed++;
    return;
  }
  failed++;
  std::printf("line %d: NOT %s\n  seen: %s\n", line, sentence, seen.c_str());
}

#define CHECK(sentence, condition, seen) Check((condition), sentence, __LINE__, (seen))

// Prints `N passed, N failed`; the exit status.
inline int Conclude() {
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 ? 0 : 1;
}

}  // namespace tensorgate
