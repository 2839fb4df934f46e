// The table of what operations do to rows.
#pragma once

#include <string_view>

#include "op_call.h"

namespace tensorgate::rows {

using Rule = Values (*)(OpCall& call);

// Kinds of inputs that a rule looks at itself, beside what is uniform and rows. Others are refused before it is asked.
enum Takes : uint8_t {
  kTensors = 0,
  kSizesToo = 1,
  kSizesBehind = 2,  // not as the first input
  kRolesToo = 4,
  kListsToo = 8,
  kUnknownToo = 16,
  kItemsToo = 32,  // else what depends on an item makes all outputs depend on it
  kAnything = kSizesToo | kRolesToo | kListsToo | kUnknownToo | kItemsToo,
};

struct RuleRow {
  std::string_view op;
  Rule rule;  // null: the walk stops here
  uint8_t takes = kTensors;
  std::string_view extra = {};  // names of the outputs, if it has several; or why the walk stops
};

// Null if there is none.
const RuleRow* FindRule(std::string_view op);

}  // namespace tensorgate::rows
