// Serialized MetaGraphDefs, put together field by field for tests.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tensorgate {

inline std::string WireVarint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string WireNumber(uint32_t number, int64_t value) {
  return WireVarint(number << 3) + WireVarint(static_cast<uint64_t>(value));
}
inline std::string WireBytes(uint32_t number, std::string_view bytes) {
  return WireVarint(number << 3 | 2) + WireVarint(bytes.size()) + std::string(bytes);
}
inline std::string WireEntry(std::string_view key, std::string_view value) {
  return WireBytes(1, key) + WireBytes(2, value);
}

using Dims = std::vector<int64_t>;
constexpr int kFloat = 1, kInt32 = 3, kInt64 = 9;  // DataType

inline std::string ShapeProto(const Dims& dims) {
  std::string proto;
  for (const int64_t dim : dims) proto += WireBytes(2, WireNumber(1, dim));
  return proto;
}

// An attribute of a node: its name and AttrValue.
using Attribute = std::pair<std::string, std::string>;
inline Attribute Int(std::string name, int64_t value) { return {std::move(name), WireNumber(3, value)}; }
inline Attribute Flag(std::string name, bool value) { return {std::move(name), WireNumber(5, value)}; }
inline Attribute Type(std::string name, int type) { return {std::move(name), WireNumber(6, type)}; }
inline Attribute Text(std::string name, std::string_view text) { return {std::move(name), WireBytes(2, text)}; }
inline Attribute Func(std::string name, std::string_view function) {
  return {std::move(name), WireBytes(10, WireBytes(1, function))};
}
inline Attribute ShapeAttr(std::string name, const Dims& dims) {
  return {std::move(name), WireBytes(7, ShapeProto(dims))};
}
inline Attribute Ints(std::string name, const Dims& values) {
  std::string packed;
  for (const int64_t value : values) packed += WireVarint(static_cast<uint64_t>(value));
  return {std::move(name), WireBytes(1, WireBytes(3, packed))};
}

inline std::string NodeDef(std::string_view name, std::string_view op, const std::vector<std::string>& inputs = {},
                           const std::vector<Attribute>& attributes = {}) {
  std::string node = WireBytes(1, name) + WireBytes(2, op);
  for (const std::string& input : inputs) node += WireBytes(3, input);
  for (const auto& [key, value] : attributes) node += WireBytes(5, WireEntry(key, value));
  return node;
}

// A Const of int32: a vector, or with `is_scalar` its only element.
inline std::string IntsNode(std::string_view name, const Dims& values, bool is_scalar = false) {
  std::string packed;
  for (const int64_t value : values) packed += WireVarint(static_cast<uint64_t>(value));
  const Dims dims = is_scalar ? Dims{} : Dims{static_cast<int64_t>(values.size())};
  const std::string tensor = WireNumber(1, kInt32) + WireBytes(2, ShapeProto(dims)) + WireBytes(7, packed);
  return NodeDef(name, "Const", {}, {{"value", WireBytes(8, tensor)}});
}
inline std::string FloatsNode(std::string_view name, const Dims& dims) {
  return NodeDef(name, "Const", {}, {{"value", WireBytes(8, WireNumber(1, kFloat) + WireBytes(2, ShapeProto(dims)))}});
}

inline std::string FunctionDef(std::string_view name, const std::vector<std::string>& arguments,
                               const std::vector<std::string>& nodes, const std::vector<std::string>& results) {
  std::string signature = WireBytes(1, name), rest;
  for (const std::string& argument : arguments) signature += WireBytes(2, WireBytes(1, argument));
  for (const std::string& node : nodes) rest += WireBytes(3, node);
  for (size_t i = 0; i < results.size(); i++) {
    const std::string result = "result" + std::to_string(i);
    signature += WireBytes(3, WireBytes(1, result));
    rest += WireBytes(4, WireEntry(result, results[i]));
  }
  return WireBytes(1, signature) + rest;
}

struct TensorOf {
  std::string name;
  Dims shape;
};

// One signature, `serving_default`.
struct MetaGraphWriter {
  std::vector<std::string> nodes;
  std::vector<std::string> functions;
  std::vector<TensorOf> inputs;
  std::vector<std::string> outputs;

  // A placeholder that is an input of the signature.
  MetaGraphWriter& In(const std::string& name, const Dims& shape) {
    nodes.push_back(NodeDef(name, "Placeholder", {}, {ShapeAttr("shape", shape)}));
    inputs.push_back({name + ":0", shape});
    return *this;
  }
  MetaGraphWriter& Add(std::string node) {
    nodes.push_back(std::move(node));
    return *this;
  }
  MetaGraphWriter& Add(std::string_view name, std::string_view op, const std::vector<std::string>& from,
                       const std::vector<Attribute>& attributes = {}) {
    return Add(NodeDef(name, op, from, attributes));
  }
  MetaGraphWriter& Function(std::string function) {
    functions.push_back(std::move(function));
    return *this;
  }
  MetaGraphWriter& Out(std::string tensor) {
    outputs.push_back(std::move(tensor));
    return *this;
  }

  std::string Bytes() const {
    std::string graph, library, signature;
    for (const std::string& node : nodes) graph += WireBytes(1, node);
    for (const std::string& function : functions) library += WireBytes(1, function);
    for (const TensorOf& input : inputs) {
      const std::string info = WireBytes(1, input.name) + WireBytes(3, ShapeProto(input.shape));
      signature += WireBytes(1, WireEntry(input.name, info));
    }
    for (const std::string& output : outputs) signature += WireBytes(2, WireEntry(output, WireBytes(1, output)));
    return WireBytes(2, graph + WireBytes(2, library)) + WireBytes(5, WireEntry("serving_default", signature));
  }
};

}  // namespace tensorgate
