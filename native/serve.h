// What a worker blocks in.
#pragma once

#include <chrono>

#include "queue.h"

namespace tensorgate {

// Runs requests of the queue in the calling thread until none came for `idle`, or for a second at the most: coming back
// to JavaScript is what lets terminate() and process.exit() end the worker. Returns whether to call again: false once
// the queue is closed. No JavaScript, no exceptions.
bool Serve(DeviceQueue& queue, std::chrono::milliseconds idle);

}  // namespace tensorgate
