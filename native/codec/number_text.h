// Numbers as TF Serving's REST API writes and takes them. Independent of the locale; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tensorgate {

enum class NumberStatus {
  kOk,
  kMalformed,   // no JSON number, nor NaN, Inf or Infinity
  kNotInteger,  // a number with a point or an exponent, or NaN or Infinity, where an integer was asked for
  kOutOfRange,  // an integer beyond T, or a number beyond double
};

// Reads the number at *at, which moves behind it, or, when it is malformed, to the first byte that does not fit.
// T: float, double, int32_t, int64_t, uint32_t, uint64_t. Floating types take JSON's numbers and the tokens NaN, Inf
// and Infinity, each with or without a minus sign, and are correctly rounded; a float beyond its range becomes
// infinite.
template <typename T>
NumberStatus ParseNumber(const char** at, const char* end, T* value);

// As ParseNumber without a value: true if a number stands there.
bool SkipNumber(const char** at, const char* end);

// No number's text is longer, in bytes.
inline constexpr size_t kMaxNumberText = 32;

// Writes the number's text (no terminating zero) and returns its end; `at` must have room for kMaxNumberText bytes.
// T as in ParseNumber. Floating types: six significant digits if they give the value back, else 9 (float) or 17
// (double), laid out as printf's %g does, with `.0` behind whole numbers that have no exponent; NaN, Infinity,
// -Infinity.
template <typename T>
char* PrintNumber(char* at, T value);

}  // namespace tensorgate
