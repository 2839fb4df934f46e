// What is wanted of a loaded model's MetaGraphDef, which can be as large as the weights. Walks it once, on the thread
// that loads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tensorgate {

// The message with its saver_def and signature_def alone: a few KiB.
std::string WithoutGraph(std::string_view meta_graph);

// The names of the signatures whose runs take a time that depends on the shapes of their inputs only, not on their
// values: no loops, branches, strings, tables, or shapes made of values between inputs and outputs. Small runs of such
// a signature may be done on the event loop: what was quick once for a shape stays quick for it.
std::vector<std::string> FindSteadySignatures(std::string_view meta_graph);

}  // namespace tensorgate
