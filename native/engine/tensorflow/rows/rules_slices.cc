#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

constexpr char kCuts[] = "takes some of the rows, by their place";
constexpr int64_t kMostKept = 64;  // integers that are followed one by one

bool HasBit(int64_t mask, size_t bit) { return bit < 63 && ((mask >> bit) & 1); }

// One entry of what StridedSlice is given.
struct Cut {
  Size begin = Size::Const(0), end = Size::Const(0), stride = Size::Const(1);
  bool from_start = false, to_end = false;  // the masks

  bool TakesAll(const Size& dim) const {
    return stride.IsConst(1) && (from_start || begin.IsConst(0)) && (to_end || end == dim);
  }
};

struct SliceMasks {
  int64_t begin, end, ellipsis, new_axis, shrink;
};

class Slicing {
 public:
  Slicing(OpCall& call, const SliceMasks& masks) : call_(call), x_(call.in(0)), masks_(masks) {}

  Value Run() {
    const Value &begin = call_.in(1), &end = call_.in(2), &stride = call_.in(3);
    if (!begin.has_ints || !end.has_ints || !stride.has_ints || begin.ints.size() != end.ints.size() ||
        begin.ints.size() != stride.ints.size())
      return call_.UniformFrom(0) ? UniformValue() : call_.Refuse("slices from places that are not known");
    const size_t count = begin.ints.size();
    if (!Expand(count)) return call_.Refuse("slices more axes than its input has");
    for (size_t i = 0; i < count; i++) {
      if (HasBit(masks_.ellipsis, i)) {
        KeepAll(kept_by_ellipsis_);
      } else if (HasBit(masks_.new_axis, i)) {
        out_.push_back(Size::Const(1));
      } else {
        const Cut cut{begin.ints[i], end.ints[i], stride.ints[i], HasBit(masks_.begin, i), HasBit(masks_.end, i)};
        if (!Take(cut, HasBit(masks_.shrink, i))) return Value(problem_);
      }
    }
    KeepAll(x_.rank() - next_);
    return Finish();
  }

 private:
  // How many axes an ellipsis stands for.
  bool Expand(size_t count) {
    int32_t taken = 0;
    bool has_ellipsis = false;
    for (size_t i = 0; i < count; i++) {
      if (HasBit(masks_.ellipsis, i)) {
        if (has_ellipsis) return false;
        has_ellipsis = true;
      } else if (!HasBit(masks_.new_axis, i))
        taken++;
    }
    kept_by_ellipsis_ = has_ellipsis ? x_.rank() - taken : 0;
    return taken <= x_.rank();
  }

  void KeepAll(int32_t count) {
    for (int32_t i = 0; i < count; i++, next_++) {
      if (x_.IsRows() && next_ == x_.axis) axis_ = static_cast<int32_t>(out_.size());
      out_.push_back(x_.dims[next_]);
    }
  }

  bool Take(const Cut& cut, bool shrinks) {
    const Size& dim = x_.dims[next_];
    if (!shrinks && cut.TakesAll(dim)) {
      if (x_.has_ints && x_.rank() == 1) picked_ = x_.ints;
      KeepAll(1);
      return true;
    }
    if (x_.IsRows() && next_ == x_.axis) return Fail(kCuts);
    if (!cut.begin.IsUniform() || !cut.end.IsUniform() || !cut.stride.IsUniform())
      return Fail("slices from or to a place that depends on the number of rows");
    if (x_.has_ints && x_.rank() == 1 && next_ == 0) Pick(cut, shrinks);
    if (!shrinks) out_.push_back(LengthOf(cut, dim));
    next_++;
    return true;
  }

  bool Fail(std::string why) {
    problem_ = call_.Refuse(std::move(why));
    return false;
  }

  // Integers that are known one by one stay so.
  void Pick(const Cut& cut, bool shrinks) {
    const auto size = static_cast<int64_t>(x_.ints.size());
    if (!cut.stride.IsConst(1) || (!cut.from_start && !cut.begin.IsConst()) ||
        (!shrinks && !cut.to_end && !cut.end.IsConst()))
      return;
    const auto place = [&](const Size& given) { return given.value() < 0 ? given.value() + size : given.value(); };
    const int64_t begin = cut.from_start && !shrinks ? 0 : place(cut.begin);
    if (!cut.begin.IsConst() && shrinks) return;
    const int64_t end = shrinks ? begin + 1 : cut.to_end ? size : place(cut.end);
    if (shrinks && (begin < 0 || begin >= size)) return;
    picked_ = std::vector<Size>();
    for (int64_t i = std::max<int64_t>(begin, 0); i < std::min(end, size); i++) picked_->push_back(x_.ints[i]);
  }

  static Size LengthOf(const Cut& cut, const Size& dim) {
    if (!dim.IsConst() || !cut.stride.IsConst(1)) return Size::Uniform();
    if ((!cut.from_start && !cut.begin.IsConst()) || (!cut.to_end && !cut.end.IsConst())) return Size::Uniform();
    const auto place = [&](const Size& given) {
      return std::clamp<int64_t>(given.value() < 0 ? given.value() + dim.value() : given.value(), 0, dim.value());
    };
    const int64_t begin = cut.from_start ? 0 : place(cut.begin), end = cut.to_end ? dim.value() : place(cut.end);
    return Size::Const(std::max<int64_t>(end - begin, 0));
  }

  Value Finish() {
    if (x_.IsRows()) return RowsOf(axis_, x_.rows, std::move(out_));
    const bool as_vector = out_.size() == 1 || (out_.empty() && picked_ && picked_->size() == 1);
    if (picked_ && as_vector) {
      if (!out_.empty()) out_[0] = Size::Const(static_cast<int64_t>(picked_->size()));
      return IntsOf(std::move(out_), std::move(*picked_));
    }
    if (x_.kind == Kind::kSizes) {
      // Which of them is not known; all of it, at most.
      return call_.Refuse("takes one of several sizes, by a place that is not known");
    }
    return UniformOf(std::move(out_));
  }

  OpCall& call_;
  const Value& x_;
  const SliceMasks masks_;
  int32_t kept_by_ellipsis_ = 0;
  int32_t next_ = 0;  // axis of the input
  int32_t axis_ = 0;  // of rows, in the output
  std::vector<Size> out_;
  std::optional<std::vector<Size>> picked_;
  Value problem_;
};

SliceMasks MasksOf(const Node& node) {
  return {node.Int("begin_mask", 0), node.Int("end_mask", 0), node.Int("ellipsis_mask", 0),
          node.Int("new_axis_mask", 0), node.Int("shrink_axis_mask", 0)};
}

// indices[:, 0], splits[1:] and splits[:-1]: the ways in which TensorFlow's own ragged code takes them apart.
Value SliceRole(OpCall& call, const SliceMasks& masks) {
  const Value& x = call.in(0);
  const auto begin = call.ConstantsAt(1), end = call.ConstantsAt(2), stride = call.ConstantsAt(3);
  const Value refused = call.Refuse("takes apart numbers or places of rows");
  if (!begin || !end || !stride || masks.ellipsis != 0 || masks.new_axis != 0) return refused;
  for (const int64_t step : *stride)
    if (step != 1) return refused;
  const size_t count = begin->size();
  if (count != end->size() || count != stride->size()) return refused;
  if (x.role == Role::kIndices && count == 2 && HasBit(masks.begin, 0) && HasBit(masks.end, 0) && masks.shrink == 2 &&
      (*begin)[1] == 0 && !HasBit(masks.begin, 1))
    return RoleOf(Role::kOwners, x.items, {x.dims[0]});
  if (x.role == Role::kSplits && count == 1 && masks.shrink == 0) {
    const bool from_start = HasBit(masks.begin, 0) || (*begin)[0] == 0, to_end = HasBit(masks.end, 0);
    const Size parents = Size::Extent(x.items.owner);
    if (!HasBit(masks.begin, 0) && (*begin)[0] == 1 && to_end) return RoleOf(Role::kEnds, x.items, {parents});
    if (from_start && !to_end && (*end)[0] == -1) return RoleOf(Role::kStarts, x.items, {parents});
  }
  return refused;
}

// What is put side by side along an axis other than the batch's.
Value Side(OpCall& call, std::span<const Value* const> pieces, std::optional<int64_t> given) {
  const Value* rows = nullptr;
  bool all_uniform = true;
  for (const Value* piece : pieces) {
    if (piece->IsRows() && !rows) rows = piece;
    all_uniform = all_uniform && piece->IsUniform();
  }
  if (pieces.empty()) return call.Refuse("has no inputs");
  if (!rows && !all_uniform) return call.Refuse("puts what depends on the number of rows beside values");
  const Value& first = rows ? *rows : *pieces[0];
  if (!first.has_rank) return UniformValue();
  const auto axis = given ? OpCall::Axis(*given, first.rank()) : std::nullopt;
  if (!axis) return all_uniform ? UniformValue() : call.Refuse("joins along an axis that is not known");
  if (rows && *axis == rows->axis) return call.Refuse("joins along the batch axis");
  Value joined = rows ? RowsOf(rows->axis, rows->rows, rows->dims) : UniformOf(first.dims);
  joined.dims[*axis] = Size::Const(0);
  for (const Value* piece : pieces) {
    if (!piece->has_rank || piece->rank() != joined.rank()) {
      if (all_uniform) return UniformValue();
      return call.Refuse("joins rows with a tensor that has no rows");
    }
    if (rows && (!piece->IsRows() || piece->axis != rows->axis || piece->rows != rows->rows))
      return call.Refuse("joins rows with a tensor that has no rows, or other ones");
    joined.dims[*axis] = joined.dims[*axis] + piece->dims[*axis];
  }
  return joined;
}

std::optional<Value> ConcatInts(std::span<const Value* const> pieces) {
  std::vector<Size> ints;
  for (const Value* piece : pieces) {
    if (!piece->has_rank || piece->rank() != 1) return std::nullopt;
    const bool unknown =
        piece->IsUniform() && !piece->has_ints && piece->dims[0].IsConst() && piece->dims[0].value() <= kMostKept;
    if (!piece->has_ints && !unknown) return std::nullopt;
    if (unknown)
      ints.insert(ints.end(), static_cast<size_t>(std::max<int64_t>(piece->dims[0].value(), 0)), Size::Uniform());
    else
      ints.insert(ints.end(), piece->ints.begin(), piece->ints.end());
  }
  if (ints.size() > kMostKept) return std::nullopt;
  const Size count = Size::Const(static_cast<int64_t>(ints.size()));
  return IntsOf({count}, std::move(ints));
}

// 0 before the ends of rows' lists.
bool IsZeroBeforeEnds(std::span<const Value* const> pieces) {
  return pieces.size() == 2 && pieces[0]->HasConstants() && pieces[0]->rank() == 1 && pieces[0]->ints.size() == 1 &&
         pieces[0]->ints[0].IsConst(0) && pieces[1]->role == Role::kEnds && pieces[1]->kind == Kind::kRole;
}

Value Join(OpCall& call, std::span<const Value* const> pieces, std::optional<int64_t> axis) {
  if (axis == 0 && IsZeroBeforeEnds(pieces))
    return RoleOf(Role::kSplits, pieces[1]->items, {Size::Extent(pieces[1]->items.owner) + Size::Const(1)});
  const auto is_role = [](const Value* piece) { return piece->kind == Kind::kRole; };
  if (std::any_of(pieces.begin(), pieces.end(), is_role)) return call.Refuse("joins numbers or places of rows");
  const auto has_ints = [](const Value* piece) { return piece->has_ints; };
  if ((axis == 0 || axis == -1) && std::any_of(pieces.begin(), pieces.end(), has_ints))
    if (auto ints = ConcatInts(pieces)) return std::move(*ints);
  return Side(call, pieces, axis);
}

Value Taken(const Value& x, int32_t axis, const Size& length) {
  Value value = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  value.dims[axis] = length;
  return value;
}

Values SplitInto(OpCall& call, const Value& x, std::optional<int64_t> given, std::optional<std::vector<Size>> lengths,
                 int64_t count) {
  if (count < 1 || count > 1000) return {call.Refuse("has more pieces than are followed")};
  if (!x.has_rank) return Values(count, UniformValue());
  const auto axis = given ? OpCall::Axis(*given, x.rank()) : std::nullopt;
  if (!axis) return {x.IsUniform() ? UniformValue() : call.Refuse("splits along an axis that is not known")};
  if (x.IsRows() && *axis == x.axis) return {call.Refuse("splits along the batch axis")};
  Values values;
  for (int64_t i = 0; i < count; i++) {
    Size length = Size::Uniform();
    if (lengths && i < static_cast<int64_t>(lengths->size()) && (*lengths)[i].IsNonNegative()) length = (*lengths)[i];
    if (!lengths) length = Divide(x.dims[*axis], Size::Const(count)).value_or(Size::Uniform());
    values.push_back(Taken(x, *axis, length));
  }
  return values;
}

}  // namespace

Values StridedSlice(OpCall& call) {
  const Value& x = call.in(0);
  const SliceMasks masks = MasksOf(call.node());
  if (x.kind == Kind::kRole) return {SliceRole(call, masks)};
  if (!x.has_rank) return {call.AllUniform() ? UniformValue() : call.Refuse("slices a tensor of unknown rank")};
  return {Slicing(call, masks).Run()};
}

Values Slice(OpCall& call) {
  const Value &x = call.in(0), &begin = call.in(1), &size = call.in(2);
  if (!x.has_rank || !begin.has_ints || !size.has_ints || static_cast<int32_t>(begin.ints.size()) != x.rank() ||
      static_cast<int32_t>(size.ints.size()) != x.rank()) {
    if (call.AllUniform()) return {UniformValue()};
    return {call.Refuse("slices from places that are not known")};
  }
  Value value = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  for (int32_t i = 0; i < x.rank(); i++) {
    const bool takes_all = begin.ints[i].IsConst(0) && (size.ints[i].IsConst(-1) || size.ints[i] == x.dims[i]);
    if (takes_all) continue;
    if (x.IsRows() && i == x.axis) return {call.Refuse(kCuts)};
    if (!begin.ints[i].IsUniform() || !size.ints[i].IsUniform())
      return {call.Refuse("slices from or to a place that depends on the number of rows")};
    value.dims[i] = size.ints[i].IsNonNegative() ? size.ints[i] : Size::Uniform();
  }
  if (!x.has_ints || x.rank() != 1) return {x.kind == Kind::kSizes ? call.Refuse("slices sizes") : value};
  const auto from = call.ConstantAt(1), count = call.ConstantAt(2);
  const auto all = static_cast<int64_t>(x.ints.size());
  if (!from || !count || *from < 0 || *from > all || *count < -1 || *count > all - *from)
    return {x.kind == Kind::kSizes ? call.Refuse("slices sizes at places that are not known") : value};
  const int64_t end = *count == -1 ? all : *from + *count;
  std::vector<Size> ints(x.ints.begin() + *from, x.ints.begin() + end);
  return {IntsOf({Size::Const(end - *from)}, std::move(ints))};
}

Values Concat(OpCall& call) {
  if (call.count() < 2) return {call.Refuse("has no inputs")};
  return {Join(call, call.inputs().first(call.count() - 1), call.ConstantAt(call.count() - 1))};
}

Values ConcatFirst(OpCall& call) {
  if (call.count() < 2) return {call.Refuse("has no inputs")};
  return {Join(call, call.inputs().subspan(1), call.ConstantAt(0))};
}

Values Pack(OpCall& call) {
  const int64_t given = call.node().Int("axis", 0);
  std::vector<Size> ints;
  bool has_ints = false, all_scalars = true;
  for (const Value* input : call.inputs()) {
    all_scalars = all_scalars && input->IsScalar() && (input->has_ints || input->IsUniform());
    has_ints = has_ints || input->has_ints;
    ints.push_back(input->has_ints && input->ints.size() == 1 ? input->ints[0] : Size::Uniform());
  }
  const auto count = static_cast<int64_t>(ints.size());
  if (all_scalars && has_ints && count <= kMostKept) return {IntsOf({Size::Const(count)}, std::move(ints))};
  std::vector<Value> expanded;
  for (const Value* input : call.inputs()) {
    if (!input->has_rank) return {call.AllUniform() ? UniformValue() : call.Refuse("stacks a tensor of unknown rank")};
    const auto axis = OpCall::Axis(given, input->rank() + 1);
    if (!axis) return {call.Refuse("stacks along an axis that its inputs do not have")};
    Value value = input->IsRows() ? RowsOf(input->axis, input->rows, input->dims) : *input;
    value.dims.insert(value.dims.begin() + *axis, Size::Const(1));
    if (value.IsRows() && *axis <= value.axis) value.axis++;
    expanded.push_back(std::move(value));
  }
  std::vector<const Value*> pieces;
  for (const Value& value : expanded) pieces.push_back(&value);
  return {Side(call, pieces, given)};
}

Values Unpack(OpCall& call) {
  const Value& x = call.in(0);
  const int64_t count = call.node().Int("num", 0);
  if (count < 1 || count > 1000) return {call.Refuse("has more pieces than are followed")};
  if (!x.has_rank) return Values(count, UniformValue());
  const auto axis = OpCall::Axis(call.node().Int("axis", 0), x.rank());
  if (!axis) return {call.Refuse("unstacks along an axis that its input does not have")};
  if (x.IsRows() && *axis == x.axis) return {call.Refuse("unstacks the batch axis")};
  if (x.has_ints && x.rank() == 1 && static_cast<int64_t>(x.ints.size()) == count) {
    Values values;
    for (const Size& size : x.ints) values.push_back(IntsOf({}, {size}));
    return values;
  }
  if (x.kind == Kind::kSizes) return {call.Refuse("unstacks sizes")};
  Value value = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  value.dims.erase(value.dims.begin() + *axis);
  if (value.IsRows() && *axis < value.axis) value.axis--;
  return Values(count, value);
}

Values Split(OpCall& call) {
  return SplitInto(call, call.in(1), call.ConstantAt(0), std::nullopt, call.node().Int("num_split", 0));
}

Values SplitV(OpCall& call) {
  const Value& x = call.in(0);
  const int64_t count = call.node().Int("num_split", 0);
  if (x.kind == Kind::kSizes || !call.in(1).IsUniform())
    return {call.Refuse("splits by what depends on the number of rows")};
  const std::vector<Size> lengths = call.in(1).has_ints ? call.in(1).ints : std::vector<Size>();
  return SplitInto(call, x, call.ConstantAt(2), lengths, count);
}

Values Pad(OpCall& call) {
  const Value &x = call.in(0), &paddings = call.in(1);
  if (!call.UniformFrom(1)) return {call.Refuse("fills up by a number, or with a value, that depends on rows")};
  if (!x.has_rank) return {UniformValue()};
  const size_t rank = x.dims.size();
  if (!paddings.has_ints || paddings.ints.size() != 2 * rank)
    return {x.IsUniform() ? UniformValue() : call.Refuse("fills up by a number that is not known")};
  Value value = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  for (size_t i = 0; i < rank; i++) {
    const Size added = paddings.ints[2 * i] + paddings.ints[2 * i + 1];
    const bool adds_none = paddings.ints[2 * i].IsConst(0) && paddings.ints[2 * i + 1].IsConst(0);
    if (x.IsRows() && static_cast<int32_t>(i) == x.axis && !adds_none) return {call.Refuse("fills up the batch axis")};
    if (!adds_none) value.dims[i] = value.dims[i] + added;
  }
  return {std::move(value)};
}

Values Reverse(OpCall& call) {
  const Value& x = call.in(0);
  if (x.IsUniform() && call.AllUniform()) return {x.has_rank ? UniformOf(x.dims) : UniformValue()};
  const auto axes = call.AxesAt(1, x.rank());
  if (!axes) return {call.Refuse("turns around along axes that are not known")};
  if (std::find(axes->begin(), axes->end(), x.axis) != axes->end()) return {call.Refuse("turns around the batch axis")};
  return {RowsOf(x.axis, x.rows, x.dims)};
}

Values ReverseSequence(OpCall& call) {
  const Value &x = call.in(0), &lengths = call.in(1);
  if (call.AllUniform()) return {x.has_rank ? UniformOf(x.dims) : UniformValue()};
  if (!x.IsRows()) return {call.Refuse("turns around one tensor by the rows of another")};
  const auto batch = OpCall::Axis(call.node().Int("batch_dim", 0), x.rank());
  const auto sequence = OpCall::Axis(call.node().Int("seq_dim", 0), x.rank());
  if (!batch || !sequence || *sequence == x.axis) return {call.Refuse("turns around the batch axis")};
  const bool fits = lengths.IsRows() ? *batch == x.axis && lengths.rank() == 1 && lengths.rows == x.rows
                                     : lengths.IsUniform() && *batch != x.axis;
  if (!fits) return {call.Refuse("turns around rows by lengths of others")};
  return {RowsOf(x.axis, x.rows, x.dims)};
}

Values Roll(OpCall& call) {
  const Value& x = call.in(0);
  if (call.AllUniform()) return {x.has_rank ? UniformOf(x.dims) : UniformValue()};
  if (!call.UniformFrom(1)) return {call.Refuse("shifts by what depends on rows")};
  const auto axes = call.AxesAt(2, x.rank());
  if (!axes || std::find(axes->begin(), axes->end(), x.axis) != axes->end())
    return {call.Refuse("shifts along the batch axis")};
  return {RowsOf(x.axis, x.rows, x.dims)};
}

}  // namespace tensorgate::rows
