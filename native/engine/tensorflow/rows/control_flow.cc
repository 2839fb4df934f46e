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

Values AllUnknown(size_t count, const Value& why) { return Values(std::max<size_t>(count, 1), why); }

// Why values that depend on a choice are unknown; nothing if the choice is the same in all runs.
std::optional<Value> DependsOn(OpCall& call, const Value& choice, std::string why) {
  if (choice.IsUniform()) return std::nullopt;
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
  return unknown ? AllUnknown(chosen->size(), *unknown) : std::move(*chosen);
}

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
  return variables;
}

}  // namespace tensorgate::rows
