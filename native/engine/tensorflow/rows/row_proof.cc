#include "row_proof.h"

#include <utility>

#include "../../../codec/wire_walk.h"
#include "graph_reader.h"
#include "interpreter.h"

namespace tensorgate {

namespace {

using rows::Feeds;
using rows::Graph;
using rows::Interpreter;
using rows::Reference;
using rows::Size;
using rows::Value;

// Field numbers of tensorflow/core/protobuf/meta_graph.proto.
constexpr uint32_t kGraphDef = 2, kSignatureDef = 5;   // MetaGraphDef
constexpr uint32_t kInputs = 1, kOutputs = 2;          // SignatureDef
constexpr uint32_t kTensorName = 1, kTensorShape = 3;  // TensorInfo
constexpr uint32_t kKey = 1, kValue = 2;               // entries of maps

// For all signatures: a second, at worst. One of MobileNetV2 takes 5,000.
constexpr size_t kMostSteps = 1'000'000;

struct Tensor {
  std::string_view alias;
  std::string_view info;  // TensorInfo
};

std::vector<Tensor> TensorsOf(std::string_view signature_def, uint32_t side) {
  std::vector<Tensor> tensors;
  for (WireWalk field(signature_def); field.Next();)
    if (field.number() == side) tensors.push_back({FindField(field.bytes(), kKey), FindField(field.bytes(), kValue)});
  return tensors;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text.substr(0, 200)) + "\""; }

class SignatureProof {
 public:
  SignatureProof(Graph* graph, size_t* budget) : graph_(graph), interpreter_(graph, budget) {}

  // Why rows are not known to be independent; empty if they are.
  std::string Try(std::string_view signature_def) {
    const std::vector<Tensor> inputs = TensorsOf(signature_def, kInputs), outputs = TensorsOf(signature_def, kOutputs);
    if (inputs.empty()) return "the signature has no inputs";
    if (outputs.empty()) return "the signature has no outputs";
    for (const Tensor& input : inputs)
      if (std::string why = Feed(input); !why.empty()) return why;
    std::vector<Reference> wanted;
    for (const Tensor& output : outputs) {
      const auto reference = Resolve(output);
      if (!reference) return "output " + Quoted(output.alias) + " is no plain tensor of the graph";
      wanted.push_back(*reference);
    }
    const auto values = interpreter_.Run(feeds_, wanted);
    if (!values) return interpreter_.stop();
    for (size_t i = 0; i < outputs.size(); i++)
      if (std::string why = Judge(outputs[i], (*values)[i]); !why.empty()) return why;
    return "";
  }

 private:
  std::optional<Reference> Resolve(const Tensor& tensor) const {
    const std::string_view name = FindField(tensor.info, kTensorName);
    const Reference reference = graph_->main().Resolve(name, false);
    if (name.empty() || reference.kind != Reference::Kind::kNode) return std::nullopt;
    return reference;
  }

  // Rows along the first axis, as many as there are; all other dimensions are as declared, or equal in what is joined.
  std::string Feed(const Tensor& input) {
    const auto reference = Resolve(input);
    if (!reference) return "input " + Quoted(input.alias) + " is no plain tensor of the graph";
    const rows::Shape shape = rows::ReadShape(FindField(input.info, kTensorShape));
    if (!shape || shape->empty() || (*shape)[0] != -1)
      return "input " + Quoted(input.alias) + " has no first dimension of any size, which would count rows";
    std::vector<Size> dims;
    for (const int64_t dim : *shape) dims.push_back(dim < 0 ? interpreter_.NewDim() : Size::Const(dim));
    feeds_[{reference->place, reference->index}] = RowsOf(0, {}, std::move(dims));
    return "";
  }

  std::string Judge(const Tensor& output, const Value& value) const {
    const std::string name = "output " + Quoted(output.alias);
    switch (value.kind) {
      case rows::Kind::kUnknown:
        return interpreter_.CauseText(value.cause);
      case rows::Kind::kUniform:
        return name + " does not depend on rows";
      case rows::Kind::kRows:
        if (value.rows.space != rows::kBatch) return name + " has a number of items that differs from row to row";
        if (value.axis != 0) return name + " has its rows along axis " + std::to_string(value.axis);
        if (!value.rows.IsPlain()) return name + " has several slices for each row";
        return "";
      default:
        return name + " depends on the number of rows, or on all of them";
    }
  }

  Graph* graph_;
  Interpreter interpreter_;
  Feeds feeds_;
};

}  // namespace

std::vector<RowProof> ProveRows(std::string_view meta_graph) {
  Graph graph(FindField(meta_graph, kGraphDef));
  size_t budget = kMostSteps;
  std::vector<RowProof> proofs;
  for (WireWalk field(meta_graph); field.Next();) {
    if (field.number() != kSignatureDef) continue;
    RowProof proof{std::string(FindField(field.bytes(), kKey)), false, ""};
    proof.reason = SignatureProof(&graph, &budget).Try(FindField(field.bytes(), kValue));
    proof.proven = proof.reason.empty();
    proofs.push_back(std::move(proof));
  }
  return proofs;
}

}  // namespace tensorgate
