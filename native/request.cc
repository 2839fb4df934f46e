#include "request.h"

#include "engine/tensorflow/retreat.h"
#include "lane.h"
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

bool IsQuick(const Request& request) {
  // The general session's first runs take long, and with XLA the first of each shape.
  if (const Retreat* retreat = request.session->retreat(); retreat && retreat->begun()) return false;
  if (request.is_json)
    return request.session->is_steady_for_json() && request.session->quick_json_runs().Expects(request.work_size);
  return request.signature->steady() && request.signature->quick_runs().Expects(request.work_size);
}

void NoteRun(const Request& request, uint32_t micros) {
  QuickRuns& runs = request.is_json ? request.session->quick_json_runs() : request.signature->quick_runs();
  runs.Note(request.work_size, micros, request.status.ok());
}

bool IsBatchCandidate(const Request& request) {
  if (!request.access->policy.is_given && !IsSmall(request)) return false;
  return request.is_json ? request.session->has_batchable() : request.signature->batchable();
}

}  // namespace tensorgate
