// An integer of a run, as far as it is known before the run: a dimension, or an element of a shape.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace tensorgate::rows {

// The number of items along an axis that follows the rows: of the requests' rows themselves (kBatch), or of a flat list
// of things that rows have different numbers of (words, say).
using SpaceId = int32_t;
constexpr SpaceId kNoSpace = -1, kBatch = 0;

// A monomial `factor · extent · symbols + plus`, or less than that. Symbols stand for integers that nobody knows, but
// that are equal in all runs that are compared: the sequence length, which requests must share to be run together.
class Size {
 public:
  enum class Kind : uint8_t {
    kMonomial,
    kUniform,  // some integer, the same in all runs
    kAtLeast,  // depends on rows or on their number; not below the monomial
    kTainted,  // depends on rows or on their number
  };

  static Size Const(int64_t value);
  static Size Extent(SpaceId space);
  static Size Symbol(uint32_t symbol);
  static Size Uniform() { return Size(Kind::kUniform); }
  static Size Tainted() { return Size(Kind::kTainted); }
  // `lower` must be a monomial.
  static Size AtLeast(Size lower);

  Kind kind() const { return kind_; }
  bool IsMonomial() const { return kind_ == Kind::kMonomial; }
  bool IsConst() const { return IsMonomial() && extent_ == kNoSpace && count_ == 0; }
  bool IsConst(int64_t value) const { return IsConst() && plus_ == value; }
  // Whether it is the same in all runs.
  bool IsUniform() const { return kind_ == Kind::kUniform || (IsMonomial() && extent_ == kNoSpace); }
  // A monomial without a sum that a space's extent is a factor of.
  bool IsPureExtent() const { return IsMonomial() && extent_ != kNoSpace && plus_ == 0; }
  bool IsJust(SpaceId space) const { return *this == Extent(space); }
  // Surely no negative number: symbols that stand for dimensions are even.
  bool IsNonNegative() const;
  int64_t value() const { return plus_; }  // of a constant
  SpaceId extent() const { return extent_; }
  // Of kAtLeast: what it is not below.
  Size lower() const;

  // The same integer in every run, as far as that is known for sure.
  bool operator==(const Size&) const = default;

 private:
  friend Size operator*(const Size& a, const Size& b);
  friend Size operator+(const Size& a, const Size& b);
  friend std::optional<Size> Divide(const Size& a, const Size& b);
  static constexpr size_t kMostSymbols = 6;

  explicit Size(Kind kind) : kind_(kind) {}
  bool SameTerms(const Size& other) const;
  Size Normalized() const;

  Kind kind_ = Kind::kMonomial;
  uint8_t count_ = 0;  // of symbols, which are sorted; 0 and no extent: a constant, all of which is in plus_
  SpaceId extent_ = kNoSpace;
  int64_t factor_ = 0;
  int64_t plus_ = 0;
  std::array<uint32_t, kMostSymbols> symbols_{};
};

Size operator*(const Size& a, const Size& b);
Size operator+(const Size& a, const Size& b);
Size operator-(const Size& a, const Size& b);
// Exact division of monomials; nothing if it is not known to leave no remainder.
std::optional<Size> Divide(const Size& a, const Size& b);
Size Max(const Size& a, const Size& b);
Size Min(const Size& a, const Size& b);
// What is known of an integer that is one or the other, the choice being the same in all runs.
Size Join(const Size& a, const Size& b);

}  // namespace tensorgate::rows
