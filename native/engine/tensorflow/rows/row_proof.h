// Which signatures of a SavedModel may share a run: those whose rows are proven not to depend on each other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tensorgate {

struct RowProof {
  std::string signature;
  bool proven = false;
  std::string reason;  // why not: a clause that names the operation that stopped the proof; empty if proven
};

// One for each signature of the serialized MetaGraphDef, in its order. Proven means: run with the rows of several
// requests one after the other, in place of one request's rows, each output is those requests' outputs one after the
// other. This takes for granted that all inputs of a run have as many rows, and that requests are joined only if their
// other dimensions are equal and fit the signature: its rank, and its dimensions that are not -1.
//
// Any thread; reads bytes alone, without TensorFlow; bounded in time and memory, whatever the bytes are.
std::vector<RowProof> ProveRows(std::string_view meta_graph);

}  // namespace tensorgate
