#include "graph_reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "../../../codec/wire_walk.h"

namespace tensorgate::rows {

namespace {

// Field numbers of tensorflow/core/framework/*.proto.
constexpr uint32_t kKey = 1, kValue = 2;                           // entries of maps
constexpr uint32_t kNode = 1, kLibrary = 2;                        // GraphDef
constexpr uint32_t kNodeName = 1, kOp = 2, kInput = 3, kAttr = 5;  // NodeDef
constexpr uint32_t kAttrList = 1, kAttrText = 2, kAttrInt = 3, kAttrBool = 5, kAttrType = 6, kAttrShape = 7,
                   kAttrTensor = 8, kAttrPlaceholder = 9, kAttrFunction = 10;                  // AttrValue
constexpr uint32_t kListText = 2, kListInt = 3, kListType = 6, kListShape = 7, kListFunc = 9;  // AttrValue.ListValue
constexpr uint32_t kFunctionRefName = 1;                                                       // NameAttrList
constexpr uint32_t kFunction = 1;                                                              // FunctionDefLibrary
constexpr uint32_t kSignature = 1, kFunctionNode = 3, kReturn = 4, kControlReturn = 6;         // FunctionDef
constexpr uint32_t kFunctionName = 1, kInputArg = 2, kOutputArg = 3;                           // OpDef
constexpr uint32_t kArgName = 1, kArgNumber = 5, kArgTypeList = 6;                             // OpDef.ArgDef
constexpr uint32_t kDimension = 2, kUnknownRank = 3;                                           // TensorShapeProto
constexpr uint32_t kDimensionSize = 1;                                                         // TensorShapeProto.Dim
constexpr uint32_t kTensorType = 1, kTensorShape = 2, kTensorVersion = 3, kTensorContent = 4, kInt32Values = 7,
                   kInt64Values = 10;

constexpr int kInt32 = 3, kString = 7, kInt64 = 9;  // DataType

// Elements of a constant that are looked at: shapes, axes and paddings are small.
constexpr int64_t kMostElements = 256;
constexpr size_t kMostDimensions = 254;  // of a tensor, in TensorFlow

template <typename T, typename Read>
std::vector<T> ListOf(std::string_view attribute, const Read& read) {
  std::vector<T> list;
  for (WireWalk field(FindField(attribute, kAttrList)); field.Next();) read(field, &list);
  return list;
}

// Varints, alone or packed.
void AppendVarints(const WireWalk& field, std::vector<int64_t>* values, size_t most) {
  if (field.bytes().empty() && field.whole().size() > 1 && (field.whole()[0] & 7) == 0) {
    if (values->size() < most) values->push_back(static_cast<int64_t>(field.value()));
    return;
  }
  uint64_t value = 0;
  int shift = 0;
  for (const char byte : field.bytes()) {
    if (values->size() >= most || shift > 63) return;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    shift += 7;
    if (byte & 0x80) continue;
    values->push_back(static_cast<int64_t>(value));
    value = 0;
    shift = 0;
  }
}

template <typename T>
std::vector<int64_t> ReadContent(std::string_view content) {
  std::vector<int64_t> values(content.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); i++) {
    T value;
    std::memcpy(&value, content.data() + i * sizeof(T), sizeof(T));
    values[i] = value;
  }
  return values;
}

std::optional<std::vector<int64_t>> ReadValues(std::string_view tensor, int64_t count) {
  const auto type = static_cast<int>(FindVarint(tensor, kTensorType));
  if ((type != kInt32 && type != kInt64) || count > kMostElements) return std::nullopt;
  const std::string_view content = FindField(tensor, kTensorContent);
  std::vector<int64_t> values;
  if (!content.empty()) {
    if (content.size() != static_cast<size_t>(count) * (type == kInt32 ? 4 : 8)) return std::nullopt;
    values = type == kInt32 ? ReadContent<int32_t>(content) : ReadContent<int64_t>(content);
    return values;
  }
  const uint32_t number = type == kInt32 ? kInt32Values : kInt64Values;
  for (WireWalk field(tensor); field.Next();)
    if (field.number() == number) AppendVarints(field, &values, kMostElements + 1);
  if (static_cast<int64_t>(values.size()) > count) return std::nullopt;
  // What is left out repeats the last value.
  values.resize(count, values.empty() ? 0 : values.back());
  if (type == kInt32) {
    for (int64_t& value : values) value = static_cast<int32_t>(value);
  }
  return values;
}

// Whether a scalar's value is written as nothing but zeros, in whichever field its type has. Strings do not count.
bool IsZero(std::string_view tensor) {
  constexpr uint32_t kTexts = 8;
  bool is_number = FindVarint(tensor, kTensorType) != kString;
  for (WireWalk field(tensor); field.Next();) {
    if (field.number() == kTensorType || field.number() == kTensorShape || field.number() == kTensorVersion) continue;
    const auto is_zero = [](char byte) { return byte == 0; };
    const std::string_view value = field.bytes().empty() ? field.whole().substr(1) : field.bytes();
    is_number = is_number && field.number() != kTexts && std::all_of(value.begin(), value.end(), is_zero);
  }
  return is_number;
}

std::optional<int32_t> ReadIndex(std::string_view text) {
  int32_t index = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || index < 0) return std::nullopt;
  return index;
}

void Index(Body* body) {
  body->places.reserve(body->nodes.size());
  for (size_t i = 0; i < body->nodes.size(); i++) body->places[body->nodes[i].name] = static_cast<int32_t>(i);
  for (size_t i = 0; i < body->arguments.size(); i++)
    body->argument_places[body->arguments[i]] = static_cast<int32_t>(i);
}

void ResolveInputs(Body* body, bool in_function) {
  for (Node& node : body->nodes)
    for (const std::string_view input : node.inputs) node.references.push_back(body->Resolve(input, in_function));
}

void ReadSignature(std::string_view op_def, Body* body, std::vector<std::string_view>* result_names) {
  for (WireWalk field(op_def); field.Next();) {
    if (field.number() == kFunctionName) body->name = field.bytes();
    if (field.number() != kInputArg && field.number() != kOutputArg) continue;
    const std::string_view name = FindField(field.bytes(), kArgName);
    if (!FindField(field.bytes(), kArgNumber).empty() || !FindField(field.bytes(), kArgTypeList).empty())
      body->readable = false;
    (field.number() == kInputArg ? body->arguments : *result_names).push_back(name);
  }
}

std::unique_ptr<Body> ReadFunction(std::string_view function_def) {
  auto body = std::make_unique<Body>();
  std::vector<std::string_view> result_names;
  std::unordered_map<std::string_view, std::string_view> returns;
  std::vector<std::string_view> controls;
  for (WireWalk field(function_def); field.Next();) {
    if (field.number() == kSignature) ReadSignature(field.bytes(), body.get(), &result_names);
    if (field.number() == kFunctionNode) body->nodes.push_back(ReadNode(field.bytes()));
    if (field.number() == kReturn) returns[FindField(field.bytes(), kKey)] = FindField(field.bytes(), kValue);
    if (field.number() == kControlReturn) controls.push_back(FindField(field.bytes(), kValue));
  }
  Index(body.get());
  ResolveInputs(body.get(), true);
  for (const std::string_view name : result_names) body->results.push_back(body->Resolve(returns[name], true));
  for (const std::string_view name : controls) {
    const auto place = body->places.find(name);
    if (place == body->places.end())
      body->readable = false;
    else
      body->controls.push_back(place->second);
  }
  return body;
}

}  // namespace

Node ReadNode(std::string_view node_def) {
  Node node;
  for (WireWalk field(node_def); field.Next();) {
    if (field.number() == kNodeName) node.name = field.bytes();
    if (field.number() == kOp) node.op = field.bytes();
    if (field.number() == kInput) node.inputs.push_back(field.bytes());
    if (field.number() != kAttr) continue;
    const std::string_view value = FindField(field.bytes(), kValue);
    node.attributes_.emplace_back(FindField(field.bytes(), kKey), value);
    node.has_placeholders = node.has_placeholders || !FindField(value, kAttrPlaceholder).empty();
  }
  return node;
}

std::optional<std::string_view> Node::Attribute(std::string_view key) const {
  // The last one, as in a map that is read from the wire.
  for (auto attribute = attributes_.rbegin(); attribute != attributes_.rend(); ++attribute)
    if (attribute->first == key) return attribute->second;
  return std::nullopt;
}

int64_t Node::Int(std::string_view key, int64_t otherwise) const {
  const auto value = Attribute(key);
  return value ? static_cast<int64_t>(FindVarint(*value, kAttrInt)) : otherwise;
}

int64_t Node::Type(std::string_view key) const {
  return static_cast<int64_t>(FindVarint(Attribute(key).value_or(""), kAttrType));
}

bool Node::Bool(std::string_view key, bool otherwise) const {
  const auto value = Attribute(key);
  return value ? FindVarint(*value, kAttrBool) != 0 : otherwise;
}

std::string_view Node::Text(std::string_view key, std::string_view otherwise) const {
  const auto value = Attribute(key);
  return value ? FindField(*value, kAttrText) : otherwise;
}

std::vector<int64_t> Node::Ints(std::string_view key) const {
  return ListOf<int64_t>(Attribute(key).value_or(""), [](const WireWalk& field, std::vector<int64_t>* list) {
    if (field.number() == kListInt) AppendVarints(field, list, kMostElements);
  });
}

std::vector<std::string_view> Node::Texts(std::string_view key) const {
  return ListOf<std::string_view>(Attribute(key).value_or(""),
                                  [](const WireWalk& field, std::vector<std::string_view>* list) {
                                    if (field.number() == kListText) list->push_back(field.bytes());
                                  });
}

std::string_view Node::Function(std::string_view key) const {
  return FindField(FindField(Attribute(key).value_or(""), kAttrFunction), kFunctionRefName);
}

std::vector<std::string_view> Node::Functions(std::string_view key) const {
  return ListOf<std::string_view>(Attribute(key).value_or(""),
                                  [](const WireWalk& field, std::vector<std::string_view>* list) {
                                    if (field.number() == kListFunc)
                                      list->push_back(FindField(field.bytes(), kFunctionRefName));
                                  });
}

size_t Node::CountOf(std::string_view key) const {
  return ListOf<int64_t>(Attribute(key).value_or(""),
                         [](const WireWalk& field, std::vector<int64_t>* list) {
                           if (field.number() == kListType) AppendVarints(field, list, kMostElements);
                           if (field.number() == kListShape) list->push_back(0);
                         })
      .size();
}

Shape ReadShape(std::string_view tensor_shape) {
  if (FindVarint(tensor_shape, kUnknownRank) != 0) return std::nullopt;
  std::vector<int64_t> shape;
  for (WireWalk field(tensor_shape); field.Next();) {
    if (field.number() != kDimension) continue;
    if (shape.size() >= kMostDimensions) return std::nullopt;
    const auto size = static_cast<int64_t>(FindVarint(field.bytes(), kDimensionSize));
    shape.push_back(std::max<int64_t>(size, -1));
  }
  return shape;
}

Shape ShapeOf(const Node& node, std::string_view key) {
  const auto value = node.Attribute(key);
  if (!value) return std::nullopt;
  for (WireWalk field(*value); field.Next();)
    if (field.number() == kAttrShape) return ReadShape(field.bytes());
  return std::nullopt;
}

std::vector<Shape> ShapesOf(const Node& node, std::string_view key) {
  return ListOf<Shape>(node.Attribute(key).value_or(""), [](const WireWalk& field, std::vector<Shape>* list) {
    if (field.number() == kListShape && list->size() < static_cast<size_t>(kMostElements))
      list->push_back(ReadShape(field.bytes()));
  });
}

std::optional<Constant> ReadConstant(const Node& node) {
  const auto value = node.Attribute("value");
  if (!value) return std::nullopt;
  const std::string_view tensor = FindField(*value, kAttrTensor);
  const Shape shape = ReadShape(FindField(tensor, kTensorShape));
  if (!shape) return std::nullopt;
  Constant constant{*shape, {}, false, shape->empty() && IsZero(tensor)};
  int64_t count = 1;
  for (const int64_t dim : *shape)
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count)) return std::nullopt;
  if (auto values = ReadValues(tensor, count)) {
    constant.values = std::move(*values);
    constant.has_values = true;
  }
  return constant;
}

Reference Body::Resolve(std::string_view input, bool in_function) const {
  Reference reference;
  const bool is_control = input.starts_with('^');
  std::string_view node = input.substr(is_control ? 1 : 0);
  const size_t colon = node.find(':');
  if (colon != std::string_view::npos) {
    std::string_view rest = node.substr(colon + 1);
    node = node.substr(0, colon);
    if (in_function) {
      const size_t second = rest.find(':');
      reference.output = rest.substr(0, second);
      rest = second == std::string_view::npos ? "0" : rest.substr(second + 1);
    }
    const auto index = ReadIndex(rest);
    if (!index) return {};
    reference.index = *index;
  }
  // In a function only an argument is named without an output. It may be waited for, too, which says nothing.
  if (in_function && colon == std::string_view::npos) {
    const auto argument = argument_places.find(node);
    if (argument != argument_places.end()) {
      reference.kind = is_control ? Reference::Kind::kNothing : Reference::Kind::kArgument;
      reference.place = argument->second;
      return reference;
    }
    if (!is_control) return {};
  }
  const auto place = places.find(node);
  if (place == places.end()) return {};
  reference.kind = is_control ? Reference::Kind::kControl : Reference::Kind::kNode;
  reference.place = place->second;
  return reference;
}

Graph::Graph(std::string_view graph_def) {
  for (WireWalk field(graph_def); field.Next();) {
    if (field.number() == kNode) main_.nodes.push_back(ReadNode(field.bytes()));
    if (field.number() != kLibrary) continue;
    for (WireWalk each(field.bytes()); each.Next();)
      if (each.number() == kFunction)
        functions_[FindField(FindField(each.bytes(), kSignature), kFunctionName)] = each.bytes();
  }
  Index(&main_);
  ResolveInputs(&main_, false);
}

const Body* Graph::Function(std::string_view name) {
  const auto known = bodies_.find(name);
  if (known != bodies_.end()) return known->second.get();
  const auto function = functions_.find(name);
  if (function == functions_.end()) return nullptr;
  return (bodies_[name] = ReadFunction(function->second)).get();
}

}  // namespace tensorgate::rows
