#include <algorithm>
#include <limits>

#include "rules.h"

namespace tensorgate::rows {

namespace {

using Combine = Size (*)(const Size& a, const Size& b);

// The elements, one by one; a uniform scalar has one that is not known.
std::optional<std::vector<Size>> ElementsOf(const Value& value) {
  if (value.has_ints) return value.ints;
  if (value.IsUniform() && value.IsScalar()) return std::vector<Size>{Size::Uniform()};
  return std::nullopt;
}

// int32 wraps around, which sizes do not.
Size WithinInt32(const Size& size) {
  const bool fits = !size.IsConst() || (size.value() >= std::numeric_limits<int32_t>::min() &&
                                        size.value() <= std::numeric_limits<int32_t>::max());
  return fits ? size : Size::Uniform();
}

std::optional<Value> CombineInts(OpCall& call, Combine combine) {
  const Value &a = call.in(0), &b = call.in(1);
  if (call.count() != 2 || (!a.has_ints && !b.has_ints)) return std::nullopt;
  const auto left = ElementsOf(a), right = ElementsOf(b);
  if (!left || !right) return std::nullopt;
  if (a.dims != b.dims && !a.IsScalar() && !b.IsScalar()) return std::nullopt;
  const Value& larger = a.IsScalar() ? b : a;
  std::vector<Size> ints;
  for (size_t i = 0; i < ElementsOf(larger)->size(); i++)
    ints.push_back(WithinInt32(combine((*left)[a.IsScalar() ? 0 : i], (*right)[b.IsScalar() ? 0 : i])));
  return IntsOf(larger.dims, std::move(ints));
}

Values Arithmetic(OpCall& call, Combine combine) {
  if (auto value = CombineInts(call, combine)) return {std::move(*value)};
  return Elementwise(call);
}

Size Mix(const Size& a, const Size& b) { return a.IsUniform() && b.IsUniform() ? Size::Uniform() : Size::Tainted(); }

Size DivideSizes(const Size& a, const Size& b) {
  const auto quotient = Divide(a, b);
  return quotient ? *quotient : Mix(a, b);
}

Size FloorDivideSizes(const Size& a, const Size& b) {
  if (const auto quotient = Divide(a, b)) return *quotient;
  if (!a.IsConst() || !b.IsConst() || b.value() <= 0 || a.value() < 0) return Mix(a, b);
  return Size::Const(a.value() / b.value());
}

Size ModuloSizes(const Size& a, const Size& b) {
  if (!a.IsConst() || !b.IsConst() || b.value() <= 0 || a.value() < 0) return Mix(a, b);
  return Size::Const(a.value() % b.value());
}

Size EqualSizes(const Size& a, const Size& b) { return a == b && a.IsMonomial() ? Size::Const(1) : Mix(a, b); }
Size UnequalSizes(const Size& a, const Size& b) { return a == b && a.IsMonomial() ? Size::Const(0) : Mix(a, b); }

constexpr char kRoleAsValue[] = "takes numbers or places of rows as values";

// In a loop over items: whether it goes on. Nothing else is made of such numbers.
Value CompareRoles(OpCall& call) {
  const Value &a = call.in(0), &b = call.in(1);
  const std::string_view op = call.node().op;
  const auto goes_on = [](const Value& current, const Value& limit) {
    return current.kind == Kind::kRole && current.role == Role::kCurrent && limit.has_ints && limit.IsScalar() &&
           limit.ints[0].IsJust(current.items.space);
  };
  if (op == "Less" && goes_on(a, b)) return RoleOf(Role::kGoesOn, a.items, {});
  if (op == "Greater" && goes_on(b, a)) return RoleOf(Role::kGoesOn, b.items, {});
  const bool both =
      a.kind == Kind::kRole && b.kind == Kind::kRole && a.role == Role::kGoesOn && b.role == Role::kGoesOn;
  if (op == "LogicalAnd" && both && a.items == b.items) return a;
  return call.Refuse(kRoleAsValue);
}

bool HasSizes(const OpCall& call) {
  return std::any_of(call.inputs().begin(), call.inputs().end(),
                     [](const Value* input) { return input->kind == Kind::kSizes; });
}

}  // namespace

Values Elementwise(OpCall& call) {
  if (HasSizes(call)) return {call.Refuse("combines the number of rows, or what depends on all rows, with values")};
  return {Broadcast(call, call.inputs())};
}

Values FirstElementwise(OpCall& call) {
  if (!call.UniformFrom(1)) return {call.Refuse("takes a parameter that depends on rows")};
  return {Broadcast(call, call.inputs().first(std::min<size_t>(1, call.count())))};
}

Values Add(OpCall& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (a.kind == Kind::kRole || b.kind == Kind::kRole) {
    if (a.role != Role::kCurrent || call.ConstantAt(1) != 1) return {call.Refuse(kRoleAsValue)};
    return {RoleOf(Role::kNext, a.items, {})};
  }
  return Arithmetic(call, [](const Size& a, const Size& b) { return a + b; });
}

Values Subtract(OpCall& call) {
  const Value &a = call.in(0), &b = call.in(1);
  if (a.role == Role::kEnds && b.role == Role::kStarts && a.items == b.items) {
    Value lengths = RowsOf(0, {a.items.owner}, {Size::Const(0)});
    lengths.role = Role::kLengths;
    lengths.items = a.items;
    return {lengths};
  }
  if (a.kind == Kind::kRole || b.kind == Kind::kRole) return {call.Refuse(kRoleAsValue)};
  return Arithmetic(call, [](const Size& a, const Size& b) { return a - b; });
}

Values Multiply(OpCall& call) {
  return Arithmetic(call, [](const Size& a, const Size& b) { return a * b; });
}

Values Quotient(OpCall& call) { return Arithmetic(call, DivideSizes); }
Values FloorDivide(OpCall& call) { return Arithmetic(call, FloorDivideSizes); }
Values Modulo(OpCall& call) { return Arithmetic(call, ModuloSizes); }
Values Maximum(OpCall& call) { return Arithmetic(call, Max); }
Values Minimum(OpCall& call) { return Arithmetic(call, Min); }

Values Negate(OpCall& call) {
  const Value& x = call.in(0);
  if (!x.has_ints) return Elementwise(call);
  std::vector<Size> ints;
  for (const Size& size : x.ints) ints.push_back(WithinInt32(Size::Const(-1) * size));
  return {IntsOf(x.dims, std::move(ints))};
}

namespace {
// What does not fit may be one "unequal" for all.
bool MayBeScalar(const OpCall& call) {
  return !call.node().Bool("incompatible_shape_error", true) && !call.AllUniform();
}
}  // namespace

Values IsEqual(OpCall& call) {
  if (MayBeScalar(call)) return {call.Refuse("gives one answer for all rows if shapes do not fit")};
  return Arithmetic(call, EqualSizes);
}

Values IsUnequal(OpCall& call) {
  if (MayBeScalar(call)) return {call.Refuse("gives one answer for all rows if shapes do not fit")};
  return Arithmetic(call, UnequalSizes);
}

Values Compare(OpCall& call) {
  if (call.in(0).kind == Kind::kRole || call.in(1).kind == Kind::kRole) return {CompareRoles(call)};
  if (!HasSizes(call)) {
    Value value = Broadcast(call, call.inputs());
    return {std::move(value)};
  }
  if (call.count() == 2) return Arithmetic(call, Mix);
  const Value& x = call.in(0);
  return {IntsOf(x.dims, std::vector<Size>(x.ints.size(), Size::Tainted()))};
}

// Integers stay what they are if they stay integers of 32 bits or more.
Values CastType(OpCall& call) {
  constexpr int64_t kInt32 = 3, kInt64 = 9, kBool = 10;
  const Value& x = call.in(0);
  const int64_t from = call.node().Type("SrcT"), to = call.node().Type("DstT");
  const bool is_size = (from == kInt32 || from == kInt64 || from == kBool) && (to == kInt32 || to == kInt64);
  if (is_size && (x.has_ints || x.kind == Kind::kRole)) {
    Value value = x;
    // A cast to 32 bits may wrap around.
    for (Size& size : value.ints) size = WithinInt32(size);
    return {std::move(value)};
  }
  if (x.kind == Kind::kRole) return {call.Refuse("makes values of numbers or places of rows")};
  if (x.kind == Kind::kSizes)
    return {call.Refuse("makes a value of the number of rows, or of what depends on all rows")};
  Value value = Broadcast(call, call.inputs());
  if (is_size && x.role == Role::kLengths) {
    value.role = x.role;
    value.items = x.items;
  }
  return {std::move(value)};
}

Values SelectByRow(OpCall& call) {
  const Value& condition = call.in(0);
  const Value* const branches[] = {&call.in(1), &call.in(2)};
  if (!condition.has_rank) return {call.Refuse("chooses by a condition of unknown rank")};
  Value chosen = Broadcast(call, branches);
  if (condition.IsScalar() && condition.IsUniform()) return {chosen};
  if (!chosen.has_rank || call.in(1).rank() != call.in(2).rank())
    return {chosen.kind == Kind::kUnknown ? chosen : call.Refuse("chooses between tensors of unknown rank")};
  // A vector chooses among slices along the first axis; what has the same rank, among elements.
  if (condition.rank() == chosen.rank()) return {Broadcast(call, call.inputs())};
  Value by_slice = condition;
  if (condition.rank() != 1) return {call.Refuse("chooses by a condition of another rank")};
  by_slice.has_ints = false;
  by_slice.ints.clear();
  by_slice.dims.resize(chosen.rank(), Size::Const(1));
  const Value* const all[] = {&by_slice, branches[0], branches[1]};
  return {Broadcast(call, all)};
}

Values Select(OpCall& call) {
  if (!HasSizes(call)) return Elementwise(call);
  const Value &condition = call.in(0), &a = call.in(1), &b = call.in(2);
  const auto left = ElementsOf(a), right = ElementsOf(b);
  if (!left || !right || a.dims != b.dims || !condition.IsScalar()) return Elementwise(call);
  const bool is_free = condition.IsUniform();
  std::vector<Size> ints;
  for (size_t i = 0; i < left->size(); i++) {
    const Size joined = Join((*left)[i], (*right)[i]);
    ints.push_back(is_free || joined.IsMonomial() ? joined : Size::Tainted());
  }
  return {IntsOf(a.dims, std::move(ints))};
}

Values Pass(OpCall& call) {
  Values values;
  for (const Value* input : call.inputs()) values.push_back(*input);
  return values;
}

Values PassFirst(OpCall& call) { return {call.in(0)}; }

// An image of unknown height and width.
Values DecodeImage(OpCall& call) {
  if (!call.AllUniform()) return {call.Refuse("decodes several images")};
  const int64_t channels = call.node().Int("channels", 0);
  // Animations have one dimension more.
  if (call.node().op == "DecodeImage" && call.node().Bool("expand_animations", true)) return {UniformValue()};
  return {UniformOf({Size::Uniform(), Size::Uniform(), channels > 0 ? Size::Const(channels) : Size::Uniform()})};
}

// Elements may become several, or several one: another dimension at the end then.
Values Bitcast(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsUniform()) return {UniformValue()};
  return {call.Refuse("reinterprets rows")};
}

Values Uniform(OpCall& call) {
  if (!call.AllUniform()) return {call.Refuse("is only known not to mix rows where its inputs do not depend on them")};
  return {UniformValue()};
}

Values Constant(OpCall& call) {
  const auto constant = ReadConstant(call.node());
  if (!constant) return {UniformValue()};
  std::vector<Size> dims;
  for (const int64_t dim : constant->shape) dims.push_back(Size::Const(dim));
  Value value = UniformOf(std::move(dims));
  if (constant->has_values && value.rank() <= 2) {
    std::vector<Size> ints;
    for (const int64_t each : constant->values) ints.push_back(Size::Const(each));
    value = IntsOf(value.dims, std::move(ints));
  }
  value.is_zero = constant->is_zero;
  return {std::move(value)};
}

// A variable's handle, or the variable of TF1, which is its own value. Shapes are those that the graph declares:
// TensorFlow itself infers and folds by them.
Values Variable(OpCall& call) {
  Value content = UniformValue();
  if (const Shape shape = ShapeOf(call.node(), "shape")) {
    content.has_rank = true;
    for (const int64_t dim : *shape) content.dims.push_back(dim < 0 ? Size::Uniform() : Size::Const(dim));
  }
  if (call.node().op != "VarHandleOp") return {content};
  Value handle = UniformOf({});
  handle.element = std::make_shared<Value>(std::move(content));
  return {handle};
}

Values ReadVariable(OpCall& call) {
  const Value& handle = call.in(0);
  if (!handle.IsUniform()) return {call.Refuse("reads a variable that depends on rows")};
  return {handle.element ? *handle.element : UniformValue()};
}

Values Nothing(OpCall&) { return {}; }

Values Random(OpCall& call) { return {call.Refuse("draws random numbers")}; }
Values Unfed(OpCall& call) { return {call.Refuse("is not an input of the signature")}; }

}  // namespace tensorgate::rows
