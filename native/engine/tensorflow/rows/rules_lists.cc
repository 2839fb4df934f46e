#include <algorithm>

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

bool IsAtItemOf(const Value& index, const Size& length) {
  return index.kind == Kind::kRole && index.role == Role::kCurrent && length.IsJust(index.items.space);
}

// In a loop over items, which fills the list from its first element to its last.
Value WithItem(OpCall& call, const Value& list, const Value& index, const Value& item) {
  const bool fits = IsAtItemOf(index, list.dims[0]) && (item.IsUniform() || item.kind == Kind::kItem) &&
                    (list.IsByItem() ? list.is_open : !list.element->is_set);
  if (!fits) return call.Refuse("puts into a list what is not known to belong there");
  Value element = ItemOf(index.items.space, item);
  if (list.element->is_set)
    element = Join(*list.element, element, call.Cause("puts elements of different kinds into a list"));
  if (element.kind == Kind::kUnknown) return element;
  Value filled = ListOf(std::move(element), list.dims[0]);
  filled.items = index.items;
  filled.is_open = true;
  filled.argument = list.argument;
  return filled;
}

// The list with another element among those it may have.
Value With(OpCall& call, const Value& list, const Value& item, Size length) {
  if (!item.IsRows() && !item.IsUniform()) return call.Refuse("puts sizes into a list");
  Value element = list.element->is_set
                      ? Join(*list.element, item, call.Cause("puts elements of different kinds into a list"))
                      : item;
  if (element.kind == Kind::kUnknown) return element;
  return ListOf(std::move(element), std::move(length));
}

// All of a list with an element for each item: rows again.
Value StackedItems(OpCall& call, const Value& list) {
  const Value& element = *list.element;
  const auto is_uniform = [](const Size& dim) { return dim.IsUniform(); };
  if (list.is_open) return call.Refuse("stacks a list that is not filled yet");
  if (!element.has_rank || !std::all_of(element.dims.begin(), element.dims.end(), is_uniform))
    return call.Refuse("stacks rows that may differ in shape");
  std::vector<Size> dims = element.dims;
  dims.insert(dims.begin(), Size::Const(0));
  return RowsOf(0, {list.items.space}, std::move(dims));
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
  if (x.IsRows() && x.axis == 0) {
    if (!x.rows.IsPlain()) return {call.Refuse("makes a list with several elements for each row")};
    Value element = UniformOf({x.dims.begin() + 1, x.dims.end()});
    element.kind = Kind::kItem;
    element.items = {x.rows.space, x.rows.space};
    Value list = ListOf(std::move(element), x.dims[0]);
    list.items = list.element->items;
    return {list};
  }
  Value element = x.IsRows() ? RowsOf(x.axis, x.rows, x.dims) : UniformOf(x.dims);
  element.dims.erase(element.dims.begin());
  if (x.IsRows()) element.axis--;
  return {ListOf(std::move(element), x.dims[0])};
}

Values ListReserve(OpCall& call) {
  const Value& length = call.in(1);
  const bool is_known =
      length.IsUniform() || (length.has_ints && length.ints.size() == 1 && length.ints[0].IsPureExtent());
  if (!is_known) return {call.Refuse("makes a list with as many elements as the longest row")};
  return {ListOf(NothingYet(), LengthAt(call, 1))};
}

Values EmptyList(OpCall& call) {
  if (!call.in(1).IsUniform()) return {call.Refuse("makes a list with as many elements as there are rows")};
  return {ListOf(NothingYet(), Size::Const(0))};
}

Values ListGet(OpCall& call) {
  const Value& list = call.in(0);
  if (IsList(list) && list.IsByItem()) {
    const bool fits = IsAtItemOf(call.in(1), list.dims[0]) && !list.is_open;
    return {fits ? *list.element : call.Refuse("takes a row by its place")};
  }
  if (!IsList(list) || !call.in(1).IsUniform()) return {call.Refuse(kNoList)};
  if (!list.element->is_set) return {call.Refuse("reads from a list that nothing has been put into")};
  return {*list.element};
}

Values ListSet(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list)) return {call.Refuse(kNoList)};
  if (list.IsByItem() || call.in(1).kind == Kind::kRole) return {WithItem(call, list, call.in(1), call.in(2))};
  if (!call.in(1).IsUniform()) return {call.Refuse(kNoList)};
  const bool may_grow = call.node().Bool("resize_if_index_out_of_bounds", false);
  return {With(call, list, call.in(2), may_grow ? Size::Uniform() : list.dims[0])};
}

Values ListPush(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list) || list.IsByItem()) return {call.Refuse(kNoList)};
  return {With(call, list, call.in(1), list.dims[0] + Size::Const(1))};
}

Values ListPop(OpCall& call) {
  const Value& list = call.in(0);
  if (!IsList(list) || list.IsByItem() || !list.element->is_set) return {call.Refuse(kNoList)};
  return {ListOf(*list.element, Size::Uniform()), *list.element};
}

Values ListStack(OpCall& call) {
  const Value& list = call.in(0);
  if (IsList(list) && list.IsByItem()) return {StackedItems(call, list)};
  return {IsList(list) ? Stacked(call, list, list.dims[0]) : call.Refuse(kNoList)};
}

Values ListGather(OpCall& call) {
  const Value &list = call.in(0), &places = call.in(1);
  if (!IsList(list) || list.IsByItem() || !places.IsUniform() || !places.has_rank || places.rank() != 1)
    return {call.Refuse(kNoList)};
  return {Stacked(call, list, places.dims[0])};
}

Values ListLength(OpCall& call) {
  const Value& list = call.in(0);
  return {IsList(list) ? IntsOf({}, {list.dims[0]}) : call.Refuse(kNoList)};
}

}  // namespace tensorgate::rows
