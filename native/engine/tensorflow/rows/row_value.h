// What is known of a tensor before a run: whether, and along which axis, it follows the rows of the requests.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "size.h"

namespace tensorgate::rows {

// The axis that follows the items of a space. An index along it is (o · items + item) · inner + i, so that its
// dimension is outer · items · inner: what reshaping makes of an axis and its neighbours.
struct RowAxis {
  SpaceId space = kBatch;
  Size outer = Size::Const(1);
  Size inner = Size::Const(1);

  Size dim() const { return outer * Size::Extent(space) * inner; }
  // One slice for each item, in order.
  bool IsPlain() const { return outer.IsConst(1) && inner.IsConst(1); }
  bool operator==(const RowAxis&) const = default;
};

enum class Kind : uint8_t {
  kUniform,  // the same in all runs, in shape and content
  kRows,     // each slice along the row axis depends on its item only, and on what is uniform; other dimensions are
             // uniform
  kSizes,    // a few integers (or booleans), one at least of which depends on the number of rows, or on rows
  kRole,     // what ties a flat list to rows, see Role
  kItem,     // in a loop over items: depends on the item that it is at, and on what is uniform; so may its dimensions
  kList,     // a TensorList
  kUnknown,  // anything; `cause` is the first operation that made it so
};

// A list of items, in order of the items of another space that they belong to: words, of rows.
struct Items {
  SpaceId space = kNoSpace;
  SpaceId owner = kNoSpace;

  bool operator==(const Items&) const = default;
};

// A tensor whose content says which items of a space belong to which row. It may be used for that alone.
enum class Role : uint8_t {
  kNone,
  kNumbers,  // 0, 1, 2 … one for each item of the space: [items]
  kOwners,   // for each item of the space the number of its owner: [items]
  kLengths,  // how many items each owner has: [owners]; itself rows of the owners'
  kStarts,   // the first item of each owner: [owners]
  kEnds,     // the one behind the last item of each: [owners]
  kSplits,   // 0 and the ends: [owners + 1]
  kIndices,  // for each item the owner's number, then its place within that one: [items, rank]
  kPadded,   // a list for each owner, filled up to the longest with what `element` is: [owners, longest, …]
  kCurrent,  // in a loop over the space's items, from the first to the last: the number of the one that it is at: []
  kNext,     // that plus 1: []
  kGoesOn,   // whether that is less than the number of items: []
  kUnique,   // for each item of another space the place of its value among the distinct ones, a space: [items]
};

struct Value {
  Kind kind = Kind::kUniform;
  Role role = Role::kNone;
  bool has_rank = false;
  bool has_ints = false;
  bool is_open = false;    // of a list with an element for each item: some are still to be put into it
  int32_t argument = -1;   // of a list in a pass of a loop over items: the place of the argument that it was
  bool is_zero = false;    // of a uniform scalar: surely 0
  bool is_set = true;      // of a list's element: false before anything has been written
  int32_t axis = 0;        // of rows
  RowAxis rows;            // of rows
  Items items;             // that a role is about
  int32_t cause = -1;      // of kUnknown, and of sizes that depend on rows
  std::vector<Size> dims;  // if has_rank
  std::vector<Size> ints;  // if has_ints: all elements in row-major order
  std::shared_ptr<const Value> element;  // of a list; of a variable's handle: what is read from it

  int32_t rank() const { return static_cast<int32_t>(dims.size()); }
  bool IsRows() const { return kind == Kind::kRows; }
  // A list with an element for each item of some space.
  bool IsByItem() const { return kind == Kind::kList && items.space != kNoSpace; }
  bool IsUniform() const { return kind == Kind::kUniform; }
  // Elements known one by one, all of them constants.
  bool HasConstants() const;
  bool IsScalar() const { return has_rank && dims.empty(); }
  bool operator==(const Value& other) const;
};

Value UnknownValue(int32_t cause);
Value UniformValue();
Value UniformOf(std::vector<Size> dims);
// The dimension of the row axis is made to fit.
Value RowsOf(int32_t axis, const RowAxis& rows, std::vector<Size> dims);
// What depends on an item; a dimension may, too, unless it is known to be some uniform integer.
Value ItemOf(SpaceId space, const Value& like);
// Rows or uniform as `x` is, with its shape and unknown content.
Value SameShape(const Value& x);
// Integers with that shape; uniform if all of them are.
Value IntsOf(std::vector<Size> dims, std::vector<Size> ints, int32_t cause = -1);
Value RoleOf(Role role, const Items& items, std::vector<Size> dims);

// What is known of a tensor that is one or the other, the choice being the same in all runs.
Value Join(const Value& a, const Value& b, int32_t cause);

}  // namespace tensorgate::rows
