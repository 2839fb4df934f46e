// The process' memory for tensors as a whole.
#pragma once

#include <cstddef>

namespace tensorgate {

struct SlabStats {
  size_t used_bytes;    // held by slabs that live
  size_t idle_bytes;    // kept for reuse
  size_t budget_bytes;  // the most that may be used
};

// The most bytes that all living slabs may hold together; beyond it `Slab(size)` throws std::bad_alloc, which reaches
// the client as RESOURCE_EXHAUSTED. Guards against requests that are small on the wire and huge in memory. Any thread.
void SetTensorMemoryBudget(size_t bytes);
SlabStats TensorMemoryStats();

// Counts memory against the budget that the caller allocates elsewhere, before it does. False, having counted none, if
// so much is not left. Any thread.
bool ReserveTensorMemory(size_t bytes);
void ReleaseTensorMemory(size_t bytes);

}  // namespace tensorgate
