#include "json_writer.h"

#include <algorithm>
#include <cstring>

namespace tensorgate {
namespace {

// The string's size is grown in steps that stay in the cache, since std::string writes zeros first.
constexpr size_t kStep = 16384;

constexpr size_t kMaxEscape = 6;  // \u001F

char* PutEscape(char* at, unsigned char c) {
  static constexpr std::string_view kNamed = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt", kHex = "0123456789ABCDEF";
  *at++ = '\\';
  const size_t index = kNamed.find(static_cast<char>(c));
  if (index != std::string_view::npos) {
    *at++ = kNames[index];
    return at;
  }
  std::memcpy(at, "u00", 3);
  at[3] = kHex[c >> 4];
  at[4] = kHex[c & 15];
  return at + 5;
}

bool NeedsEscape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

}  // namespace

JsonWriter::JsonWriter(std::string* text, size_t expected) : text_(text) {
  text_->clear();
  text_->reserve(expected);
  at_ = limit_ = text_->data();
}

void JsonWriter::Grow(size_t size) {
  const size_t used = static_cast<size_t>(at_ - text_->data());
  text_->resize(used + std::max(size, kStep));
  at_ = text_->data() + used;
  limit_ = text_->data() + text_->size();
}

void JsonWriter::Put(std::string_view text) {
  char* at = Room(text.size());
  std::memcpy(at, text.data(), text.size());
  at_ = at + text.size();
}

void JsonWriter::PutString(std::string_view value) {
  Put("\"");
  for (size_t at = 0; at < value.size();) {
    size_t plain = at;
    while (plain < value.size() && !NeedsEscape(value[plain])) plain++;
    if (plain > at) Put(value.substr(at, plain - at));
    if (plain < value.size()) at_ = PutEscape(Room(kMaxEscape), static_cast<unsigned char>(value[plain++]));
    at = plain;
  }
  Put("\"");
}

void JsonWriter::Finish() { text_->resize(static_cast<size_t>(at_ - text_->data())); }

}  // namespace tensorgate
