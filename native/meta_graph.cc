#include "meta_graph.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "codec/wire_walk.h"

namespace tensorgate {

namespace {

// Field numbers of tensorflow/core/protobuf/meta_graph.proto and tensorflow/core/framework/*.proto.
constexpr uint32_t kGraphDef = 2, kSaverDef = 3, kSignatureDef = 5;  // MetaGraphDef
constexpr uint32_t kInputs = 1, kOutputs = 2;                        // SignatureDef
constexpr uint32_t kTensorName = 1;                                  // TensorInfo
constexpr uint32_t kKey = 1, kValue = 2;                             // entries of maps
constexpr uint32_t kNode = 1, kLibrary = 2;                          // GraphDef
constexpr uint32_t kNodeName = 1, kOp = 2, kInput = 3, kAttr = 5;    // NodeDef
constexpr uint32_t kFunc = 10;                                       // AttrValue
constexpr uint32_t kFuncName = 1;                                    // NameAttrList
constexpr uint32_t kFunction = 1;                                    // FunctionDefLibrary
constexpr uint32_t kFunctionSignature = 1, kFunctionNode = 3;        // FunctionDef
constexpr uint32_t kFunctionName = 1;                                // OpDef

// Operations whose work follows from the shapes of their inputs. Left out on purpose: loops and branches, strings,
// tables, files, random numbers, Python, and whatever makes a shape out of a value (Fill, Tile, Range, BroadcastTo,
// Where …).
const std::unordered_set<std::string_view>& SteadyOps() {
  // clang-format off
  static const auto* ops = new std::unordered_set<std::string_view>{
      "Placeholder", "PlaceholderWithDefault", "Const", "VariableV2", "VarHandleOp", "ReadVariableOp", "Identity",
      "IdentityN", "NoOp", "StopGradient", "PreventGradient", "PartitionedCall", "StatefulPartitionedCall",
      "Add", "AddV2", "AddN", "Sub", "Mul", "Div", "RealDiv", "DivNoNan", "FloorDiv", "FloorMod", "Maximum", "Minimum",
      "Neg", "Abs", "Sign", "Square", "Sqrt", "Rsqrt", "Pow", "Exp", "Expm1", "Log", "Log1p", "Erf", "Erfc", "Sin",
      "Cos", "Tanh", "Sigmoid", "Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Softplus", "Softsign", "Softmax",
      "LogSoftmax", "SquaredDifference", "Reciprocal", "Round", "Rint", "Floor", "Ceil", "ClipByValue", "Cast",
      "Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual", "LogicalAnd", "LogicalOr", "LogicalNot",
      "Select", "SelectV2", "IsNan", "IsFinite", "IsInf",
      "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "BiasAdd", "BiasAddV1", "Conv1D", "Conv2D",
      "Conv3D", "DepthwiseConv2dNative", "MaxPool", "MaxPoolV2", "AvgPool", "MaxPool3D", "AvgPool3D",
      "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "LRN",
      "Mean", "Sum", "Max", "Min", "Prod", "All", "Any", "ArgMax", "ArgMin", "TopKV2", "L2Loss",
      "Reshape", "Squeeze", "ExpandDims", "Transpose", "Shape", "ShapeN", "Rank", "Size", "Concat", "ConcatV2", "Pack",
      "Unpack", "Split", "SplitV", "Slice", "StridedSlice", "Gather", "GatherV2", "GatherNd", "ResourceGather", "Pad",
      "PadV2", "MirrorPad", "ReverseV2", "ZerosLike", "OnesLike",
  };
  // clang-format on
  return *ops;
}

struct Node {
  std::string_view name;
  std::string_view op;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> functions;  // that its attributes name
};

// Constants, which can be large, are passed over.
Node ReadNode(std::string_view node_def) {
  Node node;
  for (WireWalk field(node_def); field.Next();) {
    if (field.number() == kNodeName) node.name = field.bytes();
    if (field.number() == kOp) node.op = field.bytes();
    if (field.number() == kInput) node.inputs.push_back(field.bytes());
    if (field.number() != kAttr) continue;
    for (WireWalk value(FindField(field.bytes(), kValue)); value.Next();)
      if (value.number() == kFunc) node.functions.push_back(FindField(value.bytes(), kFuncName));
  }
  return node;
}

// The node of `name:1` or `^name`.
std::string_view NodeOf(std::string_view tensor) {
  if (tensor.starts_with('^')) tensor.remove_prefix(1);
  const size_t colon = tensor.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == tensor.size()) return tensor;
  const std::string_view index = tensor.substr(colon + 1);
  const bool is_number = std::all_of(index.begin(), index.end(), [](char c) { return c >= '0' && c <= '9'; });
  return is_number ? tensor.substr(0, colon) : tensor;
}

class Graph {
 public:
  explicit Graph(std::string_view graph_def) {
    for (WireWalk field(graph_def); field.Next();) {
      if (field.number() == kNode) AddNode(ReadNode(field.bytes()));
      if (field.number() != kLibrary) continue;
      for (WireWalk each(field.bytes()); each.Next();)
        if (each.number() == kFunction)
          functions_[FindField(FindField(each.bytes(), kFunctionSignature), kFunctionName)] = each.bytes();
    }
  }

  // Looks at all that lies between the nodes of `inputs` and `outputs`.
  bool IsSteadyBetween(const std::vector<std::string_view>& inputs, std::vector<std::string_view> outputs) {
    std::unordered_set<std::string_view> seen(inputs.begin(), inputs.end());
    while (!outputs.empty()) {
      const std::string_view name = outputs.back();
      outputs.pop_back();
      if (!seen.insert(name).second) continue;
      const auto node = nodes_.find(name);
      if (node == nodes_.end() || !IsSteady(node->second)) return false;
      for (const std::string_view input : node->second.inputs) outputs.push_back(NodeOf(input));
    }
    return true;
  }

 private:
  void AddNode(Node node) { nodes_[node.name] = std::move(node); }

  bool IsSteady(const Node& node) {
    return SteadyOps().contains(node.op) &&
           std::all_of(node.functions.begin(), node.functions.end(),
                       [this](std::string_view function) { return IsSteadyFunction(function); });
  }

  bool IsSteadyFunction(std::string_view name) {
    const auto [known, is_new] = known_.try_emplace(name, false);
    if (!is_new) return known->second;
    const auto function = functions_.find(name);
    if (function == functions_.end()) return false;
    for (WireWalk field(function->second); field.Next();)
      if (field.number() == kFunctionNode && !IsSteady(ReadNode(field.bytes()))) return false;
    return known_[name] = true;
  }

  std::unordered_map<std::string_view, Node> nodes_;
  std::unordered_map<std::string_view, std::string_view> functions_;  // FunctionDefs
  // Of functions; one that is being looked at counts as not steady, which ends recursion.
  std::unordered_map<std::string_view, bool> known_;
};

// The nodes behind a signature's inputs or outputs.
std::vector<std::string_view> NodesOf(std::string_view signature_def, uint32_t side) {
  std::vector<std::string_view> nodes;
  for (WireWalk field(signature_def); field.Next();)
    if (field.number() == side) nodes.push_back(NodeOf(FindField(FindField(field.bytes(), kValue), kTensorName)));
  return nodes;
}

}  // namespace

std::string WithoutGraph(std::string_view meta_graph) {
  std::string kept;
  for (WireWalk field(meta_graph); field.Next();)
    if (field.number() == kSaverDef || field.number() == kSignatureDef) kept += field.whole();
  return kept;
}

std::vector<std::string> FindSteadySignatures(std::string_view meta_graph) {
  Graph graph(FindField(meta_graph, kGraphDef));
  std::vector<std::string> names;
  for (WireWalk field(meta_graph); field.Next();) {
    if (field.number() != kSignatureDef) continue;
    const std::string_view def = FindField(field.bytes(), kValue);
    if (graph.IsSteadyBetween(NodesOf(def, kInputs), NodesOf(def, kOutputs)))
      names.emplace_back(FindField(field.bytes(), kKey));
  }
  return names;
}

}  // namespace tensorgate
