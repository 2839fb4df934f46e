// What a worker does with the requests it has taken.
#pragma once

#include <memory>
#include <span>

#include "request.h"
#include "run_log.h"

namespace tensorgate {

// Decodes the requests, runs them - those that fit together in one run, the others one by one -, brings their outputs
// into their form and sets each one's status. A request that fails does so alone: a batch whose run fails is run again
// in halves, until the bad one stands by itself. All work that grows with the tensors' size happens here, on the
// worker. Never throws. One whose status is kRefusedByLeanExecutor has not been run: see TakeRefused() in retreat.h.
// Adds to `log`, if there is one.
//
// Requests fit together if they are for the same signature and the same outputs and their inputs differ in nothing but
// the first dimension, or where the policy says so in other dimensions, too. That the outputs have that dimension, too,
// is declared by the signature and checked after each run.
void Execute(std::span<const std::unique_ptr<Request>> requests, RunLog* log = nullptr);

}  // namespace tensorgate
