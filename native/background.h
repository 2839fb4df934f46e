// Long work beside the requests: loading, unloading, giving memory back.
#pragma once

#include <functional>

namespace tensorgate {

// Returns at once. Does it to its end in a thread that gives way to the event loop (time_slice.h); `work` does not
// throw. The thread is kept for the next work, and the last one used is used first: a new thread has a new heap, whose
// growth holds up page faults of all others. Measured on two cores, p99 of other requests while models are loaded, to
// that of a quiet server: a new thread for each load 6, libuv's threads in turn 1.4, one thread used again 1.1. Not
// libuv's, too, because it has four of them, for files and gunzip as well: four loads would hold those up until they
// end. Where the system has no thread left, the work is done before it returns.
void RunInBackground(std::function<void()> work);

}  // namespace tensorgate
