// Which signatures of a SavedModel change something that outlasts a run: those must not be run but for a client.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "state_changes.h"

namespace tensorgate {

struct LastingEffect {
  std::string signature;
  std::string op;
  std::string node;  // `function/node` within a function
};

// What is known of an operation of that type.
using OpRegistry = std::function<OpTraits(std::string_view op)>;

// The first operation that changes state of each signature that has one, of those that its outputs need, by data or
// control, and of those in the functions that these call. Any thread; reads bytes alone.
std::vector<LastingEffect> FindLastingEffects(std::string_view meta_graph, const OpRegistry& registry);

}  // namespace tensorgate
