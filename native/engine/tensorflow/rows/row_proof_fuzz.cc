// libFuzzer target: whatever the bytes of a MetaGraphDef are, the walk ends, says something of each signature, and
// never both proves and refuses. Sanitizers see the rest.
#include <cstdio>
#include <cstdlib>

#include "row_proof.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const tensorgate::RowProof& proof : tensorgate::ProveRows({reinterpret_cast<const char*>(data), size})) {
    if (proof.proven == proof.reason.empty()) continue;
    std::fprintf(stderr, "%s is both proven and not: %s\n", proof.signature.c_str(), proof.reason.c_str());
    std::abort();
  }
  return 0;
}
