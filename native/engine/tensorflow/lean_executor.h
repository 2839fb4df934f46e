// What TensorFlow's single-threaded executor, the lean session's, says when it will not run a graph.
#pragma once

#include "status.h"

namespace tensorgate {

// A status that never leaves the addon: the request was refused by that executor, and is to be run elsewhere.
inline constexpr int kRefusedByLeanExecutor = -1;

// Whether this is TensorFlow's refusal (single_threaded_executor.cc): while it restores reference variables, or before
// the first run of a graph with control flow of TF1. It comes when the executor is made, so nothing has been run.
inline bool IsLeanRefusal(const Status& status) {
  return (status.code == code::kFailedPrecondition || status.code == code::kUnimplemented) &&
         status.message.find("Single-threaded executor does not support") != std::string::npos;
}

}  // namespace tensorgate
