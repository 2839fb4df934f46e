#include "interpreter.h"

#include <algorithm>

#include "row_rules.h"

namespace tensorgate::rows {

namespace {

// What a walk may cost: MobileNetV2 takes 2,000 steps, a Transformer of 12 layers 5,000.
constexpr size_t kMostSteps = 200'000;
constexpr size_t kMostCalls = 64;       // functions within functions
constexpr size_t kMostCauses = 10'000;  // as many things can go wrong before it is of no use to go on
constexpr size_t kMostNameLength = 200;
constexpr size_t kMostRank = 32;

enum State : uint8_t { kNew, kEntered, kDone };

std::string_view Shortened(std::string_view name) { return name.substr(0, kMostNameLength); }

std::vector<std::pair<std::string_view, int32_t>> ReadParts(std::string_view names) {
  std::vector<std::pair<std::string_view, int32_t>> parts;
  while (!names.empty()) {
    const size_t blank = std::min(names.find(' '), names.size());
    parts.emplace_back(names.substr(0, blank), static_cast<int32_t>(parts.size()));
    names.remove_prefix(std::min(blank + 1, names.size()));
  }
  return parts;
}

bool IsTaken(const Value& value, size_t place, uint8_t takes) {
  switch (value.kind) {
    case Kind::kSizes:
      return (takes & kSizesToo) || ((takes & kSizesBehind) && place > 0);
    case Kind::kRole:
      return takes & kRolesToo;
    case Kind::kList:
      return takes & kListsToo;
    default:
      return true;
  }
}

constexpr char kSizeAsValue[] = "takes the number of rows, or what depends on all rows, as a value";
constexpr char kRoleAsValue[] = "takes numbers or places of rows as values";

}  // namespace

std::string Interpreter::Describe(const Node& node) const {
  std::string text(Shortened(node.op));
  text.append(" \"").append(Shortened(node.name)).append("\"");
  if (!calls_.empty()) text.append(" in function \"").append(Shortened(calls_.back())).append("\"");
  return text;
}

void Interpreter::Stop(const Node& node, std::string_view why) {
  if (stop_.empty()) stop_ = Describe(node).append(" ").append(why);
}

bool Interpreter::Spend(size_t steps) {
  steps_ += steps;
  *budget_ -= std::min(*budget_, steps);
  if ((steps_ > kMostSteps || *budget_ == 0) && stop_.empty()) stop_ = "the graph is too large to be looked through";
  return !stopped();
}

int32_t Interpreter::AddCause(const Node& node, std::string why) {
  if (causes_.size() < kMostCauses) causes_.push_back({Describe(node), std::move(why)});
  return static_cast<int32_t>(causes_.size()) - 1;
}

std::string Interpreter::CauseText(int32_t cause) const {
  if (cause < 0 || static_cast<size_t>(cause) >= causes_.size()) return "the graph has an input that is not known";
  return causes_[cause].node + " " + causes_[cause].why;
}

SpaceId Interpreter::NewSpace(SpaceId covered) {
  covered_.push_back(covered);
  return static_cast<SpaceId>(covered_.size()) - 1;
}

bool Interpreter::CoversAll(const Items& items) const {
  const bool is_space = items.space >= 0 && static_cast<size_t>(items.space) < covered_.size();
  return is_space && items.owner != kNoSpace && covered_[items.space] == items.owner;
}

void Interpreter::NameUnknown(Value* value) {
  if (value->kind == Kind::kUnknown) return;
  for (Size& dim : value->dims)
    if (dim.kind() == Size::Kind::kUniform) dim = NewDim();
  for (Size& element : value->ints)
    if (element.kind() == Size::Kind::kUniform) element = Size::Symbol((next_symbol_ += 2) + 1);
}

// Holds each rule to what the kinds of values promise: a rule that forgets a case must not prove anything.
void Interpreter::Seal(OpCall* call, Value* value) {
  const auto uniform = [](const Size& size) { return size.IsUniform(); };
  bool holds = value->rank() <= static_cast<int32_t>(kMostRank);
  if (value->kind == Kind::kUniform)
    holds = holds && std::all_of(value->dims.begin(), value->dims.end(), uniform) &&
            std::all_of(value->ints.begin(), value->ints.end(), uniform);
  if (value->IsRows()) {
    holds = holds && value->axis >= 0 && value->axis < value->rank() && value->rows.outer.IsUniform() &&
            value->rows.inner.IsUniform() && value->dims[value->axis].IsPureExtent() &&
            value->dims[value->axis] == value->rows.dim();
    for (int32_t i = 0; holds && i < value->rank(); i++) holds = i == value->axis || value->dims[i].IsUniform();
  }
  if (!holds) *value = call->Refuse("has an output whose shape depends on the batch in a way that is not followed");
  NameUnknown(value);
}

bool Interpreter::IsFed(const Frame& frame, const Reference& reference) const {
  return frame.feeds && reference.kind == Reference::Kind::kNode &&
         frame.feeds->contains({reference.place, reference.index});
}

const Value* Interpreter::Find(const Frame& frame, const Reference& reference) {
  static const Value kUnknown = UnknownValue(-1), kUniform = UniformValue();
  if (reference.kind == Reference::Kind::kArgument) return &frame.arguments[reference.place];
  if (reference.kind != Reference::Kind::kNode) return &kUnknown;
  if (IsFed(frame, reference)) return &frame.feeds->at({reference.place, reference.index});
  const Outputs& outputs = frame.outputs[reference.place];
  int32_t index = reference.index;
  if (!reference.output.empty() && !outputs.parts.empty()) {
    const auto part = std::find_if(outputs.parts.begin(), outputs.parts.end(),
                                   [&](const auto& each) { return each.first == reference.output; });
    if (part == outputs.parts.end()) return &kUnknown;
    index += part->second;
  }
  if (outputs.values.size() == 1 && outputs.values[0].kind == Kind::kUnknown) return &outputs.values[0];
  if (outputs.values.size() == 1 && outputs.values[0].IsUniform() && index > 0) return &kUniform;
  return static_cast<size_t>(index) < outputs.values.size() ? &outputs.values[index] : &kUnknown;
}

// Puts on the stack what a node waits for.
bool Interpreter::Enter(Frame* frame, int32_t place, std::vector<int32_t>* stack) {
  const Node& node = frame->body->nodes[place];
  if (!Spend(1 + node.references.size())) return false;
  frame->states[place] = kEntered;
  if (const RuleRow* row = FindRule(node.op); row && !row->rule) {
    Stop(node, row->extra);
    return false;
  }
  for (const Reference& reference : node.references) {
    const bool is_control = reference.kind == Reference::Kind::kControl;
    if (reference.kind == Reference::Kind::kMissing) {
      Stop(node, "has an input that the graph does not have");
      return false;
    }
    if ((!is_control && reference.kind != Reference::Kind::kNode) || IsFed(*frame, reference)) continue;
    // TensorFlow cuts the order of execution, too, where a placeholder is fed.
    const Node& input = frame->body->nodes[reference.place];
    if (is_control && frame->feeds && input.op == "Placeholder" && frame->feeds->contains({reference.place, 0}))
      continue;
    if (frame->states[reference.place] == kEntered) {
      Stop(node, "waits for itself");
      return false;
    }
    if (frame->states[reference.place] == kNew) stack->push_back(reference.place);
  }
  return true;
}

// Depth first, with a stack of its own: graphs may be chains of a million nodes.
bool Interpreter::Evaluate(Frame* frame, std::vector<int32_t> stack) {
  frame->outputs.resize(frame->body->nodes.size());
  frame->states.assign(frame->body->nodes.size(), kNew);
  while (!stack.empty()) {
    const int32_t place = stack.back();
    if (frame->states[place] == kNew) {
      if (!Enter(frame, place, &stack)) return false;
      continue;
    }
    stack.pop_back();
    if (frame->states[place] == kDone) continue;
    frame->states[place] = kDone;
    Apply(frame, place);
    if (stopped()) return false;
  }
  return true;
}

void Interpreter::Apply(Frame* frame, int32_t place) {
  const Node& node = frame->body->nodes[place];
  std::vector<const Value*> inputs;
  for (const Reference& reference : node.references)
    if (reference.kind == Reference::Kind::kNode || reference.kind == Reference::Kind::kArgument)
      inputs.push_back(Find(*frame, reference));
  OpCall call(this, node, std::move(inputs));
  Outputs& outputs = frame->outputs[place];
  outputs.values = Judge(&call, &outputs);
  size_t kept = outputs.values.size();
  for (Value& value : outputs.values) {
    Seal(&call, &value);
    kept += (value.dims.size() + value.ints.size()) / 8;
  }
  Spend(kept);
}

// In a loop over items: an operation of what depends on the item alone gives what does. Its rule says what is known of
// the shape.
Values Interpreter::JudgeItem(OpCall* call, const RuleRow& row) {
  SpaceId space = kNoSpace;
  std::vector<Value> inputs;
  for (const Value* input : call->inputs()) {
    const bool is_item = input->kind == Kind::kItem;
    if ((!is_item && !input->IsUniform()) || (is_item && space != kNoSpace && input->items.space != space))
      return {call->Refuse("combines one row, in a loop over them, with others or their number")};
    inputs.push_back(*input);
    if (!is_item) continue;
    space = input->items.space;
    inputs.back() = input->has_rank ? UniformOf(input->dims) : UniformValue();
    for (Size& dim : inputs.back().dims)
      if (!dim.IsMonomial() || !dim.IsUniform()) dim = Size::Uniform();  // nothing is made of those, see ItemOf()
  }
  std::vector<const Value*> places;
  for (const Value& input : inputs) places.push_back(&input);
  OpCall as_uniform(this, call->node(), std::move(places));
  Values values = row.rule(as_uniform);
  for (Value& value : values) {
    if (value.kind == Kind::kUnknown || value.HasConstants()) continue;
    value = value.IsUniform() ? ItemOf(space, value) : call->Refuse("makes of one row what is not followed");
  }
  return values;
}

Values Interpreter::Judge(OpCall* call, Outputs* outputs) {
  const Node& node = call->node();
  if (node.has_placeholders) {
    Stop(node, "has an attribute that its caller sets, which is not followed");
    return {};
  }
  // A library's function comes before TensorFlow's operation of that name.
  if (graph_->HasFunction(node.op)) {
    std::vector<Value> arguments;
    for (const Value* input : call->inputs()) arguments.push_back(*input);
    Values results = Call(node, node.op, std::move(arguments));
    // Which name stands for which of several is not looked up: exporters do not write such calls any more.
    if (results.size() > 1) Stop(node, "calls a function with several results by its name");
    return results;
  }
  const RuleRow* row = FindRule(node.op);
  if (!row) {
    Stop(node, "is an operation without a rule: what it does to rows is not known");
    return {};
  }
  outputs->parts = ReadParts(row->extra);
  bool has_items = false;
  for (size_t i = 0; i < call->count(); i++) {
    const Value* input = &call->in(i);
    has_items = has_items || input->kind == Kind::kItem;
    if (input->kind == Kind::kUnknown && !(row->takes & kUnknownToo)) return {*input};
    if (IsTaken(*input, i, row->takes)) continue;
    if (input->cause >= 0 && (input->kind == Kind::kSizes || input->kind == Kind::kRole))
      return {UnknownValue(input->cause)};
    return {call->Refuse(input->kind == Kind::kRole ? kRoleAsValue : kSizeAsValue)};
  }
  Values values = has_items && !(row->takes & kItemsToo) ? JudgeItem(call, *row) : row->rule(*call);
  if (!call->parts().empty()) outputs->parts = call->parts();
  return values;
}

Values Interpreter::Call(const Node& caller, std::string_view function, std::vector<Value> arguments) {
  const Body* body = graph_->Function(function);
  if (!body || !body->readable || body->arguments.size() != arguments.size()) {
    Stop(caller, "calls a function that the graph does not have in that form");
    return {};
  }
  if (calls_.size() >= kMostCalls) {
    Stop(caller, "calls too many functions within functions");
    return {};
  }
  if (!Spend(body->nodes.size() + arguments.size())) return {};
  for (Value& argument : arguments) NameUnknown(&argument);
  calls_.push_back(body->name);
  Frame frame{body, arguments, nullptr, {}, {}};
  // All of it: what changes something is run in functions whether its outputs are used or not.
  std::vector<int32_t> all(body->nodes.size());
  for (size_t i = 0; i < all.size(); i++) all[i] = static_cast<int32_t>(all.size() - 1 - i);
  Values results;
  if (Evaluate(&frame, std::move(all)))
    for (const Reference& result : body->results) results.push_back(*Find(frame, result));
  calls_.pop_back();
  return results;
}

std::optional<Values> Interpreter::Run(const Feeds& feeds, std::span<const Reference> tensors) {
  Frame frame{&graph_->main(), {}, &feeds, {}, {}};
  std::vector<int32_t> stack;
  for (const Reference& tensor : tensors)
    if (!IsFed(frame, tensor)) stack.push_back(tensor.place);
  if (!Evaluate(&frame, std::move(stack))) return std::nullopt;
  Values values;
  for (const Reference& tensor : tensors) values.push_back(*Find(frame, tensor));
  return values;
}

}  // namespace tensorgate::rows
