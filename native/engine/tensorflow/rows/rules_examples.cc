#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

constexpr int64_t kMostFeatures = 10'000;

// Serialized tf.Examples, one for each row: what is parsed of each is its own.
class Parsing {
 public:
  explicit Parsing(OpCall& call) : call_(call), rows_(call.in(0).rows) {}

  static bool Fits(const OpCall& call) {
    const Value& examples = call.in(0);
    return examples.IsRows() && examples.rank() == 1 && examples.rows.IsPlain() && call.UniformFrom(1);
  }

  void AddSparse(std::string_view indices, std::string_view items, std::string_view shapes, int64_t count) {
    std::vector<Items> all;
    for (int64_t i = 0; i < count; i++) all.push_back(call_.NewItems(rows_.space));
    call_.NameOutputs(indices, values_.size());
    for (const Items& each : all)
      values_.push_back(RoleOf(Role::kIndices, each, {Size::Extent(each.space), Size::Const(2)}));
    call_.NameOutputs(items, values_.size());
    for (const Items& each : all) values_.push_back(RowsOf(0, {each.space}, {Size::Const(0)}));
    call_.NameOutputs(shapes, values_.size());
    for (int64_t i = 0; i < count; i++)
      values_.push_back(IntsOf({Size::Const(2)}, {Size::Extent(rows_.space), Size::Tainted()}));
  }

  void AddDense(std::string_view name, const std::vector<Shape>& shapes, size_t count) {
    call_.NameOutputs(name, values_.size());
    for (size_t i = 0; i < count; i++) values_.push_back(Dense(i < shapes.size() ? shapes[i] : std::nullopt));
  }

  void AddRagged(std::string_view items, std::string_view splits, size_t count) {
    std::vector<Items> all;
    for (size_t i = 0; i < count; i++) all.push_back(call_.NewItems(rows_.space));
    call_.NameOutputs(items, values_.size());
    for (const Items& each : all) values_.push_back(RowsOf(0, {each.space}, {Size::Const(0)}));
    call_.NameOutputs(splits, values_.size());
    for (const Items& each : all)
      values_.push_back(RoleOf(Role::kSplits, each, {Size::Extent(rows_.space) + Size::Const(1)}));
  }

  Values Take() { return std::move(values_); }

 private:
  Value Dense(const Shape& shape) {
    const bool is_fixed = shape && std::all_of(shape->begin(), shape->end(), [](int64_t dim) { return dim >= 0; });
    if (!is_fixed) return call_.Refuse("fills up features to the longest row of the batch");
    std::vector<Size> dims{Size::Const(0)};
    for (const int64_t dim : *shape) dims.push_back(Size::Const(dim));
    return RowsOf(0, rows_, std::move(dims));
  }

  OpCall& call_;
  const RowAxis rows_;
  Values values_;
};

constexpr char kNoExamples[] = "parses what is no vector of examples, one for each row";

}  // namespace

Values ParseExample(OpCall& call) {
  const int64_t sparse = call.node().Int("Nsparse", 0), dense = call.node().Int("Ndense", 0);
  if (call.AllUniform()) return {UniformValue()};
  if (!Parsing::Fits(call) || sparse < 0 || sparse > kMostFeatures || dense < 0 || dense > kMostFeatures)
    return {call.Refuse(kNoExamples)};
  Parsing parsing(call);
  parsing.AddSparse("sparse_indices", "sparse_values", "sparse_shapes", sparse);
  parsing.AddDense("dense_values", ShapesOf(call.node(), "dense_shapes"), static_cast<size_t>(dense));
  return parsing.Take();
}

Values ParseExampleV2(OpCall& call) {
  const int64_t sparse = call.node().Int("num_sparse", 0);
  if (call.AllUniform()) return {UniformValue()};
  if (!Parsing::Fits(call) || sparse < 0 || sparse > kMostFeatures) return {call.Refuse(kNoExamples)};
  Parsing parsing(call);
  parsing.AddSparse("sparse_indices", "sparse_values", "sparse_shapes", sparse);
  parsing.AddDense("dense_values", ShapesOf(call.node(), "dense_shapes"), call.node().CountOf("Tdense"));
  parsing.AddRagged("ragged_values", "ragged_row_splits", call.node().CountOf("ragged_value_types"));
  return parsing.Take();
}

}  // namespace tensorgate::rows
