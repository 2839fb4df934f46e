#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

// dims[:axis] + inserted + dims[axis + 1:], without the first `skipped` of what is inserted.
std::vector<Size> Replace(std::span<const Size> dims, int32_t axis, std::span<const Size> inserted,
                          int32_t skipped = 0) {
  std::vector<Size> result(dims.begin(), dims.begin() + axis);
  result.insert(result.end(), inserted.begin() + skipped, inserted.end());
  result.insert(result.end(), dims.begin() + axis + 1, dims.end());
  return result;
}

// Items of one space, each taken from what belongs to it in another: a row for each of its words, the vector of each
// distinct word for all places where it stands.
Value GatherByRole(OpCall& call, const Value& params, const Value& places, int32_t axis) {
  const bool is_plain = params.IsRows() && params.axis == axis && params.rows.IsPlain();
  if (places.role == Role::kOwners && is_plain && places.rank() == 1 && params.rows.space == places.items.owner) {
    std::vector<Size> dims = params.dims;
    return RowsOf(axis, {places.items.space}, std::move(dims));
  }
  // Some items of a list: which of them they are, or their owners, is known of them as of all.
  const bool names_owners =
      params.kind == Kind::kRole && (params.role == Role::kIndices || params.role == Role::kOwners);
  if (places.role == Role::kOwners && places.rank() == 1 && axis == 0 && names_owners &&
      params.items.space == places.items.owner) {
    std::vector<Size> dims = params.dims;
    dims[0] = places.dims[0];
    return RoleOf(params.role, {places.items.space, params.items.owner}, std::move(dims));
  }
  if (places.role == Role::kUnique && is_plain && params.rows.space == places.items.space)
    return RowsOf(axis, {places.rows.space}, params.dims);
  if (places.role == Role::kNumbers && is_plain && params.rows.space == places.items.space) return params;
  return call.Refuse("takes rows by numbers or places of others");
}

Value GatherAlong(OpCall& call, const Value& params, const Value& places, int64_t given_axis, int64_t given_batch) {
  if (places.kind == Kind::kSizes) return call.Refuse("takes elements by the number of rows");
  if (!params.has_rank || !places.has_rank) {
    if (params.IsUniform() && places.IsUniform()) return UniformValue();
    return call.Refuse("takes elements of, or by, a tensor of unknown rank");
  }
  const auto axis = OpCall::Axis(given_axis, params.rank());
  const int64_t batch = given_batch < 0 ? given_batch + places.rank() : given_batch;
  if (!axis || batch < 0 || batch > *axis || batch > places.rank())
    return call.Refuse("takes elements along an axis that its input does not have");
  if (places.kind == Kind::kRole)
    return batch == 0 ? GatherByRole(call, params, places, *axis) : call.Refuse("takes rows by numbers of others");
  if (params.kind == Kind::kRole) return call.Refuse("takes numbers or places of rows as values");
  std::vector<Size> dims = Replace(params.dims, *axis, places.dims, static_cast<int32_t>(batch));
  if (params.IsUniform() && places.IsUniform()) return UniformOf(std::move(dims));
  if (params.IsUniform()) {
    if (batch > 0) return call.Refuse("pairs rows with slices of a tensor that has none");
    return RowsOf(*axis + places.axis, places.rows, std::move(dims));
  }
  if (params.axis == *axis) return call.Refuse("takes rows by their place");
  if (places.IsUniform()) {
    if (batch > 0) return call.Refuse("pairs rows with slices of a tensor that has none");
    return RowsOf(params.axis < *axis ? params.axis : params.axis + places.rank() - 1, params.rows, std::move(dims));
  }
  if (params.axis != places.axis || params.axis >= batch || params.rows != places.rows)
    return call.Refuse("takes elements of each row by the values of other rows");
  return RowsOf(params.axis, params.rows, std::move(dims));
}

// Sizes by constant places.
std::optional<Value> GatherInts(const Value& params, const Value& places, int64_t axis, int64_t batch) {
  if (!params.has_ints || params.rank() != 1 || !places.HasConstants() || places.rank() > 1) return std::nullopt;
  if ((axis != 0 && axis != -1) || batch != 0) return std::nullopt;
  std::vector<Size> ints;
  for (const Size& place : places.ints) {
    if (place.value() < 0 || place.value() >= static_cast<int64_t>(params.ints.size())) return std::nullopt;
    ints.push_back(params.ints[place.value()]);
  }
  return IntsOf(places.dims, std::move(ints));
}

Values GatherFrom(OpCall& call, const Value& params, int64_t axis, int64_t batch) {
  const Value& places = call.in(1);
  if (auto ints = GatherInts(params, places, axis, batch)) return {std::move(*ints)};
  if (params.kind == Kind::kSizes) return {call.Refuse("takes one of several sizes, by a place that is not known")};
  return {GatherAlong(call, params, places, axis, batch)};
}

// What a list is filled up with is no class, and becomes zeros.
Value OneHotPadded(OpCall& call) {
  const Value &x = call.in(0), &depth = call.in(1);
  const bool fits = call.node().Int("axis", -1) == -1 && x.rank() == 2 && x.element->HasConstants() &&
                    x.element->ints[0].value() < 0 && call.in(3).is_zero && depth.has_ints && depth.ints.size() == 1 &&
                    depth.ints[0].IsNonNegative();
  if (!fits) return UnknownValue(x.cause);
  Value value = x;
  value.dims.push_back(depth.ints[0]);
  Value zero = UniformOf({});
  zero.is_zero = true;
  value.element = std::make_shared<Value>(std::move(zero));
  return value;
}

}  // namespace

Values Gather(OpCall& call) { return GatherFrom(call, call.in(0), 0, 0); }

Values GatherV2(OpCall& call) {
  const auto axis = call.ConstantAt(2);
  if (!axis)
    return {call.AllUniform() ? UniformValue() : call.Refuse("takes elements along an axis that is not known")};
  return GatherFrom(call, call.in(0), *axis, call.node().Int("batch_dims", 0));
}

Values ResourceGather(OpCall& call) {
  const Value& handle = call.in(0);
  if (!handle.IsUniform()) return {call.Refuse("reads a variable that depends on rows")};
  const Value content = handle.element ? *handle.element : UniformValue();
  const int64_t batch = call.node().Int("batch_dims", 0);
  if (batch < 0) return {call.Refuse("counts axes from the end of an input that is not known")};
  return GatherFrom(call, content, batch, batch);
}

// The last dimension of the places says along how many axes they go.
Values GatherNd(OpCall& call) {
  const Value &params = call.node().op == "ResourceGatherNd" && call.in(0).element ? *call.in(0).element : call.in(0),
              &places = call.in(1);
  if (places.kind == Kind::kRole) {
    // What Where says of rows, taken from the rows: their elements in a flat list.
    const bool fits = places.role == Role::kIndices && params.IsRows() && params.axis == 0 && params.rows.IsPlain() &&
                      places.items.owner == params.rows.space && places.dims[1].IsConst() &&
                      places.dims[1].value() >= 1 && places.dims[1].value() <= params.rank();
    if (!fits) return {call.Refuse("takes elements by numbers or places of other rows")};
    std::vector<Size> dims(params.dims.begin() + places.dims[1].value(), params.dims.end());
    dims.insert(dims.begin(), Size::Const(0));
    return {RowsOf(0, {places.items.space}, std::move(dims))};
  }
  if (params.IsUniform() && places.IsUniform()) return {UniformValue()};
  if (!params.IsUniform()) return {call.Refuse("takes rows by their place")};
  if (!params.has_rank || !places.dims.back().IsConst() || places.axis == places.rank() - 1)
    return {call.Refuse("takes elements by places of unknown number")};
  const int64_t depth = places.dims.back().value();
  if (depth < 0 || depth > params.rank()) return {call.Refuse("takes elements along more axes than its input has")};
  std::vector<Size> dims(places.dims.begin(), places.dims.end() - 1);
  dims.insert(dims.end(), params.dims.begin() + depth, params.dims.end());
  return {RowsOf(places.axis, places.rows, std::move(dims))};
}

// A table holds one value for each key.
Values LookUp(OpCall& call) {
  const Value &table = call.in(0), &keys = call.in(1), &otherwise = call.in(2);
  if (!table.IsUniform() || !otherwise.IsUniform())
    return {call.Refuse("looks up in, or falls back on, what depends on rows")};
  if (!otherwise.IsScalar()) {
    if (keys.IsUniform()) return {UniformValue()};
    return {call.Refuse("looks up values that are not known to be scalars")};
  }
  const Value* const operands[] = {&keys};
  return {Broadcast(call, operands)};
}

Values OneHot(OpCall& call) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("takes a depth or a value that depends on rows")};
  if (x.role == Role::kPadded && x.kind == Kind::kRole) return {OneHotPadded(call)};
  if (!x.has_rank) return {UniformValue()};
  const int64_t given = call.node().Int("axis", -1);
  const auto axis = given == -1 ? x.rank() : OpCall::Axis(given, x.rank() + 1);
  if (!axis || given < -1) return {call.Refuse("adds an axis at a place that its input does not have")};
  Value value = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  const Value& depth = call.in(1);
  const bool is_known = depth.has_ints && depth.ints.size() == 1 && depth.ints[0].IsNonNegative();
  value.dims.insert(value.dims.begin() + *axis, is_known ? depth.ints[0] : Size::Uniform());
  if (x.IsRows() && *axis <= x.axis) value.axis++;
  return {std::move(value)};
}

// Places of what is true, row by row: a flat list with as many items for a row as it has such elements.
Values Where(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsUniform()) return {x.has_rank ? UniformOf({Size::Uniform(), Size::Const(x.rank())}) : UniformValue()};
  if (x.axis != 0 || !x.rows.IsPlain())
    return {call.Refuse("lists places along other axes before those along the batch axis")};
  const Items items = call.NewItems(x.rows.space);
  return {RoleOf(Role::kIndices, items, {Size::Extent(items.space), Size::Const(x.rank())})};
}

// The distinct values, in an order that depends on all rows; as good as a table of them where each place takes its
// own.
Values Unique(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsUniform()) return {UniformValue()};
  // Not of floats: 0 and -0 are equal, and which one stands for both depends on other rows.
  constexpr int64_t kInt32 = 3, kString = 7, kInt64 = 9;
  const int64_t type = call.node().Type("T");
  const bool is_exact = type == kInt32 || type == kInt64 || type == kString;
  if (!is_exact || x.rank() != 1 || !x.rows.IsPlain()) return {call.Refuse("compares rows with each other")};
  const Items distinct = call.NewItems(kNoSpace);
  Value places = RoleOf(Role::kUnique, distinct, {x.dims[0]});
  places.rows = x.rows;
  return {RowsOf(0, {distinct.space}, {Size::Const(0)}), places};
}

}  // namespace tensorgate::rows
