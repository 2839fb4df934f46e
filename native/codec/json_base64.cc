#include "json_base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tensorgate {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint32_t kNone = 0x80;  // a bit beyond the six of a digit

constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values{};
  values.fill(kNone);
  for (size_t i = 0; i < kAlphabet.size(); i++) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  values['-'] = 62;
  values['_'] = 63;
  return values;
}
constexpr std::array<uint8_t, 256> kValues = MakeValues();

uint32_t Value(char c) { return kValues[static_cast<uint8_t>(c)]; }

char Digit(uint32_t value) { return kAlphabet[value & 63]; }

// Takes the padding off; false if there is some, but not as much as belongs there.
bool TrimPadding(std::string_view* text) {
  if (!text->ends_with('=')) return true;
  if (text->size() % 4 != 0) return false;
  text->remove_suffix(text->ends_with("==") ? 2 : 1);
  return true;
}

}  // namespace

bool DecodeBase64(std::string_view text, std::string* bytes) {
  if (!TrimPadding(&text) || text.size() % 4 == 1) return false;
  bytes->resize(text.size() / 4 * 3 + (text.size() % 4 ? text.size() % 4 - 1 : 0));
  char* out = bytes->data();
  uint32_t seen = 0;  // all digits' bits, to look for kNone once
  size_t at = 0;
  for (; text.size() - at >= 4; at += 4) {
    const uint32_t a = Value(text[at]), b = Value(text[at + 1]), c = Value(text[at + 2]), d = Value(text[at + 3]);
    seen |= a | b | c | d;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    *out++ = static_cast<char>(b << 4 | c >> 2);
    *out++ = static_cast<char>(c << 6 | d);
  }
  if (at < text.size()) {
    const uint32_t a = Value(text[at]), b = Value(text[at + 1]);
    const uint32_t c = text.size() - at == 3 ? Value(text[at + 2]) : 0;
    seen |= a | b | c;
    *out++ = static_cast<char>(a << 2 | b >> 4);
    if (text.size() - at == 3) *out++ = static_cast<char>(b << 4 | c >> 2);
  }
  return (seen & kNone) == 0;
}

void AppendBase64(std::string_view bytes, std::string* text) {
  const auto byte = [bytes](size_t at) { return uint32_t{static_cast<uint8_t>(bytes[at])}; };
  text->reserve(text->size() + (bytes.size() + 2) / 3 * 4);
  size_t at = 0;
  for (; bytes.size() - at >= 3; at += 3) {
    const uint32_t word = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    const char digits[] = {Digit(word >> 18), Digit(word >> 12), Digit(word >> 6), Digit(word)};
    text->append(digits, 4);
  }
  if (at == bytes.size()) return;
  const bool two = bytes.size() - at == 2;
  const uint32_t word = byte(at) << 16 | (two ? byte(at + 1) << 8 : 0);
  const char digits[] = {Digit(word >> 18), Digit(word >> 12), two ? Digit(word >> 6) : '=', '='};
  text->append(digits, 4);
}

}  // namespace tensorgate
