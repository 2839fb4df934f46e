#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

constexpr char kAcross[] = "works along the batch axis";

// Without those axes, or with 1 in their place.
Value Reduced(OpCall& call, const Value& x, std::span<const int32_t> axes, bool keeps) {
  Value value = SameShape(x);
  if (x.IsRows() && std::find(axes.begin(), axes.end(), x.axis) != axes.end())
    return call.Refuse("reduces over the batch axis");
  value.dims.clear();
  for (int32_t i = 0; i < x.rank(); i++) {
    const bool is_reduced = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!is_reduced || keeps) value.dims.push_back(is_reduced ? Size::Const(1) : x.dims[i]);
    if (x.IsRows() && is_reduced && !keeps && i < x.axis) value.axis--;
  }
  return value;
}

bool IsWhole(const Node& node) {
  constexpr int64_t kInt32 = 3, kInt64 = 9;
  const int64_t type = node.Type("T");
  return node.op == "All" || node.op == "Any" ||
         ((node.op == "Max" || node.op == "Min") && (type == kInt32 || type == kInt64));
}

}  // namespace

Values Reduce(OpCall& call) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("reduces over axes that depend on rows")};
  const bool keeps = call.node().Bool("keep_dims", false);
  if (x.kind == Kind::kRole && x.role == Role::kPadded) {
    // A sum takes no notice of zeros.
    const auto axes = call.AxesAt(1, x.rank());
    if (call.node().op != "Sum" || keeps || !axes || *axes != std::vector<int32_t>{1} || !x.element->is_zero)
      return {UnknownValue(x.cause)};
    std::vector<Size> dims = x.dims;
    dims.erase(dims.begin() + 1);
    return {RowsOf(0, {x.items.owner}, std::move(dims))};
  }
  if (x.kind == Kind::kSizes || x.kind == Kind::kRole) {
    // Some number that depends on all rows, which an assertion may look at.
    const bool is_scalar = x.rank() <= 1 && !keeps;
    const auto axes = call.AxesAt(1, x.rank());
    if (!is_scalar || !axes || axes->size() != static_cast<size_t>(x.rank()))
      return {call.Refuse("reduces what depends on the number of rows")};
    return {IntsOf({}, {Size::Tainted()})};
  }
  if (!x.has_rank) return {UniformValue()};
  const auto axes = call.AxesAt(1, x.rank());
  if (!axes) return {x.IsUniform() ? UniformValue() : call.Refuse("reduces over axes that are not known")};
  Value value = Reduced(call, x, *axes, keeps);
  // A whole number that depends on all rows, of which something may be known later: that it is cut off at a limit.
  if (value.kind == Kind::kUnknown && static_cast<int32_t>(axes->size()) == x.rank() && !keeps && IsWhole(call.node()))
    return {IntsOf({}, {Size::Tainted()}, value.cause)};
  return {std::move(value)};
}

Values Product(OpCall& call) {
  const Value& x = call.in(0);
  if (!x.has_ints || x.rank() != 1) return Reduce(call);
  const auto axes = call.AxesAt(1, 1);
  if (!axes) return Reduce(call);
  if (axes->empty()) return {x};
  Size product = Size::Const(1);
  for (const Size& size : x.ints) product = product * size;
  const bool keeps = call.node().Bool("keep_dims", false);
  return {IntsOf(keeps ? std::vector<Size>{Size::Const(1)} : std::vector<Size>{}, {product})};
}

Values ArgReduce(OpCall& call) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("reduces over an axis that depends on rows")};
  if (!x.has_rank) return {UniformValue()};
  const auto constant = call.ConstantAt(1);
  const auto axis = constant ? OpCall::Axis(*constant, x.rank()) : std::nullopt;
  if (!axis) return {x.IsUniform() ? UniformValue() : call.Refuse("reduces over an axis that is not known")};
  const int32_t axes[] = {*axis};
  return {Reduced(call, x, axes, false)};
}

Values Softmax(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsRows() && x.axis == x.rank() - 1) return {call.Refuse("normalises over the batch axis")};
  return {SameShape(x)};
}

Values Accumulate(OpCall& call) {
  const Value& x = call.in(0);
  if (x.role == Role::kLengths && call.ConstantAt(1) == 0) {
    if (call.node().Bool("exclusive", false) || call.node().Bool("reverse", false)) return {call.Refuse(kAcross)};
    return {RoleOf(Role::kEnds, x.items, {x.dims[0]})};
  }
  if (!call.UniformFrom(1)) return {call.Refuse("accumulates along an axis that depends on rows")};
  if (!x.has_rank) return {UniformValue()};
  const auto constant = call.ConstantAt(1);
  const auto axis = constant ? OpCall::Axis(*constant, x.rank()) : std::nullopt;
  if (x.IsRows() && (!axis || *axis == x.axis)) return {call.Refuse("accumulates along the batch axis")};
  return {SameShape(x)};
}

Values TopK(OpCall& call) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("takes a number of elements that depends on rows")};
  if (!x.has_rank || x.rank() == 0) return {UniformValue()};
  if (x.IsRows() && x.axis == x.rank() - 1) return {call.Refuse("sorts along the batch axis")};
  Value value = SameShape(x);
  const Value& count = call.in(1);
  const bool is_known = count.has_ints && count.ints.size() == 1 && count.ints[0].IsNonNegative();
  value.dims.back() = is_known ? count.ints[0] : Size::Uniform();
  return {value, value};
}

// Whether each row's target is among the highest of its predictions.
Values InTopK(OpCall& call) {
  const Value &predictions = call.in(0), &targets = call.in(1);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = predictions.IsRows() && targets.IsRows() && predictions.axis == 0 && targets.rank() == 1 &&
                    predictions.rank() == 2 && predictions.rows == targets.rows && call.UniformFrom(2);
  return {fits ? RowsOf(0, targets.rows, targets.dims) : call.Refuse("compares rows with each other")};
}

}  // namespace tensorgate::rows
