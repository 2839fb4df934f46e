#include "size.h"

#include <algorithm>

namespace tensorgate::rows {

namespace {

bool MultiplyInto(int64_t a, int64_t b, int64_t* product) { return !__builtin_mul_overflow(a, b, product); }
bool AddInto(int64_t a, int64_t b, int64_t* sum) { return !__builtin_add_overflow(a, b, sum); }

// What is left of two integers that some unknown function is taken of.
Size Mix(const Size& a, const Size& b) { return a.IsUniform() && b.IsUniform() ? Size::Uniform() : Size::Tainted(); }

}  // namespace

Size Size::Const(int64_t value) {
  Size size(Kind::kMonomial);
  size.plus_ = value;
  return size;
}

Size Size::Extent(SpaceId space) {
  Size size(Kind::kMonomial);
  size.factor_ = 1;
  size.extent_ = space;
  return size;
}

Size Size::Symbol(uint32_t symbol) {
  Size size(Kind::kMonomial);
  size.factor_ = 1;
  size.count_ = 1;
  size.symbols_[0] = symbol;
  return size;
}

Size Size::AtLeast(Size lower) {
  lower.kind_ = Kind::kAtLeast;
  return lower;
}

Size Size::lower() const {
  Size lower = *this;
  lower.kind_ = Kind::kMonomial;
  return lower;
}

bool Size::IsNonNegative() const {
  if (!IsMonomial() || factor_ < 0 || plus_ < 0) return false;
  return std::all_of(symbols_.begin(), symbols_.begin() + count_, [](uint32_t symbol) { return symbol % 2 == 0; });
}

bool Size::SameTerms(const Size& other) const {
  return extent_ == other.extent_ && count_ == other.count_ && symbols_ == other.symbols_;
}

Size Size::Normalized() const { return IsMonomial() && factor_ == 0 ? Const(plus_) : *this; }

Size operator*(const Size& a, const Size& b) {
  if (a.IsConst(0) || b.IsConst(0)) return Size::Const(0);
  if (a.IsConst(1)) return b;
  if (b.IsConst(1)) return a;
  if (!a.IsMonomial() || !b.IsMonomial()) return Mix(a, b);
  if (b.IsConst() && !a.IsConst()) return b * a;
  Size product = b;
  if (a.IsConst()) {
    const bool fits =
        MultiplyInto(b.factor_, a.plus_, &product.factor_) && MultiplyInto(b.plus_, a.plus_, &product.plus_);
    return fits ? product.Normalized() : Mix(a, b);
  }
  const bool too_many = a.count_ + b.count_ > Size::kMostSymbols || (a.extent_ != kNoSpace && b.extent_ != kNoSpace);
  if (too_many || a.plus_ != 0 || b.plus_ != 0 || !MultiplyInto(a.factor_, b.factor_, &product.factor_))
    return Mix(a, b);
  product.extent_ = std::max(a.extent_, b.extent_);
  for (uint8_t i = 0; i < a.count_; i++) product.symbols_[product.count_++] = a.symbols_[i];
  std::sort(product.symbols_.begin(), product.symbols_.begin() + product.count_);
  return product.Normalized();
}

Size operator+(const Size& a, const Size& b) {
  if (a.IsConst(0)) return b;
  if (b.IsConst(0)) return a;
  if (!a.IsMonomial() || !b.IsMonomial()) return Mix(a, b);
  if (a.IsConst() && !b.IsConst()) return b + a;
  Size sum = a;
  const bool same = b.IsConst() || a.SameTerms(b);
  const bool fits = same && AddInto(a.factor_, b.factor_, &sum.factor_) && AddInto(a.plus_, b.plus_, &sum.plus_);
  return fits ? sum.Normalized() : Mix(a, b);
}

Size operator-(const Size& a, const Size& b) { return a + Size::Const(-1) * b; }

std::optional<Size> Divide(const Size& a, const Size& b) {
  if (b.IsConst(1)) return a;
  if (!a.IsMonomial() || !b.IsMonomial() || b.IsConst(0)) return std::nullopt;
  if (a == b) return Size::Const(1);
  if (a.IsConst() && b.IsConst()) {
    if (a.plus_ == INT64_MIN || b.plus_ == INT64_MIN || a.plus_ % b.plus_ != 0) return std::nullopt;
    return Size::Const(a.plus_ / b.plus_);
  }
  const int64_t divisor = b.IsConst() ? b.plus_ : b.factor_;
  if (a.plus_ != 0 || (!b.IsConst() && b.plus_ != 0) || divisor <= 0 || a.factor_ % divisor != 0) return std::nullopt;
  if (b.extent_ != kNoSpace && b.extent_ != a.extent_) return std::nullopt;
  Size quotient(Size::Kind::kMonomial);
  quotient.factor_ = a.factor_ / divisor;
  quotient.extent_ = b.extent_ == kNoSpace ? a.extent_ : kNoSpace;
  uint8_t taken = 0;
  for (uint8_t i = 0; i < a.count_; i++) {
    if (taken < b.count_ && b.symbols_[taken] == a.symbols_[i])
      taken++;
    else
      quotient.symbols_[quotient.count_++] = a.symbols_[i];
  }
  if (taken < b.count_) return std::nullopt;
  if (quotient.count_ > 0 || quotient.extent_ != kNoSpace) return quotient.Normalized();
  return Size::Const(quotient.factor_);
}

Size Max(const Size& a, const Size& b) {
  if (a == b && a.IsMonomial()) return a;
  if (a.IsConst() && b.IsConst()) return Size::Const(std::max(a.value(), b.value()));
  if (a.IsConst() && a.value() <= 0 && b.IsNonNegative()) return b;
  if (b.IsConst() && b.value() <= 0 && a.IsNonNegative()) return a;
  if (a.IsUniform() && b.IsUniform()) return Size::Uniform();
  if (a.IsMonomial()) return Size::AtLeast(a);
  if (b.IsMonomial()) return Size::AtLeast(b);
  return Size::Tainted();
}

Size Min(const Size& a, const Size& b) {
  if (a == b && a.IsMonomial()) return a;
  if (a.IsConst() && b.IsConst()) return Size::Const(std::min(a.value(), b.value()));
  if (a.IsMonomial() && b.kind() == Size::Kind::kAtLeast && b.lower() == a) return a;
  if (b.IsMonomial() && a.kind() == Size::Kind::kAtLeast && a.lower() == b) return b;
  return Mix(a, b);
}

Size Join(const Size& a, const Size& b) { return a == b && a.IsMonomial() ? a : Mix(a, b); }

}  // namespace tensorgate::rows
