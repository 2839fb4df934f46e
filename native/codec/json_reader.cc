#include "json_reader.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "number_text.h"

namespace tensorgate {
namespace {

constexpr int kInvalidArgument = 3;
constexpr size_t kQuotedLimit = 60;

constexpr uint64_t Repeat(uint8_t byte) { return ~uint64_t{0} / 255 * byte; }

// The high bit of the first zero byte, and perhaps of later bytes.
constexpr uint64_t ZeroBytes(uint64_t word) { return (word - Repeat(1)) & ~word & Repeat(0x80); }

// The first quotation mark, backslash or control character.
const char* FindSpecial(const char* at, const char* end) {
  for (; end - at >= 8; at += 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    const uint64_t controls = (word - Repeat(0x20)) & ~word & Repeat(0x80);
    const uint64_t found = controls | ZeroBytes(word ^ Repeat('"')) | ZeroBytes(word ^ Repeat('\\'));
    if (found) return at + std::countr_zero(found) / 8;
  }
  while (at < end && *at != '"' && *at != '\\' && static_cast<unsigned char>(*at) >= 0x20) at++;
  return at;
}

void AppendUtf8(unsigned point, std::string* out) {
  const auto put = [out](unsigned byte) { out->push_back(static_cast<char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else if (point < 0x10000) {
    put(0xE0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3F));
  } else {
    put(0xF0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3F));
    put(0x80 | (point >> 6 & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

// A byte for a message: it may be a part of a character, or none that can be shown.
std::string ByteName(char c) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7F) return Quoted({&c, 1});
  return std::string("0x") + kHex[byte >> 4] + kHex[byte & 15];
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char small = static_cast<char>(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

}  // namespace

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  size_t length = text.size();
  if (length > kQuotedLimit) {
    length = kQuotedLimit;
    while (length > 0 && (text[length] & 0xC0) == 0x80) length--;  // not within a character
  }
  for (const char c : text.substr(0, length)) out.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
  if (length < text.size()) out += "…";
  return out += '"';
}

JsonReader::JsonReader(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {
  if (text.starts_with("\xEF\xBB\xBF")) at_ += 3;
}

bool JsonReader::Fail(std::string_view expected) {
  if (malformed_) return false;
  malformed_ = true;
  Peek();
  const std::string found = at_ == end_ ? "the text ends there." : ByteName(*at_) + " stands there.";
  error_ = {kInvalidArgument, "The body is not valid JSON: " + std::string(expected) + " is expected at byte " +
                                  std::to_string(at_ - begin_) + ", but " + found};
  return false;
}

bool JsonReader::Refuse(int code, std::string message) {
  if (!error_) error_ = {code, std::move(message)};
  return false;
}

CodecError JsonReader::Forgive() { return std::exchange(error_, {}); }

bool JsonReader::TakeWord(std::string_view word) {
  Peek();
  if (!std::string_view(at_, static_cast<size_t>(end_ - at_)).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

bool JsonReader::ReadString(std::string* scratch, std::string_view* value) {
  if (!Take('"')) return Fail("a string");
  const char* first = at_;
  at_ = FindSpecial(at_, end_);
  if (at_ < end_ && *at_ == '"') {
    *value = {first, static_cast<size_t>(at_++ - first)};
    return true;
  }
  scratch->assign(first, at_);
  if (!ReadEscapes(scratch)) return false;
  *value = *scratch;
  return true;
}

// The rest of a string from its first escape on, with the quotation mark at its end.
bool JsonReader::ReadEscapes(std::string* out) {
  while (at_ < end_) {
    if (*at_ == '"') {
      at_++;
      return true;
    }
    if (*at_ != '\\') return Fail("a string without control characters");
    at_++;
    if (!ReadEscape(out)) return false;
    const char* first = at_;
    at_ = FindSpecial(at_, end_);
    out->append(first, at_);
  }
  return Fail("the string's closing quotation mark");
}

bool JsonReader::ReadEscape(std::string* out) {
  static constexpr std::string_view kNames = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  if (at_ == end_) return Fail("an escape character");
  if (*at_ == 'u') {
    at_++;
    return ReadCodePoint(out);
  }
  const size_t index = kNames.find(*at_);
  if (index == std::string_view::npos) return Fail("an escape character");
  out->push_back(kMeanings[index]);
  at_++;
  return true;
}

bool JsonReader::ReadCodePoint(std::string* out) {
  unsigned high = 0, low = 0;
  if (!ReadCodeUnit(&high)) return false;
  if (high < 0xD800 || high > 0xDFFF) {
    AppendUtf8(high, out);
    return true;
  }
  static constexpr std::string_view kPair = "a surrogate pair";
  if (high > 0xDBFF || end_ - at_ < 2 || at_[0] != '\\' || at_[1] != 'u') return Fail(kPair);
  at_ += 2;
  if (!ReadCodeUnit(&low)) return false;
  if (low < 0xDC00 || low > 0xDFFF) return Fail(kPair);
  AppendUtf8(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), out);
  return true;
}

bool JsonReader::ReadCodeUnit(unsigned* unit) {
  for (int i = 0; i < 4; i++, at_++) {
    const int digit = at_ < end_ ? HexDigit(*at_) : -1;
    if (digit < 0) return Fail("a hexadecimal digit");
    *unit = *unit << 4 | static_cast<unsigned>(digit);
  }
  return true;
}

bool JsonReader::SkipValue() {
  std::vector<bool> open;  // the open brackets, the innermost last; true: an object's
  do {
    bool empty = true;
    if (Peek() == '[' || Peek() == '{') {
      if (!OpenBracket(&open, &empty)) return false;
      if (!empty) continue;
    } else if (!SkipScalar()) {
      return false;
    }
    if (!CloseBrackets(&open)) return false;
  } while (!open.empty());
  return true;
}

// Reads a bracket, and a pair that holds nothing as a whole.
bool JsonReader::OpenBracket(std::vector<bool>* open, bool* empty) {
  const bool object = *at_++ == '{';
  *empty = Take(object ? '}' : ']');
  if (*empty) return true;
  open->push_back(object);
  return !object || SkipKey();
}

// Behind a value: reads closing brackets, and what stands between two values.
bool JsonReader::CloseBrackets(std::vector<bool>* open) {
  while (!open->empty()) {
    if (Take(',')) return !open->back() || SkipKey();
    if (!Take(open->back() ? '}' : ']')) return Fail(open->back() ? "',' or '}'" : "',' or ']'");
    open->pop_back();
  }
  return true;
}

bool JsonReader::SkipKey() { return SkipString() && (Take(':') || Fail("':'")); }

bool JsonReader::SkipString() {
  std::string scratch;
  std::string_view value;
  return ReadString(&scratch, &value);
}

bool JsonReader::SkipScalar() {
  if (Peek() == '"') return SkipString();
  if (TakeWord("true") || TakeWord("false") || TakeWord("null")) return true;
  const bool begins = KindOfNext() != nullptr;
  return SkipNumber(&at_, end_) || Fail(begins ? "a number or a literal" : "a value");
}

bool JsonReader::AtBase64Object() const {
  JsonReader ahead = *this;
  std::string scratch;
  std::string_view key;
  return ahead.Take('{') && ahead.ReadString(&scratch, &key) && key == "b64" && ahead.Take(':') && ahead.SkipString() &&
         ahead.Take('}');
}

const char* JsonReader::KindOfNext() {
  switch (Peek()) {
    case '[':
      return "a list";
    case '{':
      return "an object";
    case '"':
      return "a string";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    case '\0':
      return nullptr;
    default:
      return std::string_view("-0123456789NI").find(*at_) == std::string_view::npos ? nullptr : "a number";
  }
}

}  // namespace tensorgate
