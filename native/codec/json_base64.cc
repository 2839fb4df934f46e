#include "json_base64.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace tensorgate {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// What a character is, if not the six bits of a digit. All of them have the bit kNoDigit.
constexpr uint32_t kNoDigit = 0x80, kBlank = 0x81, kPadding = 0x82;

constexpr std::array<uint8_t, 256> MakeValues() {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t i = 0; i < kAlphabet.size(); i++) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  values['-'] = 62;
  values['_'] = 63;
  for (const char blank : {' ', '\t', '\n', '\v', '\f', '\r'}) values[static_cast<uint8_t>(blank)] = kBlank;
  values['='] = values['.'] = kPadding;
  return values;
}
constexpr std::array<uint8_t, 256> kValues = MakeValues();

uint32_t Value(char c) { return kValues[static_cast<uint8_t>(c)]; }

char Digit(uint32_t value) { return kAlphabet[value & 63]; }

char* PutBytes(uint32_t word, char* out) {
  out[0] = static_cast<char>(word >> 16);
  out[1] = static_cast<char>(word >> 8);
  out[2] = static_cast<char>(word);
  return out + 3;
}

// Decodes up to the first character that is neither a digit nor a blank; returns where that is. The bits of a last
// group of less than four digits are left in *word, and their number in *digits.
size_t DecodeDigits(std::string_view text, char** out, uint32_t* word, size_t* digits) {
  size_t at = 0;
  while (at < text.size()) {
    if (*digits == 0 && text.size() - at >= 4) {
      const uint32_t a = Value(text[at]), b = Value(text[at + 1]), c = Value(text[at + 2]), d = Value(text[at + 3]);
      if (!((a | b | c | d) & kNoDigit)) {
        *out = PutBytes(a << 18 | b << 12 | c << 6 | d, *out);
        at += 4;
        continue;
      }
    }
    const uint32_t value = Value(text[at]);
    if (value & kNoDigit && value != kBlank) break;
    at++;
    if (value == kBlank) continue;
    *word = *word << 6 | value;
    if (++*digits < 4) continue;
    *out = PutBytes(*word, *out);
    *word = *digits = 0;
  }
  return at;
}

// What stands at that place of the text, for a message: by its number if it cannot be shown.
std::string CharacterAt(std::string_view text, size_t at) {
  const auto byte = static_cast<uint8_t>(text[at]);
  std::string name =
      byte > 0x20 && byte < 0x7F ? "'" + std::string(1, text[at]) + "'" : "character " + std::to_string(byte);
  return name + " stands at its place " + std::to_string(at);
}

}  // namespace

std::string DecodeBase64(std::string_view text, std::string* bytes) {
  bytes->resize((text.size() + 3) / 4 * 3);
  char* out = bytes->data();
  uint32_t word = 0;
  size_t digits = 0, padding = 0;
  for (size_t at = DecodeDigits(text, &out, &word, &digits); at < text.size(); at++) {
    const uint32_t value = Value(text[at]);
    if (value != kPadding && value != kBlank) return CharacterAt(text, at);
    if (value == kPadding) padding++;
  }
  if (digits == 1) return "it ends with a single digit of a group of four";
  const size_t expected = digits == 0 ? 0 : 4 - digits;
  if (padding != 0 && padding != expected)
    return "it ends with " + std::to_string(padding) + " padding characters, not " + std::to_string(expected);
  if (digits > 0) PutBytes(word << (6 * expected), out);
  bytes->resize(static_cast<size_t>(out - bytes->data()) + (digits > 0 ? digits - 1 : 0));
  return {};
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
