#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

constexpr char kOthers[] = "combines what belongs to different rows";
constexpr char kLongest[] = "fills up to the longest row of the batch";

// A plain vector, or what has one as its first axis: one thing for each item of a space.
bool IsListOf(const Value& x, const Items& items) {
  return x.IsRows() && x.axis == 0 && x.rows.IsPlain() && x.rows.space == items.space;
}
bool IsVectorOfRows(const Value& x) { return x.IsRows() && x.rank() == 1 && x.rows.IsPlain(); }

// [owners, …]: one thing for each row.
Value PerOwner(const Items& items, std::vector<Size> inner) {
  inner.insert(inner.begin(), Size::Const(0));
  return RowsOf(0, {items.owner}, std::move(inner));
}

Value ListOf(const Items& items) { return RowsOf(0, {items.space}, {Size::Const(0)}); }
Value IndicesOf(const Items& items) {
  return RoleOf(Role::kIndices, items, {Size::Extent(items.space), Size::Const(2)});
}
Value SplitsOf(const Items& items) {
  return RoleOf(Role::kSplits, items, {Size::Extent(items.owner) + Size::Const(1)});
}
// [owners, the longest]
Value SparseShapeOf(const Items& items) {
  return IntsOf({Size::Const(2)}, {Size::Extent(items.owner), Size::Tainted()});
}

// Whether the first of those sizes is the number of what a space's items belong to.
bool BeginsWithOwners(const Value& shape, const Items& items) {
  return shape.has_ints && !shape.ints.empty() && shape.ints[0].IsJust(items.owner);
}

bool IsPairs(const Value& indices) {
  return indices.role == Role::kIndices && indices.kind == Kind::kRole && indices.dims[1].IsConst(2);
}

// Weights that are none, or one for each of a list.
bool FitsWeights(const Value& weights, const Value& list) {
  const auto is_zero = [](const Size& dim) { return dim.IsConst(0); };
  if (weights.IsUniform()) return weights.has_rank && std::any_of(weights.dims.begin(), weights.dims.end(), is_zero);
  return weights.IsRows() && weights.axis == list.axis && weights.rows == list.rows && weights.rank() == list.rank();
}

Size CountAt(const OpCall& call, size_t place) {
  const Value& count = call.in(place);
  const bool is_known = count.has_ints && count.ints.size() == 1 && count.ints[0].IsNonNegative();
  return is_known && count.ints[0].IsUniform() ? count.ints[0] : Size::Uniform();
}

}  // namespace

// Words of each string: indices, values, shape.
Values StringSplit(OpCall& call) {
  const Value& x = call.in(0);
  if (call.AllUniform()) return {UniformValue()};
  if (!IsVectorOfRows(x) || !call.UniformFrom(1)) return {call.Refuse("splits what is no vector of rows")};
  const Items words = call.NewItems(x.rows.space);
  return {IndicesOf(words), ListOf(words), SparseShapeOf(words)};
}

Values UnicodeDecode(OpCall& call) {
  const Value& x = call.in(0);
  if (call.AllUniform()) return {UniformValue()};
  if (!IsVectorOfRows(x)) return {call.Refuse("decodes what is no vector of rows")};
  const Items characters = call.NewItems(x.rows.space);
  return {SplitsOf(characters), ListOf(characters)};
}

Values UnicodeDecodeWithOffsets(OpCall& call) {
  Values values = UnicodeDecode(call);
  if (values.size() == 2) values.push_back(values[1]);
  return values;
}

Values StringNGrams(OpCall& call) {
  const Value &data = call.in(0), &splits = call.in(1);
  if (call.AllUniform()) return {UniformValue()};
  if (splits.role != Role::kSplits || !IsListOf(data, splits.items) || data.rank() != 1) return {call.Refuse(kOthers)};
  const Items grams = call.NewItems(splits.items.owner);
  return {ListOf(grams), SplitsOf(grams)};
}

// All strings of a run must be of one length, or it fails: so the length is the same for all rows.
Values DecodeRaw(OpCall& call) {
  const Value& x = call.in(0);
  if (!x.has_rank) return {UniformValue()};
  Value value = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  value.dims.push_back(Size::Uniform());
  return {std::move(value)};
}

Values DenseBincount(OpCall& call) {
  const Value &x = call.in(0), &count = call.in(1), &weights = call.in(2);
  const bool is_binary = call.node().Bool("binary_output", false);
  if (x.role == Role::kOwners && x.kind == Kind::kRole) {
    // How many items each row has.
    const bool fits = count.has_ints && count.ints.size() == 1 && count.ints[0].IsJust(x.items.owner) && !is_binary &&
                      weights.IsUniform() && FitsWeights(weights, x);
    if (!fits) return {call.Refuse("counts numbers of rows")};
    Value lengths = PerOwner(x.items, {});
    lengths.role = Role::kLengths;
    lengths.items = x.items;
    return {lengths};
  }
  if (call.AllUniform()) return {UniformValue()};
  // The older Bincount counts all of them whatever the rank is.
  const bool by_row = call.node().op == "DenseBincount" && x.IsRows() && x.rank() == 2 && x.axis == 0;
  if (!by_row) return {call.Refuse("counts values of all rows together")};
  if (!count.IsUniform() || !FitsWeights(weights, x)) return {call.Refuse(kOthers)};
  return {RowsOf(0, x.rows, {x.dims[0], CountAt(call, 1)})};
}

Values RaggedBincount(OpCall& call) {
  const Value &splits = call.in(0), &x = call.in(1), &count = call.in(2), &weights = call.in(3);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = splits.role == Role::kSplits && splits.kind == Kind::kRole && IsListOf(x, splits.items) &&
                    x.rank() == 1 && count.IsUniform() && FitsWeights(weights, x);
  if (!fits) return {call.Refuse(kOthers)};
  return {PerOwner(splits.items, {CountAt(call, 2)})};
}

Values SparseBincount(OpCall& call) {
  const Value &indices = call.in(0), &x = call.in(1), &shape = call.in(2), &count = call.in(3), &weights = call.in(4);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = IsPairs(indices) && IsListOf(x, indices.items) && x.rank() == 1 && shape.ints.size() == 2 &&
                    BeginsWithOwners(shape, indices.items) && count.IsUniform() && FitsWeights(weights, x);
  if (!fits) return {call.Refuse(kOthers)};
  return {PerOwner(indices.items, {CountAt(call, 3)})};
}

namespace {

// The space of what partition tensors describe, if they are one level of splits, or of owners with their number.
std::optional<Items> PartitionedBy(OpCall& call, size_t first) {
  const std::vector<std::string_view> types = call.node().Texts("row_partition_types");
  if (types.size() + first != call.count()) return std::nullopt;
  if (types == std::vector<std::string_view>{"ROW_SPLITS"}) {
    const Value& splits = call.in(first);
    return splits.kind == Kind::kRole && splits.role == Role::kSplits ? std::optional(splits.items) : std::nullopt;
  }
  if (types != std::vector<std::string_view>{"FIRST_DIM_SIZE", "VALUE_ROWIDS"}) return std::nullopt;
  const Value &count = call.in(first), &owners = call.in(first + 1);
  const bool fits = owners.kind == Kind::kRole && owners.role == Role::kOwners && count.ints.size() == 1 &&
                    BeginsWithOwners(count, owners.items);
  return fits ? std::optional(owners.items) : std::nullopt;
}

}  // namespace

Values RaggedToTensor(OpCall& call) {
  const Value &shape = call.in(0), &x = call.in(1), &otherwise = call.in(2);
  if (call.AllUniform()) return {UniformValue()};
  const auto items = PartitionedBy(call, 3);
  if (!items || !IsListOf(x, *items) || !otherwise.IsUniform()) return {call.Refuse(kOthers)};
  if (!shape.has_ints || static_cast<int32_t>(shape.ints.size()) != x.rank() + 1) return {call.Refuse(kLongest)};
  const bool has_all_rows = shape.ints[0].IsConst(-1) || shape.ints[0].IsJust(items->owner);
  if (!has_all_rows) return {call.Refuse("cuts off rows beyond a number")};
  if (!shape.ints[1].IsNonNegative() || !shape.ints[1].IsUniform()) return {call.Refuse(kLongest)};
  std::vector<Size> inner{shape.ints[1]};
  for (int32_t i = 1; i < x.rank(); i++) {
    const Size& given = shape.ints[i + 1];
    if (!given.IsUniform()) return {call.Refuse(kLongest)};
    inner.push_back(given.IsConst(-1) ? x.dims[i] : given.IsNonNegative() ? given : Size::Uniform());
  }
  return {PerOwner(*items, std::move(inner))};
}

Values RaggedToSparse(OpCall& call) {
  const Value &splits = call.in(0), &x = call.in(1);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = call.count() == 2 && splits.kind == Kind::kRole && splits.role == Role::kSplits &&
                    IsListOf(x, splits.items) && x.rank() == 1;
  if (!fits) return {call.Refuse(kOthers)};
  return {IndicesOf(splits.items), x, SparseShapeOf(splits.items)};
}

Values SparseToDense(OpCall& call) {
  const Value &indices = call.in(0), &shape = call.in(1), &x = call.in(2), &otherwise = call.in(3);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = indices.kind == Kind::kRole && indices.role == Role::kIndices &&
                    BeginsWithOwners(shape, indices.items) &&
                    indices.dims[1].IsConst(static_cast<int64_t>(shape.ints.size())) && otherwise.IsUniform() &&
                    ((IsListOf(x, indices.items) && x.rank() == 1) || (x.IsUniform() && x.IsScalar()));
  if (!fits) return {call.Refuse(kOthers)};
  std::vector<Size> inner(shape.ints.begin() + 1, shape.ints.end());
  if (inner.size() == 1 && !inner[0].IsUniform() && otherwise.HasConstants() && otherwise.IsScalar()) {
    // As long as the longest row: good for what takes no notice of the filling.
    Value padded = RoleOf(Role::kPadded, indices.items, {Size::Extent(indices.items.owner), Size::Tainted()});
    padded.element = std::make_shared<Value>(otherwise);
    padded.cause = call.Cause(kLongest);
    return {padded};
  }
  for (Size& size : inner) {
    if (!size.IsUniform()) return {call.Refuse(kLongest)};
    if (!size.IsNonNegative()) size = Size::Uniform();
  }
  return {PerOwner(indices.items, std::move(inner))};
}

// Of two dimensions to two, where the number of rows stays: then the other one does, too.
Values SparseReshape(OpCall& call) {
  const Value &indices = call.in(0), &shape = call.in(1), &wanted = call.in(2);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = IsPairs(indices) && shape.ints.size() == 2 && wanted.ints.size() == 2 &&
                    BeginsWithOwners(shape, indices.items) && BeginsWithOwners(wanted, indices.items);
  if (!fits) return {call.Refuse("reshapes so that rows are not known to stay apart")};
  return {indices, shape};
}

// Indices, values, which rows were empty, and places in the gradient.
Values SparseFillEmptyRows(OpCall& call) {
  const Value &indices = call.in(0), &x = call.in(1), &shape = call.in(2), &otherwise = call.in(3);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = IsPairs(indices) && IsListOf(x, indices.items) && x.rank() == 1 && shape.ints.size() == 2 &&
                    BeginsWithOwners(shape, indices.items) && otherwise.IsUniform();
  if (!fits) return {call.Refuse(kOthers)};
  const Items filled = call.NewItemsForAll(indices.items.owner);
  return {IndicesOf(filled), ListOf(filled), PerOwner(filled, {}), call.Refuse("tells places that depend on all rows")};
}

Values SparseMatMul(OpCall& call) {
  const Value &indices = call.in(0), &x = call.in(1), &shape = call.in(2), &matrix = call.in(3);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = IsPairs(indices) && IsListOf(x, indices.items) && x.rank() == 1 && shape.ints.size() == 2 &&
                    BeginsWithOwners(shape, indices.items) && matrix.IsUniform() && matrix.has_rank &&
                    matrix.rank() == 2 && !call.node().Bool("adjoint_a", false);
  if (!fits) return {call.Refuse(kOthers)};
  return {PerOwner(indices.items, {matrix.dims[call.node().Bool("adjoint_b", false) ? 0 : 1]})};
}

// Without a number of segments there are as many as the last item says, so each row must have one.
Values SegmentReduce(OpCall& call) {
  const Value &x = call.in(0), &owners = call.in(1);
  if (call.AllUniform()) return {UniformValue()};
  if (owners.kind != Kind::kRole || owners.role != Role::kOwners || !IsListOf(x, owners.items))
    return {call.Refuse(kOthers)};
  if (!call.AllHaveSome(owners.items)) return {call.Refuse("has fewer results than rows if the last ones are empty")};
  return {PerOwner(owners.items, {x.dims.begin() + 1, x.dims.end()})};
}

Values SparseSegmentReduce(OpCall& call) {
  const Value &x = call.in(0), &places = call.in(1), &owners = call.in(2);
  if (call.AllUniform()) return {UniformValue()};
  if (owners.kind != Kind::kRole || owners.role != Role::kOwners || !x.has_rank || x.rank() < 1)
    return {call.Refuse(kOthers)};
  const bool by_distinct = places.kind == Kind::kRole && places.role == Role::kUnique &&
                           places.rows.space == owners.items.space && IsListOf(x, places.items);
  const bool by_value = x.IsUniform() && IsListOf(places, owners.items) && places.rank() == 1;
  if (!by_distinct && !by_value) return {call.Refuse(kOthers)};
  const bool is_numbered = call.count() > 3;
  if (is_numbered && !BeginsWithOwners(call.in(3), owners.items))
    return {call.Refuse("has another number of results than rows")};
  if (!is_numbered && !call.AllHaveSome(owners.items))
    return {call.Refuse("has fewer results than rows if the last ones are empty")};
  return {PerOwner(owners.items, {x.dims.begin() + 1, x.dims.end()})};
}

Values UnsortedSegmentReduce(OpCall& call) {
  const Value &x = call.in(0), &owners = call.in(1), &count = call.in(2);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = owners.kind == Kind::kRole && owners.role == Role::kOwners && IsListOf(x, owners.items) &&
                    BeginsWithOwners(count, owners.items) && count.ints.size() == 1;
  if (!fits) return {call.Refuse(kOthers)};
  return {PerOwner(owners.items, {x.dims.begin() + 1, x.dims.end()})};
}

}  // namespace tensorgate::rows
