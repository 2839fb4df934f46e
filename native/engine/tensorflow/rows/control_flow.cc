#include <algorithm>

#include "interpreter.h"
#include "rules.h"

namespace tensorgate::rows {

namespace {

// Values go from known to unknown only, so that loops settle; what takes longer than this is given up.
constexpr int kMostPasses = 8;

std::vector<Value> ArgumentsOf(const OpCall& call, size_t first) {
  std::vector<Value> arguments;
  for (size_t i = first; i < call.count(); i++) arguments.push_back(call.in(i));
  return arguments;
}

// In a loop over items: what a choice by the item leaves of values.
Values AllItems(Values values, OpCall& call, SpaceId space) {
  for (Value& value : values) {
    if (value.kind == Kind::kUnknown) continue;
    const bool is_single = value.IsUniform() || (value.kind == Kind::kItem && value.items.space == space);
    value = is_single ? ItemOf(space, value) : call.Refuse("chooses by one row, in a loop over them");
  }
  return values;
}

Values AllUnknown(size_t count, const Value& why) { return Values(std::max<size_t>(count, 1), why); }

// Why values that depend on a choice are unknown; nothing if the choice is the same in all runs.
std::optional<Value> DependsOn(OpCall& call, const Value& choice, std::string why) {
  if (choice.IsUniform() || choice.kind == Kind::kItem) return std::nullopt;
  if (choice.kind == Kind::kSizes && choice.cause >= 0) return UnknownValue(choice.cause);
  return choice.kind == Kind::kUnknown ? choice : call.Refuse(std::move(why));
}

Values Choose(OpCall& call, const std::vector<std::string_view>& branches) {
  Interpreter& interpreter = call.interpreter();
  const auto unknown = DependsOn(call, call.in(0), "chooses by what depends on rows, or on their number");
  std::optional<Values> chosen;
  for (const std::string_view branch : branches) {
    Values results = interpreter.Call(call.node(), branch, ArgumentsOf(call, 1));
    if (interpreter.stopped()) return {};
    if (chosen && chosen->size() != results.size()) {
      interpreter.Stop(call.node(), "has branches with different numbers of results");
      return {};
    }
    if (chosen) {
      const int32_t cause = call.Cause("has branches that follow rows in different ways");
      for (size_t i = 0; i < results.size(); i++) results[i] = Join((*chosen)[i], results[i], cause);
    }
    chosen = std::move(results);
  }
  if (!chosen) return {call.Refuse("has no branches")};
  if (unknown) return AllUnknown(chosen->size(), *unknown);
  return call.in(0).kind == Kind::kItem ? AllItems(std::move(*chosen), call, call.in(0).items.space)
                                        : std::move(*chosen);
}

// A loop from the first item of a space to its last, as map_fn makes one: its counters begin at 0 and go up by 1, it
// goes on while they are less than the number of items, and each pass puts one element into lists that have one for
// each item.
class RowLoop {
 public:
  explicit RowLoop(OpCall& call) : call_(call), interpreter_(call.interpreter()), variables_(ArgumentsOf(call, 0)) {}

  // Nothing if it is no such loop, or is not known to be one.
  std::optional<Values> Run() {
    const Body* body = interpreter_.FunctionBody(call_.node().Function("body"));
    if (!FindSpace() || !body || body->results.size() != variables_.size()) return std::nullopt;
    FindCounters();
    for (int pass = 0; pass < kMostPasses; pass++) {
      const Values results = Pass("body");
      if (results.size() != variables_.size()) return std::nullopt;
      const auto settled = Take(*body, results);
      if (!settled) return std::nullopt;
      if (*settled) return GoesOverAll() ? std::optional(Outcome()) : std::nullopt;
    }
    return std::nullopt;
  }

 private:
  bool FindSpace() {
    for (const Value& variable : variables_) {
      // In a loop over the same items, which one it is at would be taken for the one that this one is at.
      if (variable.kind == Kind::kItem || variable.is_open || variable.role == Role::kCurrent) return false;
      if (variable.IsByItem()) space_ = variable.items.space;
    }
    return space_ != kNoSpace;
  }

  void FindCounters() {
    for (const Value& variable : variables_)
      is_counter_.push_back(variable.IsUniform() && variable.IsScalar() && variable.has_ints &&
                            variable.ints[0].IsConst(0));
  }

  Values Pass(std::string_view function) {
    std::vector<Value> arguments = variables_;
    for (size_t i = 0; i < arguments.size(); i++) {
      if (is_counter_[i]) arguments[i] = RoleOf(Role::kCurrent, {space_, space_}, {});
      if (arguments[i].kind == Kind::kList) arguments[i].argument = static_cast<int32_t>(i);
    }
    return interpreter_.Call(call_.node(), call_.node().Function(function), std::move(arguments));
  }

  // Whether nothing new was learned by a pass; nothing if it did what such loops do not do.
  std::optional<bool> Take(const Body& body, const Values& results) {
    bool settled = true;
    for (size_t i = 0; i < results.size(); i++) {
      const bool passes = PassesOn(body, body.results[i], static_cast<int32_t>(i));
      if (is_counter_[i] && passes) {
        is_counter_[i] = settled = false;  // a 0 that stays one
      } else if (is_counter_[i]) {
        if (results[i].kind != Kind::kRole || results[i].role != Role::kNext || results[i].items.space != space_)
          return std::nullopt;
      } else if (!passes) {
        // The list that came in there, with one element more: not another one, or a new one with each pass.
        Value result = results[i];
        const bool is_own = result.IsByItem() && result.is_open && result.argument == static_cast<int32_t>(i);
        if (!is_own || result.items.space != space_) return std::nullopt;
        result.argument = variables_[i].argument;
        Value joined = Join(variables_[i], result, call_.Cause("fills a list in different ways"));
        if (joined.kind == Kind::kUnknown) return std::nullopt;
        settled = settled && joined == variables_[i];
        variables_[i] = std::move(joined);
      }
    }
    return settled;
  }

  // Whether a result is the argument at that place, as it came in.
  static bool PassesOn(const Body& body, Reference result, int32_t argument) {
    for (size_t steps = 0; steps <= body.nodes.size() && result.kind == Reference::Kind::kNode; steps++) {
      const Node& node = body.nodes[result.place];
      if (node.op != "Identity" || node.references.empty()) return false;
      result = node.references[0];
    }
    return result.kind == Reference::Kind::kArgument && result.place == argument;
  }

  bool GoesOverAll() {
    const Values condition = Pass("cond");
    return condition.size() == 1 && condition[0].kind == Kind::kRole && condition[0].role == Role::kGoesOn &&
           condition[0].items.space == space_;
  }

  Values Outcome() {
    for (size_t i = 0; i < variables_.size(); i++) {
      if (is_counter_[i]) variables_[i] = IntsOf({}, {Size::Extent(space_)});
      variables_[i].is_open = false;
    }
    return std::move(variables_);
  }

  OpCall& call_;
  Interpreter& interpreter_;
  std::vector<Value> variables_;
  std::vector<bool> is_counter_;
  SpaceId space_ = kNoSpace;
};

}  // namespace

Values CallFunction(OpCall& call) {
  return call.interpreter().Call(call.node(), call.node().Function("f"), ArgumentsOf(call, 0));
}

Values If(OpCall& call) {
  return Choose(call, {call.node().Function("then_branch"), call.node().Function("else_branch")});
}

Values Case(OpCall& call) { return Choose(call, call.node().Functions("branches")); }

Values While(OpCall& call) {
  Interpreter& interpreter = call.interpreter();
  if (auto results = RowLoop(call).Run(); results || interpreter.stopped()) return results.value_or(Values{});
  std::vector<Value> variables = ArgumentsOf(call, 0);
  bool settled = false;
  for (int pass = 0; pass < kMostPasses && !settled; pass++) {
    const Values results = interpreter.Call(call.node(), call.node().Function("body"), variables);
    if (interpreter.stopped()) return {};
    if (results.size() != variables.size()) {
      interpreter.Stop(call.node(), "has a body with another number of results");
      return {};
    }
    settled = true;
    const int32_t cause = call.Cause("has a variable that follows rows in another way after a pass than before");
    for (size_t i = 0; i < variables.size(); i++) {
      Value joined = Join(variables[i], results[i], cause);
      settled = settled && joined == variables[i];
      variables[i] = std::move(joined);
    }
  }
  if (!settled) return AllUnknown(variables.size(), call.Refuse("does not settle"));
  const Values condition = interpreter.Call(call.node(), call.node().Function("cond"), variables);
  if (interpreter.stopped()) return {};
  if (condition.size() != 1) {
    interpreter.Stop(call.node(), "has no condition");
    return {};
  }
  if (const auto unknown = DependsOn(call, condition[0], "ends by what depends on rows, or on their number"))
    return AllUnknown(variables.size(), *unknown);
  return condition[0].kind == Kind::kItem ? AllItems(std::move(variables), call, condition[0].items.space) : variables;
}

}  // namespace tensorgate::rows
