#include "rules.h"

namespace tensorgate::rows {

namespace {

// All elements are known as one: whatever each of them may be.
Value ListOf(Value element, Size length) {
  Value list;
  list.kind = Kind::kList;
  list.has_rank = true;
  list.dims = {std::move(length)};
  list.element = std::make_shared<Value>(std::move(element));
  return list;
}

Value NothingYet() {
  Value element = UniformValue();
  element.is_set = false;
  return element;
}

Size LengthAt(const OpCall& call, size_t place) {
  const Value& length = call.in(place);
  const bool is_known = length.has_ints && length.ints.size() == 1 && length.ints[0].IsNonNegative();
  return is_known ? length.ints[0] : Size::Uniform();
}

bool IsList(const Value& value) { return value.kind == Kind::kList && value.element; }

// The list with another element among those it may have.
Value With(OpCall& call, const Value& list, const Value& item, Size length) {
  if (!item.IsRows() && !item.IsUniform()) return call.Refuse("puts sizes into a list");
  Value element = list.element->is_set
                      ? Join(*list.element, item, call.Cause("puts elements of different kinds into a list"))
                      : item;
  if (element.kind == Kind::kUnknown) return element;
  return ListOf(std::move(element), std::move(length));
}

Value Stacked(OpCall& call, const Value& list, Size length) {
  if (!list.element->is_set) return call.Refuse("stacks a list that nothing has been put into");
  const Value& element = *list.element;
  if (!element.has_rank) return UniformValue();
  Value value = element.IsRows() ? RowsOf(element.axis, element.rows, element.dims) : UniformOf(element.dims);
  value.dims.insert(value.dims.begin(), std::move(length));
  if (element.IsRows()) value.axis++;
  return value;
}

constexpr char kNoList[] = "works on a list that is not followed";

}  // namespace

Values ListFromTensor(OpCall& call) {
  const Value& x = call.in(0);
  if (x.kind == Kind::kSizes) return {call.Refuse("makes a list of sizes")};
  if (!x.has_rank) return {ListOf(UniformValue(), Size::Uniform())};
  if (x.rank() < 1) return {call.Refuse("makes a list of a scalar")};
  if (x.IsRows() && x.axis == 0) return {call.Refuse("makes a list with an element for each row")};
  Value element = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  element.dims.erase(element.dims.begin());
  if (x.IsRows()) element.axis--;
  return {ListOf(std::move(element), x.dims[0])};
}

Values ListReserve(OpCall& call) {
  if (!call.in(1).IsUniform()) return {call.Refuse("makes a list with as many elements as there are rows")};
  return {ListOf(NothingYet(), LengthAt(call, 1))};
}

Values EmptyList(OpCall& call) {
  if (!call.in(1).IsUniform()) return {call.Refuse("makes a list with as many elements as there are rows")};
  return {ListOf(NothingYet(), Size::Const(0))};
}

Values ListGet(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list) || !call.in(1).IsUniform()) return {call.Refuse(kNoList)};
  if (!list.element->is_set) return {call.Refuse("reads from a list that nothing has been put into")};
  return {*list.element};
}

Values ListSet(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list) || !call.in(1).IsUniform()) return {call.Refuse(kNoList)};
  const bool may_grow = call.node().Bool("resize_if_index_out_of_bounds", false);
  return {With(call, list, call.in(2), may_grow ? Size::Uniform() : list.dims[0])};
}

Values ListPush(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list)) return {call.Refuse(kNoList)};
  return {With(call, list, call.in(1), list.dims[0] + Size::Const(1))};
}

Values ListPop(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list) || !list.element->is_set) return {call.Refuse(kNoList)};
  return {ListOf(*list.element, Size::Uniform()), *list.element};
}

Values ListStack(OpCall& call) {
  const Value& list = call.in(0);
  return {IsList(list) ? Stacked(call, list, list.dims[0]) : call.Refuse(kNoList)};
}

Values ListGather(OpCall& call) {
  const Value &list = call.in(0), &places = call.in(1);
  if (!IsList(list) || !places.IsUniform() || !places.has_rank || places.rank() != 1) return {call.Refuse(kNoList)};
  return {Stacked(call, list, places.dims[0])};
}

Values ListLength(OpCall& call) {
  const Value& list = call.in(0);
  return {IsList(list) ? IntsOf({}, {list.dims[0]}) : call.Refuse(kNoList)};
}

}  // namespace tensorgate::rows
