#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

Size ProductOf(std::span<const Size> sizes) {
  Size product = Size::Const(1);
  for (const Size& size : sizes) product = product * size;
  return product;
}

// A shape that a tensor of integers gives: its elements.
std::optional<std::vector<Size>> ShapeAt(const OpCall& call, size_t place) {
  const Value& shape = call.in(place);
  if (!shape.has_ints || shape.rank() > 1) return std::nullopt;
  return shape.ints;
}

// How rows that lie so in memory lie in another shape. In memory the element of item `b` are those at
// (o · items + b) · after + i, for o < before and i < after; in the new shape the items must be along one axis.
struct Layout {
  RowAxis rows;
  int32_t axis;
};

struct Flat {
  Size before, after;
};

std::optional<Layout> FindLayout(const Flat& flat, SpaceId space, std::span<const Size> shape,
                                 std::optional<int32_t> inferred) {
  // The axis whose dimension has the items' number as a factor; else the one that is inferred.
  std::optional<int32_t> axis;
  for (size_t i = 0; i < shape.size(); i++) {
    if (inferred == static_cast<int32_t>(i) || shape[i].IsUniform()) continue;
    if (axis || !shape[i].IsPureExtent() || shape[i].extent() != space) return std::nullopt;
    axis = static_cast<int32_t>(i);
  }
  const bool is_inferred = !axis;
  if (!axis) axis = inferred;
  if (!axis) return std::nullopt;
  const bool inferred_before = inferred && *inferred < *axis, inferred_after = inferred && *inferred > *axis;
  std::optional<Size> outer, inner;
  if (!inferred_before) outer = Divide(flat.before, ProductOf(shape.first(*axis)));
  if (!inferred_after) inner = Divide(flat.after, ProductOf(shape.subspan(*axis + 1)));
  if (!is_inferred) {
    // The dimension is given, so that one side tells the other: the number of elements is the same.
    const Size& dim = shape[*axis];
    if (!outer && inner) outer = Divide(dim, Size::Extent(space) * *inner);
    if (!inner && outer) inner = Divide(dim, Size::Extent(space) * *outer);
    if (!outer || !inner || *outer * Size::Extent(space) * *inner != dim) return std::nullopt;
  }
  if (!outer || !inner || !outer->IsUniform() || !inner->IsUniform()) return std::nullopt;
  return Layout{{space, *outer, *inner}, *axis};
}

// What the inferred dimension is, or an unknown one.
Size InferDim(const Size& elements, std::span<const Size> shape, int32_t inferred) {
  Size others = Size::Const(1);
  for (size_t i = 0; i < shape.size(); i++)
    if (inferred != static_cast<int32_t>(i)) others = others * shape[i];
  const auto dim = Divide(elements, others);
  return dim && dim->IsUniform() ? *dim : Size::Uniform();
}

Values ReshapeRows(OpCall& call, std::vector<Size> shape, std::optional<int32_t> inferred) {
  const Value& x = call.in(0);
  const std::span<const Size> dims(x.dims);
  const Flat flat{ProductOf(dims.first(x.axis)) * x.rows.outer, x.rows.inner * ProductOf(dims.subspan(x.axis + 1))};
  const auto layout = FindLayout(flat, x.rows.space, shape, inferred);
  if (!layout) return {call.Refuse("reshapes so that rows are not known to stay apart")};
  if (inferred && *inferred != layout->axis) shape[*inferred] = InferDim(ProductOf(x.dims), shape, *inferred);
  Value value = RowsOf(layout->axis, layout->rows, std::move(shape));
  if (x.role == Role::kLengths && value.rank() == 1 && layout->rows.IsPlain()) {
    value.role = x.role;
    value.items = x.items;
  }
  return {std::move(value)};
}

Values ReshapeUniform(OpCall& call, std::vector<Size> shape, std::optional<int32_t> inferred) {
  const Value& x = call.in(0);
  for (const Size& size : shape)
    if (!size.IsUniform()) return {call.Refuse("gives a tensor that does not depend on rows a shape that does")};
  if (inferred) shape[*inferred] = x.has_rank ? InferDim(ProductOf(x.dims), shape, *inferred) : Size::Uniform();
  Value value = UniformOf(std::move(shape));
  const Size count = ProductOf(value.dims);
  if (x.has_ints && count.IsConst(static_cast<int64_t>(x.ints.size()))) return {IntsOf(value.dims, x.ints)};
  return {std::move(value)};
}

// A few integers, and roles, are only looked at as vectors and scalars.
Values ReshapeSizes(OpCall& call, std::vector<Size> shape, std::optional<int32_t> inferred) {
  const Value& x = call.in(0);
  if (x.kind == Kind::kRole) {
    const bool is_column = x.role == Role::kIndices && x.dims[1].IsConst(1) && shape.size() == 1;
    if (is_column && (inferred || shape[0] == x.dims[0])) return {RoleOf(Role::kOwners, x.items, {x.dims[0]})};
    const bool same = shape.size() == 1 && x.rank() == 1 && (inferred || shape[0] == x.dims[0]);
    return {same ? x : call.Refuse("reshapes numbers or places of rows")};
  }
  if (inferred) shape[*inferred] = InferDim(ProductOf(x.dims), shape, *inferred);
  const Size count = ProductOf(shape);
  if (shape.size() > 1 || !count.IsConst(static_cast<int64_t>(x.ints.size())))
    return {call.Refuse("reshapes what depends on the number of rows")};
  return {IntsOf(std::move(shape), x.ints)};
}

// Axes that are dropped, of a value with rank.
Value Without(const Value& x, std::span<const int32_t> axes) {
  Value value = x;
  value.dims.clear();
  for (int32_t i = 0; i < x.rank(); i++)
    if (std::find(axes.begin(), axes.end(), i) == axes.end()) value.dims.push_back(x.dims[i]);
  if (x.IsRows())
    value.axis -=
        static_cast<int32_t>(std::count_if(axes.begin(), axes.end(), [&](int32_t axis) { return axis < x.axis; }));
  return value;
}

}  // namespace

Values ShapeVector(OpCall& call) {
  Values values;
  for (const Value* input : call.inputs()) {
    if (!input->has_rank) {
      values.push_back(UniformValue());
      if (!input->IsUniform()) values.back() = call.Refuse("asks for the shape of a tensor whose rank is not known");
      continue;
    }
    values.push_back(IntsOf({Size::Const(input->rank())}, input->dims));
  }
  return values;
}

Values Rank(OpCall& call) {
  const Value& x = call.in(0);
  if (x.has_rank) return {IntsOf({}, {Size::Const(x.rank())})};
  return {x.IsUniform() ? UniformOf({}) : call.Refuse("asks for a rank that is not known")};
}

Values CountElements(OpCall& call) {
  const Value& x = call.in(0);
  if (x.has_rank) return {IntsOf({}, {ProductOf(x.dims)})};
  return {x.IsUniform() ? UniformOf({}) : call.Refuse("counts elements of a tensor whose rank is not known")};
}

Values Reshape(OpCall& call) {
  const Value& x = call.in(0);
  const auto given = ShapeAt(call, 1);
  if (!given) {
    if (call.AllUniform()) return {UniformValue()};
    return {call.Refuse("reshapes to a shape that is not known")};
  }
  std::vector<Size> shape = *given;
  std::optional<int32_t> inferred;
  for (size_t i = 0; i < shape.size(); i++) {
    if (shape[i].IsConst(-1)) {
      if (inferred) return {call.Refuse("infers two dimensions")};
      inferred = static_cast<int32_t>(i);
    } else if (shape[i].kind() == Size::Kind::kTainted || shape[i].kind() == Size::Kind::kAtLeast) {
      return {call.Refuse("reshapes to a shape that depends on all rows, as the longest of them does")};
    } else if (!shape[i].IsNonNegative()) {
      // It may be -1, and then be inferred.
      if (call.AllUniform()) return {UniformOf(std::vector<Size>(shape.size(), Size::Uniform()))};
      return {call.Refuse("reshapes to a shape with a dimension that may be any number")};
    }
  }
  if (x.IsRows()) return ReshapeRows(call, std::move(shape), inferred);
  if (x.IsUniform()) return ReshapeUniform(call, std::move(shape), inferred);
  return ReshapeSizes(call, std::move(shape), inferred);
}

Values Squeeze(OpCall& call) {
  const Value& x = call.in(0);
  const std::vector<int64_t> given = call.node().Ints("squeeze_dims");
  if (x.IsUniform() && (!x.has_rank || given.empty())) {
    Value value = UniformValue();
    if (x.has_ints && x.ints.size() == 1) value = IntsOf({}, x.ints);
    return {value};
  }
  if (given.empty()) return {call.Refuse("drops every dimension that is 1, which the batch axis is for a single row")};
  std::vector<int32_t> axes;
  for (const int64_t each : given) {
    const auto axis = OpCall::Axis(each, x.rank());
    if (!axis) return {call.Refuse("drops an axis that its input does not have")};
    if (x.IsRows() && *axis == x.axis) return {call.Refuse("drops the batch axis")};
    if (std::find(axes.begin(), axes.end(), *axis) == axes.end()) axes.push_back(*axis);
  }
  if (x.kind == Kind::kRole) {
    const bool is_column =
        x.role == Role::kIndices && x.rank() == 2 && x.dims[1].IsConst(1) && axes == std::vector<int32_t>{1};
    return {is_column ? RoleOf(Role::kOwners, x.items, {x.dims[0]})
                      : call.Refuse("reshapes numbers or places of rows")};
  }
  return {Without(x, axes)};
}

Values ExpandDims(OpCall& call) {
  const Value& x = call.in(0);
  if (!x.has_rank) return {x.IsUniform() ? UniformValue() : call.Refuse("adds an axis to a tensor of unknown rank")};
  const auto constant = call.ConstantAt(1);
  const auto axis = constant ? OpCall::Axis(*constant, x.rank() + 1) : std::nullopt;
  if (!axis)
    return {x.IsUniform() && call.AllUniform() ? UniformValue()
                                               : call.Refuse("adds an axis at a place that is not known")};
  Value value = x;
  value.role = Role::kNone;
  value.items = {};
  value.dims.insert(value.dims.begin() + *axis, Size::Const(1));
  if (x.IsRows() && *axis <= x.axis) value.axis++;
  if (value.rank() > 2) {
    value.has_ints = false;
    value.ints.clear();
  }
  if (x.kind == Kind::kSizes && value.rank() > 1) return {call.Refuse("reshapes what depends on the number of rows")};
  return {std::move(value)};
}

Values Transpose(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsUniform() && !x.has_rank) return {UniformValue()};
  const auto permutation = call.ConstantsAt(1);
  if (!permutation || static_cast<int32_t>(permutation->size()) != x.rank())
    return {call.AllUniform() ? UniformValue() : call.Refuse("swaps axes in an order that is not known")};
  Value value = x.IsRows() ? x : UniformOf(x.dims);
  value.role = Role::kNone;
  value.items = {};
  std::vector<bool> seen(x.rank());
  for (int32_t i = 0; i < x.rank(); i++) {
    const auto from = OpCall::Axis((*permutation)[i], x.rank());
    if (!from || seen[*from]) return {call.Refuse("swaps axes in an order that is none")};
    seen[*from] = true;
    value.dims[i] = x.dims[*from];
    if (x.IsRows() && *from == x.axis) value.axis = i;
  }
  return {std::move(value)};
}

// A tensor of one value, or of a uniform block repeated: rows, if one of its dimensions is made of the number of items.
namespace {
Value ConstantRows(OpCall& call, std::vector<Size> shape) {
  std::optional<int32_t> axis;
  for (size_t i = 0; i < shape.size(); i++) {
    if (shape[i].IsUniform()) continue;
    if (axis || !shape[i].IsPureExtent())
      return call.Refuse("makes a shape of what depends on all rows, as the longest of them does");
    axis = static_cast<int32_t>(i);
  }
  for (Size& size : shape)
    if (!size.IsNonNegative()) size = size.IsUniform() ? Size::Uniform() : size;
  if (!axis) return UniformOf(std::move(shape));
  const SpaceId space = shape[*axis].extent();
  const auto inner = Divide(shape[*axis], Size::Extent(space));
  if (!inner) return call.Refuse("makes a shape of what depends on all rows");
  return RowsOf(*axis, {space, Size::Const(1), *inner}, std::move(shape));
}
}  // namespace

Values Fill(OpCall& call) {
  if (!call.in(1).IsUniform()) return {call.Refuse("fills a tensor with what depends on rows, or on their number")};
  const auto shape = ShapeAt(call, 0);
  if (!shape) return {call.AllUniform() ? UniformValue() : call.Refuse("fills a tensor whose shape is not known")};
  if (call.in(1).has_ints && shape->size() <= 1 && call.in(1).ints.size() == 1) {
    const Size count = ProductOf(*shape);
    if (count.IsConst() && count.value() >= 0 && count.value() <= 64)
      return {IntsOf(*shape, std::vector<Size>(count.value(), call.in(1).ints[0]))};
  }
  return {ConstantRows(call, *shape)};
}

Values Like(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsRows() || x.IsUniform()) return {Broadcast(call, call.inputs())};
  if (x.kind == Kind::kSizes) return {UniformOf(x.dims)};
  return {ConstantRows(call, x.dims)};
}

Values Range(OpCall& call) {
  const Value &start = call.in(0), &limit = call.in(1), &delta = call.in(2);
  const bool counts = call.ConstantAt(0) == 0 && call.ConstantAt(2) == 1 && limit.has_ints && limit.ints.size() == 1;
  if (counts && limit.ints[0].IsMonomial() && limit.ints[0].extent() != kNoSpace) {
    const SpaceId space = limit.ints[0].extent();
    if (limit.ints[0].IsJust(space)) return {RoleOf(Role::kNumbers, {space, space}, {limit.ints[0]})};
  }
  if (!call.AllUniform()) return {call.Refuse("counts rows, or up to what depends on all rows")};
  if (counts && limit.ints[0].IsNonNegative()) return {UniformOf({limit.ints[0]})};
  if (start.HasConstants() && limit.HasConstants() && delta.HasConstants() && start.ints.size() == 1 &&
      limit.ints.size() == 1 && delta.ints.size() == 1) {
    const int64_t from = start.ints[0].value(), to = limit.ints[0].value(), step = delta.ints[0].value();
    if (step == 1 && from <= to && from > -1'000'000 && to < 1'000'000'000) {
      if (to - from > 64) return {UniformOf({Size::Const(to - from)})};
      std::vector<Size> ints;
      for (int64_t i = from; i < to; i++) ints.push_back(Size::Const(i));
      return {IntsOf({Size::Const(to - from)}, std::move(ints))};
    }
  }
  return {UniformOf({Size::Uniform()})};
}

Values Tile(OpCall& call) {
  const Value& x = call.in(0);
  const auto multiples = ShapeAt(call, 1);
  if (!x.has_rank || !multiples || static_cast<int32_t>(multiples->size()) != x.rank())
    return {call.AllUniform() ? UniformValue() : call.Refuse("repeats a number of times that is not known")};
  std::vector<Size> shape(x.rank(), Size::Const(1));
  for (int32_t i = 0; i < x.rank(); i++) {
    if (x.IsRows() && i == x.axis && !(*multiples)[i].IsConst(1))
      return {call.Refuse("repeats the batch along its axis")};
    if (x.IsRows() && i != x.axis && !(*multiples)[i].IsUniform())
      return {call.Refuse("repeats rows as often as there are rows")};
    shape[i] = (*multiples)[i] * x.dims[i];
  }
  if (x.IsRows()) return {RowsOf(x.axis, x.rows, std::move(shape))};
  return {ConstantRows(call, std::move(shape))};
}

Values BroadcastTo(OpCall& call) {
  const Value& x = call.in(0);
  const auto shape = ShapeAt(call, 1);
  if (!x.has_rank || !shape || x.rank() > static_cast<int32_t>(shape->size()))
    return {call.AllUniform() ? UniformValue() : call.Refuse("repeats up to a shape that is not known")};
  const int32_t shift = static_cast<int32_t>(shape->size()) - x.rank();
  if (x.IsRows()) {
    if ((*shape)[shift + x.axis] != x.dims[x.axis]) return {call.Refuse("repeats the batch along its axis")};
    for (size_t i = 0; i < shape->size(); i++)
      if (static_cast<int32_t>(i) != shift + x.axis && !(*shape)[i].IsUniform())
        return {call.Refuse("repeats rows as often as there are rows")};
    std::vector<Size> dims = *shape;
    for (Size& size : dims)
      if (size.IsUniform() && !size.IsNonNegative()) size = Size::Uniform();
    Value value = RowsOf(shift + x.axis, x.rows, std::move(dims));
    if (x.role == Role::kLengths && value.rank() == 1) {
      value.role = x.role;
      value.items = x.items;
    }
    return {std::move(value)};
  }
  for (int32_t i = 0; i < x.rank(); i++)
    if (!(*shape)[shift + i].IsUniform() && !x.dims[i].IsConst(1))
      return {call.Refuse("repeats a tensor up to the number of rows, which its own dimension may be")};
  return {ConstantRows(call, *shape)};
}

Values BroadcastShapes(OpCall& call) {
  const auto a = ShapeAt(call, 0), b = ShapeAt(call, 1);
  if (!a || !b) return {call.AllUniform() ? UniformValue() : call.Refuse("combines shapes that are not known")};
  const std::vector<Size>&longer = a->size() < b->size() ? *b : *a, &shorter = a->size() < b->size() ? *a : *b;
  std::vector<Size> shape = longer;
  for (size_t i = 0; i < shorter.size(); i++) {
    Size& size = shape[longer.size() - shorter.size() + i];
    size = BroadcastDim(size, shorter[i]);
  }
  return {IntsOf({Size::Const(static_cast<int64_t>(shape.size()))}, std::move(shape))};
}

// Holds, or fails: so dimensions that were not known become known.
Values EnsureShape(OpCall& call) {
  Value value = call.in(0);
  const Shape shape = ShapeOf(call.node(), "shape");
  if (!shape || !value.has_rank || (!value.IsRows() && !value.IsUniform()) || value.dims.size() != shape->size())
    return {value};
  for (int32_t i = 0; i < value.rank(); i++) {
    if ((*shape)[i] < 0) continue;
    if (value.IsRows() && i == value.axis) return {call.Refuse("asks for a certain number of rows")};
    value.dims[i] = Size::Const((*shape)[i]);
  }
  return {std::move(value)};
}

}  // namespace tensorgate::rows
