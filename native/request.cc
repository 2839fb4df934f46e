#include "request.h"

#include "session.h"

namespace tensorgate {

namespace {

// The averages of a model speak of small requests as a rule; one that is not small may be anything.
bool IsSmall(const Request& request) {
  constexpr size_t kSmallBytes = 32 * 1024;
  return request.body_bytes <= kSmallBytes;
}

}  // namespace

uint32_t ExpectedMicros(const Request& request) {
  return IsSmall(request) ? request.session->typical_micros() : Session::kUnknown;
}

bool IsBatchCandidate(const Request& request) {
  if (!IsSmall(request)) return false;
  return request.is_json ? request.session->has_batchable() : request.signature->batchable();
}

}  // namespace tensorgate
