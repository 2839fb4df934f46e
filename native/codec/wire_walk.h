// A walk over the fields of a serialized protobuf message, for the few of which something is wanted.
#pragma once

#include <cstdint>
#include <string_view>

namespace tensorgate {

// Knows no message types. Views point into the message, which must outlive them.
class WireWalk {
 public:
  explicit WireWalk(std::string_view message) : rest_(message) {}

  // Moves on to the next field; false at the end, or where the bytes are no message.
  bool Next() {
    const std::string_view start = rest_;
    uint64_t tag = 0;
    if (rest_.empty() || !Varint(&tag)) return false;
    number_ = static_cast<uint32_t>(tag >> 3);
    bytes_ = {};
    value_ = 0;
    if (!SkipValue(tag & 7)) return false;
    whole_ = start.substr(0, start.size() - rest_.size());
    return true;
  }

  uint32_t number() const { return number_; }
  // Of a field with a length: a string, bytes or a message. Empty for others.
  std::string_view bytes() const { return bytes_; }
  // Of a field that is a varint. 0 for others.
  uint64_t value() const { return value_; }
  // The field with its tag.
  std::string_view whole() const { return whole_; }

 private:
  bool Varint(uint64_t* value) {
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  bool SkipValue(uint64_t wire_type) {
    uint64_t length = 0;
    switch (wire_type) {
      case 0:
        return Varint(&value_);
      case 1:
        return Take(8);
      case 2:
        return Varint(&length) && Take(length, &bytes_);
      case 5:
        return Take(4);
      default:
        return false;
    }
  }

  bool Take(uint64_t length, std::string_view* taken = nullptr) {
    if (length > rest_.size()) return false;
    if (taken) *taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

  std::string_view rest_;
  std::string_view bytes_;
  std::string_view whole_;
  uint64_t value_ = 0;
  uint32_t number_ = 0;
};

// The last field of that number with a length, as protobuf reads a field that may stand once; empty if there is none.
inline std::string_view FindField(std::string_view message, uint32_t number) {
  std::string_view found;
  for (WireWalk field(message); field.Next();)
    if (field.number() == number) found = field.bytes();
  return found;
}

// The last varint of that number; `otherwise` if there is none.
inline uint64_t FindVarint(std::string_view message, uint32_t number, uint64_t otherwise = 0) {
  for (WireWalk field(message); field.Next();)
    if (field.number() == number && field.bytes().empty()) otherwise = field.value();
  return otherwise;
}

}  // namespace tensorgate
