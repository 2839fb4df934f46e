// A serialized GraphDef with its functions, read as far as something is asked for. Views point into the bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tensorgate::rows {

// An input of a node: another node's output, a function's argument, or only the order in which to run.
struct Reference {
  enum class Kind : uint8_t { kNode, kArgument, kControl, kNothing, kMissing };
  Kind kind = Kind::kMissing;
  int32_t place = 0;        // of the node or the argument
  std::string_view output;  // in functions: the output's name; empty in graphs
  int32_t index = 0;        // within it
};

class Node {
 public:
  std::string_view name;
  std::string_view op;
  std::vector<std::string_view> inputs;
  std::vector<Reference> references;  // the inputs, resolved
  bool has_placeholders = false;      // an attribute is left to the caller of the function

  // The AttrValue's bytes; nothing if the node does not have the attribute, which then is at its default.
  std::optional<std::string_view> Attribute(std::string_view key) const;
  int64_t Int(std::string_view key, int64_t otherwise) const;
  int64_t Type(std::string_view key) const;  // a DataType; 0 if it is not set
  bool Bool(std::string_view key, bool otherwise) const;
  std::string_view Text(std::string_view key, std::string_view otherwise) const;
  std::vector<int64_t> Ints(std::string_view key) const;
  std::vector<std::string_view> Texts(std::string_view key) const;
  std::string_view Function(std::string_view key) const;  // its name; empty if there is none
  std::vector<std::string_view> Functions(std::string_view key) const;
  size_t CountOf(std::string_view key) const;  // elements of a list of types or shapes

 private:
  friend Node ReadNode(std::string_view node_def);
  std::vector<std::pair<std::string_view, std::string_view>> attributes_;
};

Node ReadNode(std::string_view node_def);

// -1 for an unknown dimension; nothing for an unknown rank.
using Shape = std::optional<std::vector<int64_t>>;
Shape ReadShape(std::string_view tensor_shape);
// The shape that an attribute holds (`shape`), or each of those (`dense_shapes`). Unknown rank if there is none.
Shape ShapeOf(const Node& node, std::string_view key);
std::vector<Shape> ShapesOf(const Node& node, std::string_view key);

struct Constant {
  std::vector<int64_t> shape;
  std::vector<int64_t> values;  // empty unless it is of integers, and of few
  bool has_values = false;
  bool is_zero = false;  // a number, and 0
};
// Of a Const node; nothing if its tensor cannot be read.
std::optional<Constant> ReadConstant(const Node& node);

// A graph's nodes or a function's.
struct Body {
  std::vector<Node> nodes;
  std::unordered_map<std::string_view, int32_t> places;  // of nodes, by name
  // Of a function alone:
  std::string_view name;
  std::vector<std::string_view> arguments;
  std::unordered_map<std::string_view, int32_t> argument_places;
  std::vector<Reference> results;
  std::vector<int32_t> controls;  // nodes that control_ret names
  bool readable = true;           // false: arguments of a number that each caller says, or what is no message

  // `name`, `name:0` or `^name` of a graph; in a function `name`, `name:output:0` or `^name`.
  Reference Resolve(std::string_view input, bool in_function) const;
};

class Graph {
 public:
  explicit Graph(std::string_view graph_def);

  const Body& main() const { return main_; }
  bool HasFunction(std::string_view name) const { return functions_.contains(name); }
  // Read when first asked for; null if there is none of that name.
  const Body* Function(std::string_view name);

 private:
  Body main_;
  std::unordered_map<std::string_view, std::string_view> functions_;  // FunctionDefs
  std::unordered_map<std::string_view, std::unique_ptr<Body>> bodies_;
};

}  // namespace tensorgate::rows
