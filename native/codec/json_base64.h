// Base64 as it stands in JSON: {"b64": "…"}.
#pragma once

#include <string>
#include <string_view>

namespace tensorgate {

// Decodes what clients write as base64: RFC 4648's standard or URL-safe alphabet, ASCII blanks and line breaks
// anywhere, at the end as much padding ('=' or '.') as belongs there or none. Empty, or why the text is not base64, to
// be put behind a colon. src/formats/base64.ts reads the same, for what is decoded on the event loop.
std::string DecodeBase64(std::string_view text, std::string* bytes);

// Appends the bytes in the standard alphabet, with padding.
void AppendBase64(std::string_view bytes, std::string* text);

}  // namespace tensorgate
