#include "lasting_effects.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "../../codec/wire_walk.h"
#include "tensor_info.h"

namespace tensorgate {

namespace {

// Field numbers of tensorflow/core/protobuf/meta_graph.proto and tensorflow/core/framework/*.proto.
constexpr uint32_t kGraphDef = 2, kSignatureDef = 5;               // MetaGraphDef
constexpr uint32_t kInputs = 1, kOutputs = 2;                      // SignatureDef
constexpr uint32_t kKey = 1, kValue = 2;                           // entries of maps
constexpr uint32_t kNode = 1, kLibrary = 2;                        // GraphDef
constexpr uint32_t kNodeName = 1, kOp = 2, kInput = 3, kAttr = 5;  // NodeDef
constexpr uint32_t kList = 1, kString = 2, kInt = 3, kFunc = 10;   // AttrValue
constexpr uint32_t kListFunc = 9;                                  // AttrValue.ListValue
constexpr uint32_t kFuncName = 1;                                  // NameAttrList
constexpr uint32_t kFunction = 1;                                  // FunctionDefLibrary
constexpr uint32_t kFunctionSignature = 1, kFunctionNode = 3;      // FunctionDef
constexpr uint32_t kFunctionName = 1;                              // OpDef

struct Node {
  std::string_view name;
  std::string_view op;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> functions;  // that its attributes name
  NodeTraits traits;
};

void ReadAttribute(std::string_view name, std::string_view value, Node* node) {
  for (WireWalk field(value); field.Next();) {
    if (field.number() == kFunc) node->functions.push_back(FindField(field.bytes(), kFuncName));
    if (field.number() == kInt && (name == "seed" || name == "seed2")) node->traits.has_seed |= field.value() != 0;
    if (field.number() == kString && name == "output_stream")
      node->traits.prints_to_file = field.bytes().starts_with("file:");
    if (field.number() != kList) continue;
    for (WireWalk each(field.bytes()); each.Next();)
      if (each.number() == kListFunc) node->functions.push_back(FindField(each.bytes(), kFuncName));
  }
}

Node ReadNode(std::string_view node_def) {
  Node node;
  for (WireWalk field(node_def); field.Next();) {
    if (field.number() == kNodeName) node.name = field.bytes();
    if (field.number() == kOp) node.op = field.bytes();
    if (field.number() == kInput) node.inputs.push_back(field.bytes());
    if (field.number() == kAttr) ReadAttribute(FindField(field.bytes(), kKey), FindField(field.bytes(), kValue), &node);
  }
  return node;
}

// The node and the output of `name:1`; no index means 0.
std::pair<std::string_view, std::string_view> SplitTensor(std::string_view tensor) {
  const size_t colon = tensor.rfind(':');
  if (colon == std::string_view::npos) return {tensor, "0"};
  return {tensor.substr(0, colon), tensor.substr(colon + 1)};
}

std::string WithIndex(std::string_view tensor) {
  const auto [node, index] = SplitTensor(tensor);
  return std::string(node).append(":").append(index);
}

// The graph tensors behind a signature's inputs or outputs.
std::vector<std::string_view> TensorsOf(std::string_view signature_def, uint32_t side) {
  std::vector<std::string_view> tensors;
  for (WireWalk field(signature_def); field.Next();)
    if (field.number() == side) AddTensorNames(FindField(field.bytes(), kValue), &tensors);
  return tensors;
}

class Effects {
 public:
  Effects(std::string_view graph_def, const OpRegistry& registry) : registry_(registry) {
    for (WireWalk field(graph_def); field.Next();) {
      if (field.number() == kNode) {
        Node node = ReadNode(field.bytes());
        nodes_[node.name] = std::move(node);
      }
      if (field.number() != kLibrary) continue;
      for (WireWalk each(field.bytes()); each.Next();)
        if (each.number() == kFunction)
          functions_[FindField(FindField(each.bytes(), kFunctionSignature), kFunctionName)].def = each.bytes();
    }
  }

  // Walks what a run computes: all that the outputs need, up to what is fed.
  std::optional<LastingEffect> Find(const std::vector<std::string_view>& inputs,
                                    const std::vector<std::string_view>& outputs) {
    std::unordered_set<std::string> fed;
    for (const std::string_view tensor : inputs) fed.insert(WithIndex(tensor));
    std::unordered_set<std::string_view> seen;
    std::vector<std::string_view> called;
    std::vector<std::string_view> wanted = outputs;
    while (!wanted.empty()) {
      std::string_view tensor = wanted.back();
      wanted.pop_back();
      const bool is_control = tensor.starts_with('^');
      if (is_control) tensor.remove_prefix(1);
      if (!is_control && fed.contains(WithIndex(tensor))) continue;
      const std::string_view name = is_control ? tensor : SplitTensor(tensor).first;
      const auto found = nodes_.find(name);
      if (found == nodes_.end() || !seen.insert(name).second) continue;
      const Node& node = found->second;
      if (Changes(node)) return LastingEffect{{}, std::string(node.op), std::string(node.name)};
      AddCalls(node, &called);
      wanted.insert(wanted.end(), node.inputs.begin(), node.inputs.end());
    }
    return FindInFunctions(std::move(called));
  }

 private:
  struct Function {
    std::string_view def;
    bool is_read = false;
    std::optional<LastingEffect> effect;
    std::vector<std::string_view> calls;
  };

  bool Changes(const Node& node) {
    if (functions_.contains(node.op)) return false;  // a call by the function's name
    const auto [known, is_new] = traits_.try_emplace(node.op);
    if (is_new) known->second = registry_(node.op);
    return ChangesState(node.op, known->second, node.traits);
  }

  void AddCalls(const Node& node, std::vector<std::string_view>* called) const {
    called->insert(called->end(), node.functions.begin(), node.functions.end());
    if (functions_.contains(node.op)) called->push_back(node.op);
  }

  // All of a function's stateful nodes are run, whether its outputs need them or not.
  const Function& Read(std::string_view name, Function* function) {
    if (std::exchange(function->is_read, true)) return *function;
    for (WireWalk field(function->def); field.Next();) {
      if (field.number() != kFunctionNode) continue;
      const Node node = ReadNode(field.bytes());
      if (!function->effect && Changes(node))
        function->effect = LastingEffect{{}, std::string(node.op), std::string(name).append("/").append(node.name)};
      AddCalls(node, &function->calls);
    }
    return *function;
  }

  // Not recursive: a file may nest functions to any depth.
  std::optional<LastingEffect> FindInFunctions(std::vector<std::string_view> called) {
    std::unordered_set<std::string_view> seen;
    while (!called.empty()) {
      const std::string_view name = called.back();
      called.pop_back();
      const auto found = functions_.find(name);
      if (found == functions_.end() || !seen.insert(name).second) continue;
      const Function& function = Read(name, &found->second);
      if (function.effect) return function.effect;
      called.insert(called.end(), function.calls.begin(), function.calls.end());
    }
    return std::nullopt;
  }

  const OpRegistry& registry_;
  std::unordered_map<std::string_view, Node> nodes_;
  std::unordered_map<std::string_view, Function> functions_;
  std::unordered_map<std::string_view, OpTraits> traits_;
};

}  // namespace

std::vector<LastingEffect> FindLastingEffects(std::string_view meta_graph, const OpRegistry& registry) {
  Effects effects(FindField(meta_graph, kGraphDef), registry);
  std::vector<LastingEffect> found;
  for (WireWalk field(meta_graph); field.Next();) {
    if (field.number() != kSignatureDef) continue;
    const std::string_view def = FindField(field.bytes(), kValue);
    auto effect = effects.Find(TensorsOf(def, kInputs), TensorsOf(def, kOutputs));
    if (!effect) continue;
    effect->signature = FindField(field.bytes(), kKey);
    found.push_back(*std::move(effect));
  }
  return found;
}

}  // namespace tensorgate
