// TensorFlow's registry of operations.
#pragma once

#include <string_view>

#include "../../tf_api.h"
#include "state_changes.h"

namespace tensorgate {

// What it says of an operation, those of loaded libraries included. The graph only leads there. Any thread.
OpTraits RegisteredOp(TF_Graph* graph, std::string_view op);

}  // namespace tensorgate
