// Walks from a signature's outputs to its inputs and says of each tensor between them how it follows the rows.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph_reader.h"
#include "op_call.h"
#include "row_value.h"

namespace tensorgate::rows {

// Where in a graph a signature's values enter.
using Feeds = std::map<std::pair<int32_t, int32_t>, Value>;  // by place of the node and index of its output

// For one signature. Not thread-safe. Bounded in steps, depth of calls and passes of loops, whatever the graph is.
class Interpreter {
 public:
  // `budget`: steps that are left for all signatures of the graph.
  Interpreter(Graph* graph, size_t* budget) : graph_(graph), budget_(budget) {}

  // What is known of these tensors of the graph; nothing if the walk stopped, see stop().
  std::optional<Values> Run(const Feeds& feeds, std::span<const Reference> tensors);
  // Why no tensor of the signature can be relied on: a clause, empty if there is no such reason.
  const std::string& stop() const { return stop_; }
  // The clause of a cause.
  std::string CauseText(int32_t cause) const;

  // For rules:
  void Stop(const Node& node, std::string_view why);
  bool stopped() const { return !stop_.empty(); }
  // The results of a function; empty if the walk stopped.
  Values Call(const Node& caller, std::string_view function, std::vector<Value> arguments);
  // Null if there is none of that name.
  const Body* FunctionBody(std::string_view function) { return graph_->Function(function); }
  int32_t AddCause(const Node& node, std::string why);
  // `covered`: the space of which each item owns one at least of the new space's; kNoSpace if that is not known.
  SpaceId NewSpace(SpaceId covered);
  bool CoversAll(const Items& items) const;
  Size NewDim() { return Size::Symbol(next_symbol_ += 2); }
  // Gives names to integers of which nothing is known, so that they are known to be equal to themselves.
  void NameUnknown(Value* value);

 private:
  struct Outputs {
    Values values;
    std::vector<std::pair<std::string_view, int32_t>> parts;  // names of outputs, and where each begins
  };
  struct Frame {
    const Body* body;
    std::span<const Value> arguments;
    const Feeds* feeds;
    std::vector<Outputs> outputs;
    std::vector<uint8_t> states;  // of nodes, see Evaluate()
  };
  struct Cause {
    std::string node;  // the operation, as messages name it
    std::string why;
  };

  bool Evaluate(Frame* frame, std::vector<int32_t> stack);
  bool Enter(Frame* frame, int32_t place, std::vector<int32_t>* stack);
  const Value* Find(const Frame& frame, const Reference& reference);
  bool IsFed(const Frame& frame, const Reference& reference) const;
  void Apply(Frame* frame, int32_t place);
  Values JudgeItem(OpCall* call, const struct RuleRow& row);
  Values Judge(OpCall* call, Outputs* outputs);
  std::string Describe(const Node& node) const;
  bool Spend(size_t steps);
  void Seal(OpCall* call, Value* value);

  Graph* graph_;
  size_t* budget_;
  std::string stop_;
  std::vector<std::string_view> calls_;  // functions that are being walked
  std::vector<Cause> causes_;
  std::vector<SpaceId> covered_{kNoSpace};  // by space, see NewSpace()
  uint32_t next_symbol_ = 0;
  size_t steps_ = 0;
};

}  // namespace tensorgate::rows
