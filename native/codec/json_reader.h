// A pull scanner over JSON text: no tree, no recursion, no allocation but for strings with escapes.
//
// Takes what TF Serving's REST API takes: RFC 8259 with NaN, Inf and Infinity as numbers, a byte order mark in front,
// any bytes within strings. Methods that return false have noted an error; the first one noted stays until Forgive.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "json_tensor.h"

namespace tensorgate {

// The text in quotation marks for an error message, cut after some 60 bytes, control characters replaced.
std::string Quoted(std::string_view text);

class JsonReader {
 public:
  // The text must outlive the reader and the views that it hands out.
  explicit JsonReader(std::string_view text);

  const char* at() const { return at_; }
  const char* end() const { return end_; }
  void Seek(const char* at) { at_ = at; }

  // The next byte that is no blank, which stays unread; 0 at the end.
  char Peek() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) at_++;
    return at_ < end_ ? *at_ : '\0';
  }
  // Reads c, if it comes next behind blanks. c is no blank and not 0.
  bool Take(char c) {
    if (Peek() != c) return false;
    at_++;
    return true;
  }
  // Reads the word (true, false, null), if it comes next.
  bool TakeWord(std::string_view word);

  // Reads a string. The value is a part of the text, or, if there are escapes, lies in *scratch.
  bool ReadString(std::string* scratch, std::string_view* value);

  // Reads an object; `on_member(key)` must read the member's value and return false on an error.
  template <typename OnMember>
  bool ReadObject(OnMember on_member);

  // Reads any value, checking its syntax. Needs one bit per open bracket.
  bool SkipValue();

  // Whether a value is next that is written {"b64": "…"} and nothing else. Reads and notes nothing.
  bool AtBase64Object() const;

  // What kind of value is next, with its article ("a list"); nullptr if none can begin so.
  const char* KindOfNext();

  // Notes that the text is malformed here; `expected` as in "a value".
  bool Fail(std::string_view expected);
  // Notes that the text is well-formed, yet not acceptable.
  bool Refuse(int code, std::string message);

  const CodecError& error() const { return error_; }
  bool malformed() const { return malformed_; }
  // Drops and returns what Refuse noted.
  CodecError Forgive();

 private:
  bool SkipString();
  bool SkipScalar();
  bool SkipKey();
  bool OpenBracket(std::vector<bool>* open, bool* empty);
  bool CloseBrackets(std::vector<bool>* open);
  bool ReadEscapes(std::string* out);
  bool ReadEscape(std::string* out);
  bool ReadCodePoint(std::string* out);
  bool ReadCodeUnit(unsigned* unit);

  const char* begin_;
  const char* at_;
  const char* end_;
  CodecError error_;
  bool malformed_ = false;
};

template <typename OnMember>
bool JsonReader::ReadObject(OnMember on_member) {
  if (!Take('{')) return Fail("'{'");
  if (Take('}')) return true;
  std::string scratch;
  do {
    std::string_view key;
    if (!ReadString(&scratch, &key)) return false;
    if (!Take(':')) return Fail("':'");
    if (!on_member(key)) return false;
  } while (Take(','));
  return Take('}') || Fail("',' or '}'");
}

}  // namespace tensorgate
