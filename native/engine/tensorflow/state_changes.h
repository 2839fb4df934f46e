// Which operations change something that outlasts the run that they are part of.
#pragma once

#include <string_view>

namespace tensorgate {

// What TensorFlow's registry says of an operation.
struct OpTraits {
  bool is_known = false;
  bool is_stateful = false;
  bool takes_reference = false;  // to a variable, queue or table of TF1
};

// What a node's attributes say of it, as far as it matters here.
struct NodeTraits {
  bool has_seed = false;        // `seed` or `seed2` is not 0: the numbers that follow are the same in each process
  bool prints_to_file = false;  // `output_stream` is a file
};

// Whether a node of this operation changes a variable, a table, a queue, a file, a generator's state or the like. What
// is not known to be harmless does; what the functions that it calls do is not looked at.
bool ChangesState(std::string_view op, const OpTraits& traits, const NodeTraits& node);

}  // namespace tensorgate
