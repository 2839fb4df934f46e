// Appends JSON's tokens to a string, with few size checks. Layout is the caller's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tensorgate {

class JsonWriter {
 public:
  // Replaces the string's contents, reusing its memory. `expected`: bytes to make room for at once.
  JsonWriter(std::string* text, size_t expected);

  // Room for `size` bytes to write to directly; Advance then says where they end.
  char* Room(size_t size) {
    if (static_cast<size_t>(limit_ - at_) < size) Grow(size);
    return at_;
  }
  void Advance(char* to) { at_ = to; }

  void Put(std::string_view text);
  // A string in quotation marks. Escapes what RapidJSON escapes; bytes from 0x7F on are passed as they are.
  void PutString(std::string_view value);

  // Cuts the string to what was written. Ends the writer.
  void Finish();

 private:
  void Grow(size_t size);

  std::string* text_;
  char* at_;
  char* limit_;
};

}  // namespace tensorgate
