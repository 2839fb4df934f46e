// One operation with what is known of its inputs: what a rule looks at.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph_reader.h"
#include "row_value.h"

namespace tensorgate::rows {

class Interpreter;

// What a rule says of an operation's outputs. One unknown or uniform value stands for all of them.
using Values = std::vector<Value>;

class OpCall {
 public:
  OpCall(Interpreter* interpreter, const Node& node, std::vector<const Value*> inputs)
      : interpreter_(interpreter), node_(node), inputs_(std::move(inputs)) {}

  const Node& node() const { return node_; }
  size_t count() const { return inputs_.size(); }
  // An input; unknown beyond the last one.
  const Value& in(size_t place) const;
  std::span<const Value* const> inputs() const { return inputs_; }
  Interpreter& interpreter() { return *interpreter_; }

  // Unknown from here on. `why` continues a sentence that begins with the operation: "sorts along the batch axis".
  Value Refuse(std::string why);
  // Its cause, for what may become unknown later.
  int32_t Cause(std::string why);
  // Items that belong to those of `owner`, in order.
  Items NewItems(SpaceId owner);
  // Such that each of them has one, at least.
  Items NewItemsForAll(SpaceId owner);
  bool AllHaveSome(const Items& items) const;

  // `attribute` (an integer or none), counted from the end if negative; nothing if it is out of range.
  static std::optional<int32_t> Axis(int64_t axis, int32_t rank);
  // The only element of an input, if it is constant.
  std::optional<int64_t> ConstantAt(size_t place) const;
  // All elements of an input of rank 0 or 1, if they are constant.
  std::optional<std::vector<int64_t>> ConstantsAt(size_t place) const;
  // Axes that an input names, normalized, without duplicates.
  std::optional<std::vector<int32_t>> AxesAt(size_t place, int32_t rank) const;

  // For operations with outputs of a number that an attribute says: the name of those from a place on.
  void NameOutputs(std::string_view name, size_t first) { parts_.emplace_back(name, static_cast<int32_t>(first)); }
  const std::vector<std::pair<std::string_view, int32_t>>& parts() const { return parts_; }

  bool AllUniform() const;
  // Whether all inputs from `first` on are uniform.
  bool UniformFrom(size_t first) const;

 private:
  Interpreter* interpreter_;
  const Node& node_;
  std::vector<const Value*> inputs_;
  std::vector<std::pair<std::string_view, int32_t>> parts_;
};

// What elementwise operations do: operands aligned at their last dimension. Unknown if rows of one operand would meet
// anything but the same rows of another.
Value Broadcast(OpCall& call, std::span<const Value* const> operands);
// The dimension that results from two that meet.
Size BroadcastDim(const Size& a, const Size& b);

}  // namespace tensorgate::rows
