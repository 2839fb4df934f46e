#include "number_text.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

namespace tensorgate {
namespace {

static_assert(std::endian::native == std::endian::little, "eight digits are read at once as a little-endian word");

// ---- Reading

// A number's text taken apart: ±digits · 10^exponent.
struct Decimal {
  bool negative = false;
  bool integral = true;  // neither point nor exponent
  uint64_t digits = 0;   // exact if count <= 19
  int64_t count = 0;     // significant digits, leading zeros left out; 0: the number is zero
  int64_t exponent = 0;
};

constexpr int64_t kExactDigits = 19;                   // any number of 19 digits fits a uint64_t
constexpr int64_t kExactPower = 22;                    // 10^22 is the last power of ten that a double holds exactly
constexpr int64_t kExponentLimit = 1'000'000'000'000;  // beyond any text that fits into memory

constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                              1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

bool AreEightDigits(uint64_t word) {
  constexpr uint64_t high = 0xF0F0F0F0F0F0F0F0u;
  return ((word & high) | (((word + 0x0606060606060606u) & high) >> 4)) == 0x3333333333333333u;
}

// The first byte is the highest digit: pairs, then fours, then eight are joined within the word.
uint32_t EightDigits(uint64_t word) {
  word = (word & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
  word = (word & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
  return static_cast<uint32_t>((word & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32);
}

// Appends the digits at `at`; with more than 19 of them `digits` wraps, which the caller knows by their count.
const char* ScanDigits(const char* at, const char* end, uint64_t* digits) {
  while (end - at >= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    if (!AreEightDigits(word)) break;
    *digits = *digits * 100'000'000 + EightDigits(word);
    at += 8;
  }
  for (; at < end && IsDigit(*at); at++) *digits = *digits * 10 + static_cast<uint64_t>(*at - '0');
  return at;
}

bool ScanWhole(const char** at, const char* end, Decimal* number) {
  const char* p = *at;
  if (p < end && *p == '0') {
    *at = ++p;
    return p == end || !IsDigit(*p);  // JSON has no leading zeros
  }
  const char* first = p;
  for (; p < end && IsDigit(*p); p++) number->digits = number->digits * 10 + static_cast<uint64_t>(*p - '0');
  number->count = p - first;
  *at = p;
  return p > first;
}

bool ScanFraction(const char** at, const char* end, Decimal* number) {
  const char* first = ++*at;
  const char* p = first;
  if (number->count == 0) {
    while (p < end && *p == '0') p++;
  }
  const char* significant = p;
  p = ScanDigits(p, end, &number->digits);
  number->integral = false;
  number->count += p - significant;
  number->exponent = first - p;
  *at = p;
  return p > first;
}

bool ScanExponent(const char** at, const char* end, Decimal* number) {
  const char* p = *at + 1;
  const bool negative = p < end && *p == '-';
  if (p < end && (*p == '-' || *p == '+')) p++;
  const char* first = p;
  int64_t exponent = 0;
  for (; p < end && IsDigit(*p); p++) {
    if (exponent < kExponentLimit) exponent = exponent * 10 + (*p - '0');
  }
  number->integral = false;
  number->exponent += negative ? -exponent : exponent;
  *at = p;
  return p > first;
}

// The digits, point and exponent behind the sign.
bool ScanDecimal(const char** at, const char* end, Decimal* number) {
  if (!ScanWhole(at, end, number)) return false;
  if (*at < end && **at == '.' && !ScanFraction(at, end, number)) return false;
  if (*at < end && (**at | 0x20) == 'e' && !ScanExponent(at, end, number)) return false;
  return true;
}

bool TakeWord(const char** at, const char* end, std::string_view word) {
  if (!std::string_view(*at, static_cast<size_t>(end - *at)).starts_with(word)) return false;
  *at += word.size();
  return true;
}

// NaN, Inf or Infinity, behind the sign.
bool TakeToken(const char** at, const char* end, double* value) {
  if (TakeWord(at, end, "NaN")) {
    *value = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  if (!TakeWord(at, end, "Infinity") && !TakeWord(at, end, "Inf")) return false;
  *value = std::numeric_limits<double>::infinity();
  return *at == end || **at != 'i';
}

bool FastValue(const Decimal& number, double* value) {
  if (number.count > kExactDigits || number.digits >> 53 != 0) return false;
  if (number.exponent < -kExactPower || number.exponent > kExactPower) return false;
  // Both operands are exact, so that the one operation rounds correctly.
  const double digits = static_cast<double>(number.digits);
  *value = number.exponent < 0 ? digits / kPowers[-number.exponent] : digits * kPowers[number.exponent];
  return true;
}

bool FastValue(const Decimal& number, float* value) {
  if (number.count > kExactDigits || number.exponent < -kExactPower || number.exponent > kExactPower) return false;
  const double digits = static_cast<double>(number.digits);
  const double wide = number.exponent < 0 ? digits / kPowers[-number.exponent] : digits * kPowers[number.exponent];
  // `wide` is within two units of its last place. Rounding it to float is right unless the middle between two floats
  // (bit 28 alone, of the 29 that float lacks) is as near as that.
  constexpr uint64_t lost = (uint64_t{1} << 29) - 1, middle = uint64_t{1} << 28, slack = 4;
  const uint64_t tail = std::bit_cast<uint64_t>(wide) & lost;
  if (tail - (middle - slack) <= 2 * slack) return false;
  *value = static_cast<float>(wide);
  return true;
}

// Too large or too small for T, as from_chars says without saying which.
NumberStatus SettleRange(const char*, const char*, const Decimal& number, double* value) {
  if (number.count + number.exponent > 0) return NumberStatus::kOutOfRange;
  *value = number.negative ? -0.0 : 0.0;
  return NumberStatus::kOk;
}

NumberStatus SettleRange(const char* first, const char* last, const Decimal& number, float* value) {
  double wide = 0;
  if (std::from_chars(first, last, wide).ec != std::errc() || std::isinf(wide)) {
    const NumberStatus status = SettleRange(first, last, number, &wide);
    if (status != NumberStatus::kOk) return status;
  }
  *value = static_cast<float>(wide);
  return NumberStatus::kOk;
}

template <typename T>
NumberStatus ParseFloating(const char** at, const char* end, T* value) {
  const char* first = *at;
  Decimal number;
  number.negative = first < end && *first == '-';
  if (number.negative) ++*at;
  double token;
  if (*at < end && !IsDigit(**at) && TakeToken(at, end, &token)) {
    *value = static_cast<T>(number.negative && !std::isnan(token) ? -token : token);
    return NumberStatus::kOk;
  }
  if (!ScanDecimal(at, end, &number)) return NumberStatus::kMalformed;
  if (FastValue(number, value)) {
    if (number.negative) *value = -*value;
    return NumberStatus::kOk;
  }
  if (number.count == 0) {
    *value = number.negative ? -T{0} : T{0};
    return NumberStatus::kOk;
  }
  const auto result = std::from_chars(first, *at, *value);
  if (result.ec == std::errc() && !std::isinf(*value)) return NumberStatus::kOk;
  return SettleRange(first, *at, number, value);
}

template <typename T>
NumberStatus ParseInteger(const char** at, const char* end, T* value) {
  Decimal number;
  const char* first = *at;
  number.negative = first < end && *first == '-';
  if (number.negative) first = ++*at;
  double token;
  if (*at < end && !IsDigit(**at) && TakeToken(at, end, &token)) return NumberStatus::kNotInteger;
  if (!ScanDecimal(at, end, &number)) return NumberStatus::kMalformed;
  if (!number.integral) return NumberStatus::kNotInteger;
  if (number.count > kExactDigits && std::from_chars(first, *at, number.digits).ec != std::errc())
    return NumberStatus::kOutOfRange;
  uint64_t limit = static_cast<uint64_t>(std::numeric_limits<T>::max());
  if (number.negative) limit = std::is_signed_v<T> ? limit + 1 : 0;
  if (number.digits > limit) return NumberStatus::kOutOfRange;
  *value = static_cast<T>(number.negative ? 0 - number.digits : number.digits);
  return NumberStatus::kOk;
}

// ---- Printing

template <typename T>
struct Format;
template <>
struct Format<float> {
  using Bits = uint32_t;
  static constexpr int kFractionBits = 23, kBias = 127, kDigits = 9;
  static constexpr uint64_t kLimit = 1'000'000'000, kShortUnit = 1'000;
  static constexpr uint64_t kSlack = 61;  // half a unit of the last place, at most 2^-24 of kLimit, and the rounding
};
template <>
struct Format<double> {
  using Bits = uint64_t;
  static constexpr int kFractionBits = 52, kBias = 1023, kDigits = 17;
  static constexpr uint64_t kLimit = 100'000'000'000'000'000, kShortUnit = 100'000'000'000;
  static constexpr uint64_t kSlack = 12;  // 2^-53 of kLimit, and the rounding
};

constexpr int kShortDigits = 6;
constexpr int kMaxFiveExponent = 27;  // the last power of five below 2^63

struct FivePowers {
  uint64_t at[kMaxFiveExponent + 1] = {};
  constexpr FivePowers() {
    uint64_t power = 1;
    for (auto& entry : at) {
      entry = power;
      power *= 5;
    }
  }
};
constexpr FivePowers kFive;

// Significant digits, the first of which stands for 10^exponent.
struct Digits {
  uint64_t value;
  int exponent;
};

__extension__ typedef unsigned __int128 Wide;

// mantissa · 2^two · 10^ten, rounded to an integer, ties to even. The product is exact in 128 bits.
uint64_t ScaleExactly(uint64_t mantissa, int two, int ten) {
  const Wide product = static_cast<Wide>(mantissa) * kFive.at[ten];
  const int shift = -(two + ten);
  if (shift <= 0) return static_cast<uint64_t>(product << -shift);
  const uint64_t whole = static_cast<uint64_t>(product >> shift);
  const Wide rest = product & ((static_cast<Wide>(1) << shift) - 1), half = static_cast<Wide>(1) << (shift - 1);
  return whole + (rest > half || (rest == half && (whole & 1)) ? 1 : 0);
}

// The 9 or 17 correctly rounded digits of a positive normal value; false where 128 bits do not suffice.
template <typename T>
bool LongDigits(T value, Digits* digits) {
  using F = Format<T>;
  const auto bits = std::bit_cast<typename F::Bits>(value);
  const int biased = static_cast<int>(bits >> F::kFractionBits);
  if (biased == 0) return false;
  constexpr uint64_t hidden = uint64_t{1} << F::kFractionBits;
  const uint64_t mantissa = (bits & (hidden - 1)) | hidden;
  const int two = biased - F::kBias;
  int exponent = two * 1233 >> 12;  // 1233 / 4096 is log10(2): the exponent or one less
  for (; exponent <= F::kDigits - 1; exponent++) {
    const int ten = F::kDigits - 1 - exponent;
    if (ten > kMaxFiveExponent) return false;
    const uint64_t scaled = ScaleExactly(mantissa, two - F::kFractionBits, ten);
    if (scaled >= F::kLimit) continue;  // also when rounding made it so: one digit less then rounds to the same
    *digits = {scaled, exponent};
    return true;
  }
  return false;
}

enum class Brevity { kEnough, kTooShort, kUndecided };

// Whether six digits give the value back, and which.
template <typename T>
Brevity ShortDigits(T value, const Digits& full, Digits* digits) {
  using F = Format<T>;
  const uint64_t rounded = (full.value + F::kShortUnit / 2) / F::kShortUnit;
  const uint64_t distance = rounded * F::kShortUnit + F::kSlack - full.value;
  if (distance > 2 * F::kSlack) return Brevity::kTooShort;  // unsigned: farther away on either side
  Decimal number;
  number.digits = rounded;
  number.exponent = full.exponent - (kShortDigits - 1);
  T back;
  if (!FastValue(number, &back)) return Brevity::kUndecided;
  if (back != value) return Brevity::kTooShort;
  *digits = {rounded, full.exponent};
  if (rounded == 1'000'000) *digits = {100'000, full.exponent + 1};
  return Brevity::kEnough;
}

struct DigitPairs {
  char at[200] = {};
  constexpr DigitPairs() {
    for (int i = 0; i < 100; i++) {
      at[2 * i] = static_cast<char>('0' + i / 10);
      at[2 * i + 1] = static_cast<char>('0' + i % 10);
    }
  }
};
constexpr DigitPairs kPairs;

// Writes the last `count` decimal digits of the value.
void PutDigits(char* at, uint64_t value, int count) {
  char* p = at + count;
  for (; p - at >= 2; value /= 100) {
    p -= 2;
    std::memcpy(p, kPairs.at + 2 * (value % 100), 2);
  }
  if (p > at) *at = static_cast<char>('0' + value % 10);
}

char* PutExponent(char* at, int exponent) {
  *at++ = 'e';
  *at++ = exponent < 0 ? '-' : '+';
  const int size = exponent < 0 ? -exponent : exponent;
  const int count = size >= 100 ? 3 : 2;
  PutDigits(at, static_cast<uint64_t>(size), count);
  return at + count;
}

char* PutZeros(char* at, int count) {
  std::memset(at, '0', static_cast<size_t>(count));
  return at + count;
}

// The layout of printf's %.<precision>g, with `.0` behind whole numbers.
char* PutGeneral(char* at, Digits digits, int precision) {
  int count = precision;
  for (; digits.value % 10 == 0 && count > 1; count--) digits.value /= 10;
  const int exponent = digits.exponent;
  const bool scientific = exponent < -4 || exponent >= precision;
  if (!scientific && exponent < 0) {
    at = PutZeros(at, 1 - exponent);
    at[exponent] = '.';  // behind the first zero
    PutDigits(at, digits.value, count);
    return at + count;
  }
  const int whole = scientific ? 1 : exponent + 1;
  if (count > whole) {
    PutDigits(at + 1, digits.value, count);
    std::memmove(at, at + 1, static_cast<size_t>(whole));
    at[whole] = '.';
    at += count + 1;
  } else {
    PutDigits(at, digits.value, count);
    at = PutZeros(at + count, whole - count);
    if (!scientific) {
      *at++ = '.';
      *at++ = '0';
    }
  }
  return scientific ? PutExponent(at, exponent) : at;
}

// Any finite value, by the library: subnormal, very large and very small ones.
template <typename T>
char* PutSlowly(char* at, T value) {
  char* end = std::to_chars(at, at + kMaxNumberText, value, std::chars_format::general, kShortDigits).ptr;
  T back = 0;
  const char* from = at;
  if (ParseFloating(&from, end, &back) != NumberStatus::kOk || back != value)
    end = std::to_chars(at, at + kMaxNumberText, value, std::chars_format::general, Format<T>::kDigits).ptr;
  if (std::string_view(at, static_cast<size_t>(end - at)).find_first_of(".e") != std::string_view::npos) return end;
  *end++ = '.';
  *end++ = '0';
  return end;
}

char* PutWord(char* at, std::string_view word) {
  std::memcpy(at, word.data(), word.size());
  return at + word.size();
}

template <typename T>
char* PrintFloating(char* at, T value) {
  if (std::isnan(value)) return PutWord(at, "NaN");
  if (std::signbit(value)) *at++ = '-';
  value = std::fabs(value);
  if (std::isinf(value)) return PutWord(at, "Infinity");
  if (value == 0) return PutWord(at, "0.0");
  Digits full, brief;
  if (!LongDigits(value, &full)) return PutSlowly(at, value);
  const Brevity brevity = ShortDigits(value, full, &brief);
  if (brevity == Brevity::kUndecided) return PutSlowly(at, value);
  if (brevity == Brevity::kEnough) return PutGeneral(at, brief, kShortDigits);
  return PutGeneral(at, full, Format<T>::kDigits);
}

}  // namespace

template <typename T>
NumberStatus ParseNumber(const char** at, const char* end, T* value) {
  if constexpr (std::is_floating_point_v<T>)
    return ParseFloating(at, end, value);
  else
    return ParseInteger(at, end, value);
}

bool SkipNumber(const char** at, const char* end) {
  if (*at < end && **at == '-') ++*at;
  double token;
  if (*at < end && !IsDigit(**at) && TakeToken(at, end, &token)) return true;
  Decimal number;
  return ScanDecimal(at, end, &number);
}

template <typename T>
char* PrintNumber(char* at, T value) {
  if constexpr (std::is_floating_point_v<T>)
    return PrintFloating(at, value);
  else
    return std::to_chars(at, at + kMaxNumberText, value).ptr;
}

template NumberStatus ParseNumber(const char**, const char*, float*);
template NumberStatus ParseNumber(const char**, const char*, double*);
template NumberStatus ParseNumber(const char**, const char*, int32_t*);
template NumberStatus ParseNumber(const char**, const char*, int64_t*);
template NumberStatus ParseNumber(const char**, const char*, uint32_t*);
template NumberStatus ParseNumber(const char**, const char*, uint64_t*);
template char* PrintNumber(char*, float);
template char* PrintNumber(char*, double);
template char* PrintNumber(char*, int32_t);
template char* PrintNumber(char*, int64_t);
template char* PrintNumber(char*, uint32_t);
template char* PrintNumber(char*, uint64_t);

}  // namespace tensorgate
