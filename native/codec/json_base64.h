// Base64 as it stands in JSON: {"b64": "…"}.
#pragma once

#include <string>
#include <string_view>

namespace tensorgate {

// Decodes RFC 4648's standard or URL-safe alphabet, with its padding or without any. False if the text is neither.
bool DecodeBase64(std::string_view text, std::string* bytes);

// Appends the bytes in the standard alphabet, with padding.
void AppendBase64(std::string_view bytes, std::string* text);

}  // namespace tensorgate
