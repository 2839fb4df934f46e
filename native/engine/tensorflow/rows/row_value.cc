#include "row_value.h"

#include <algorithm>

namespace tensorgate::rows {

namespace {

bool AllUniform(std::span<const Size> sizes) {
  return std::all_of(sizes.begin(), sizes.end(), [](const Size& size) { return size.IsUniform(); });
}

// Dimensions of tensors that are uniform but for the row axis.
bool JoinDims(const Value& a, const Value& b, Value* joined) {
  for (size_t i = 0; i < a.dims.size(); i++) joined->dims[i] = Join(a.dims[i], b.dims[i]);
  return true;
}

Value JoinUniform(const Value& a, const Value& b) {
  Value joined = UniformValue();
  if (a.element && b.element && *a.element == *b.element) joined.element = a.element;
  if (!a.has_rank || !b.has_rank || a.rank() != b.rank()) return joined;
  joined.has_rank = true;
  joined.dims = a.dims;
  JoinDims(a, b, &joined);
  if (!a.has_ints || !b.has_ints || a.dims != b.dims || a.ints.size() != b.ints.size()) return joined;
  joined.has_ints = true;
  for (size_t i = 0; i < a.ints.size(); i++) joined.ints.push_back(Join(a.ints[i], b.ints[i]));
  return joined;
}

Value JoinList(const Value& a, const Value& b, int32_t cause) {
  if (a.argument != b.argument) return UnknownValue(cause);
  if (!a.element->is_set) return b;
  if (!b.element->is_set) return a;
  if (a.items != b.items || a.is_open != b.is_open) return UnknownValue(cause);
  Value joined = a;
  Value element = Join(*a.element, *b.element, cause);
  if (element.kind == Kind::kUnknown) return element;
  joined.element = std::make_shared<Value>(std::move(element));
  joined.dims = {Join(a.dims[0], b.dims[0])};
  return joined;
}

}  // namespace

bool Value::HasConstants() const {
  return has_ints && std::all_of(ints.begin(), ints.end(), [](const Size& size) { return size.IsConst(); });
}

bool Value::operator==(const Value& other) const {
  if (kind != other.kind) return false;
  if (kind == Kind::kUnknown) return true;
  const bool same_element = (!element && !other.element) || (element && other.element && *element == *other.element);
  return same_element && role == other.role && has_rank == other.has_rank && has_ints == other.has_ints &&
         is_set == other.is_set && is_open == other.is_open && argument == other.argument && is_zero == other.is_zero &&
         (kind != Kind::kRows || (axis == other.axis && rows == other.rows)) && items == other.items &&
         dims == other.dims && ints == other.ints;
}

Value UnknownValue(int32_t cause) {
  Value value;
  value.kind = Kind::kUnknown;
  value.cause = cause;
  return value;
}

Value UniformValue() { return {}; }

Value UniformOf(std::vector<Size> dims) {
  Value value;
  value.has_rank = true;
  value.dims = std::move(dims);
  return value;
}

Value RowsOf(int32_t axis, const RowAxis& rows, std::vector<Size> dims) {
  Value value = UniformOf(std::move(dims));
  value.kind = Kind::kRows;
  value.axis = axis;
  value.rows = rows;
  value.dims[axis] = rows.dim();
  return value;
}

Value ItemOf(SpaceId space, const Value& like) {
  Value value;
  value.kind = Kind::kItem;
  value.items = {space, space};
  value.has_rank = like.has_rank;
  for (const Size& dim : like.dims) value.dims.push_back(dim.IsMonomial() && dim.IsUniform() ? dim : Size::Tainted());
  return value;
}

Value IntsOf(std::vector<Size> dims, std::vector<Size> ints, int32_t cause) {
  Value value = UniformOf(std::move(dims));
  value.kind = AllUniform(ints) ? Kind::kUniform : Kind::kSizes;
  value.has_ints = true;
  value.ints = std::move(ints);
  value.cause = cause;
  return value;
}

Value SameShape(const Value& x) {
  if (x.IsRows()) return RowsOf(x.axis, x.rows, x.dims);
  return x.has_rank ? UniformOf(x.dims) : UniformValue();
}

Value RoleOf(Role role, const Items& items, std::vector<Size> dims) {
  Value value = UniformOf(std::move(dims));
  value.kind = Kind::kRole;
  value.role = role;
  value.items = items;
  return value;
}

Value Join(const Value& a, const Value& b, int32_t cause) {
  if (a.kind == Kind::kUnknown) return a;
  if (b.kind == Kind::kUnknown) return b;
  if (a == b) return a;
  if (a.kind == Kind::kList && b.kind == Kind::kList) return JoinList(a, b, cause);
  if (a.IsUniform() && b.IsUniform()) return JoinUniform(a, b);
  const auto is_single = [](const Value& value) { return value.IsUniform() || value.kind == Kind::kItem; };
  if (is_single(a) && is_single(b)) {
    if (a.kind == b.kind && a.items != b.items) return UnknownValue(cause);
    Value like = UniformValue();
    like.has_rank = a.has_rank && b.has_rank && a.rank() == b.rank();
    for (int32_t i = 0; like.has_rank && i < a.rank(); i++) like.dims.push_back(Join(a.dims[i], b.dims[i]));
    return ItemOf(a.kind == Kind::kItem ? a.items.space : b.items.space, like);
  }
  if (a.IsRows() && b.IsRows()) {
    if (a.axis != b.axis || a.rows != b.rows || a.rank() != b.rank()) return UnknownValue(cause);
    Value joined = RowsOf(a.axis, a.rows, a.dims);
    JoinDims(a, b, &joined);
    return joined;
  }
  if (a.has_ints && b.has_ints && a.dims == b.dims && a.ints.size() == b.ints.size()) {
    std::vector<Size> ints;
    for (size_t i = 0; i < a.ints.size(); i++) ints.push_back(Join(a.ints[i], b.ints[i]));
    return IntsOf(a.dims, std::move(ints), cause);
  }
  return UnknownValue(cause);
}

}  // namespace tensorgate::rows
