#include "op_call.h"

#include <algorithm>

#include "interpreter.h"

namespace tensorgate::rows {

namespace {

const Value& Missing() {
  static const Value value = UnknownValue(-1);
  return value;
}

constexpr char kMayMix[] = "combines the batch axis with an axis that is not known to be the same one";

Value BroadcastUniform(std::span<const Value* const> operands, int32_t rank) {
  std::vector<Size> dims(rank, Size::Const(1));
  for (const Value* operand : operands) {
    if (!operand->has_rank) return UniformValue();
    const int32_t shift = rank - operand->rank();
    for (int32_t i = 0; i < operand->rank(); i++) dims[shift + i] = BroadcastDim(dims[shift + i], operand->dims[i]);
  }
  return UniformOf(std::move(dims));
}

}  // namespace

const Value& OpCall::in(size_t place) const { return place < inputs_.size() ? *inputs_[place] : Missing(); }

Value OpCall::Refuse(std::string why) { return UnknownValue(Cause(std::move(why))); }
int32_t OpCall::Cause(std::string why) { return interpreter_->AddCause(node_, std::move(why)); }
Items OpCall::NewItems(SpaceId owner) { return {interpreter_->NewSpace(kNoSpace), owner}; }
Items OpCall::NewItemsForAll(SpaceId owner) { return {interpreter_->NewSpace(owner), owner}; }
bool OpCall::AllHaveSome(const Items& items) const { return interpreter_->CoversAll(items); }

std::optional<int32_t> OpCall::Axis(int64_t axis, int32_t rank) {
  if (axis < -rank || axis >= rank) return std::nullopt;
  return static_cast<int32_t>(axis < 0 ? axis + rank : axis);
}

std::optional<int64_t> OpCall::ConstantAt(size_t place) const {
  const Value& value = in(place);
  if (!value.has_ints || value.ints.size() != 1 || !value.ints[0].IsConst()) return std::nullopt;
  return value.ints[0].value();
}

std::optional<std::vector<int64_t>> OpCall::ConstantsAt(size_t place) const {
  const Value& value = in(place);
  if (!value.HasConstants() || value.rank() > 1) return std::nullopt;
  std::vector<int64_t> constants;
  for (const Size& size : value.ints) constants.push_back(size.value());
  return constants;
}

std::optional<std::vector<int32_t>> OpCall::AxesAt(size_t place, int32_t rank) const {
  const auto constants = ConstantsAt(place);
  if (!constants) return std::nullopt;
  std::vector<int32_t> axes;
  for (const int64_t constant : *constants) {
    const auto axis = Axis(constant, rank);
    if (!axis) return std::nullopt;
    if (std::find(axes.begin(), axes.end(), *axis) == axes.end()) axes.push_back(*axis);
  }
  return axes;
}

bool OpCall::AllUniform() const { return UniformFrom(0); }

bool OpCall::UniformFrom(size_t first) const {
  for (size_t i = first; i < inputs_.size(); i++)
    if (!inputs_[i]->IsUniform()) return false;
  return true;
}

Size BroadcastDim(const Size& a, const Size& b) {
  if (a.IsConst(1)) return b;
  if (b.IsConst(1) || a == b) return a;
  if (a.IsConst() && b.IsUniform()) return a.value() == 0 ? Size::Uniform() : a;  // b is 1 or the same
  if (b.IsConst() && a.IsUniform()) return b.value() == 0 ? Size::Uniform() : b;
  return a.IsUniform() && b.IsUniform() ? Size::Uniform() : Size::Tainted();
}

Value Broadcast(OpCall& call, std::span<const Value* const> operands) {
  int32_t rank = 0;
  const Value* rows = nullptr;
  for (const Value* operand : operands) {
    if (operand->has_rank) rank = std::max(rank, operand->rank());
    if (operand->IsRows() && !rows) rows = operand;
  }
  if (!rows) return BroadcastUniform(operands, rank);
  const int32_t from_end = rows->rank() - 1 - rows->axis;
  std::vector<Size> dims(rank, Size::Const(1));
  for (const Value* operand : operands) {
    if (!operand->has_rank) return call.Refuse("combines the batch axis with a tensor of unknown rank");
    const int32_t place = operand->rank() - 1 - from_end;
    const bool same_rows = operand->IsRows() && operand->axis == place && operand->rows == rows->rows;
    const bool repeated = operand->IsUniform() && (place < 0 || operand->dims[place].IsConst(1));
    if (!same_rows && !repeated) return call.Refuse(kMayMix);
    const int32_t shift = rank - operand->rank();
    for (int32_t i = 0; i < operand->rank(); i++)
      if (i != place) dims[shift + i] = BroadcastDim(dims[shift + i], operand->dims[i]);
  }
  return RowsOf(rank - 1 - from_end, rows->rows, std::move(dims));
}

}  // namespace tensorgate::rows
