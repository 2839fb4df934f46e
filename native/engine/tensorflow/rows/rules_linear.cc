#include <algorithm>

#include "rules.h"

namespace tensorgate::rows {

namespace {

constexpr char kContracts[] = "sums over the batch axis";
constexpr char kPairs[] = "combines each row with other rows";

// ---- Products of matrices

// The last two dimensions of an operand: what stays, and what is summed over.
struct Matrix {
  const Value& value;
  bool transposed;
  bool is_left;

  int32_t rows_place() const { return value.rank() - 2; }
  int32_t kept() const { return rows_place() + (transposed == is_left ? 1 : 0); }
  int32_t summed() const { return rows_place() + (transposed == is_left ? 0 : 1); }
};

// Leading dimensions are broadcast.
Value MultiplyMatrices(OpCall& call, const Matrix& a, const Matrix& b) {
  const Value &x = a.value, &y = b.value;
  if (!x.has_rank || !y.has_rank) {
    if (x.IsUniform() && y.IsUniform()) return UniformValue();
    return call.Refuse("multiplies rows by a tensor of unknown rank");
  }
  if (x.rank() < 2 || y.rank() < 2) return call.Refuse("multiplies what are no matrices");
  const int32_t rank = std::max(x.rank(), y.rank());
  std::vector<Size> dims(rank, Size::Const(1));
  std::optional<int32_t> axis;
  std::optional<RowAxis> rows;
  for (const Matrix* matrix : {&a, &b}) {
    const Value& operand = matrix->value;
    const int32_t shift = rank - operand.rank();
    for (int32_t i = 0; i < operand.rank() - 2; i++)
      if (!operand.IsRows() || operand.axis != i) dims[shift + i] = BroadcastDim(dims[shift + i], operand.dims[i]);
    dims[matrix->is_left ? rank - 2 : rank - 1] = operand.dims[matrix->kept()];
    if (!operand.IsRows()) continue;
    if (operand.axis == matrix->summed()) return call.Refuse(kContracts);
    const int32_t place = operand.axis != matrix->kept() ? operand.axis + shift : matrix->is_left ? rank - 2 : rank - 1;
    if (axis && (*axis != place || *rows != operand.rows)) return call.Refuse(kPairs);
    axis = place;
    rows = operand.rows;
  }
  if (!axis) return UniformOf(std::move(dims));
  // Both have the rows, or the other one is repeated for each.
  if (*axis < rank - 2) {
    for (const Value* operand : {&x, &y}) {
      const int32_t place = *axis - (rank - operand->rank());
      if (!operand->IsRows() && place >= 0 && !operand->dims[place].IsConst(1)) return call.Refuse(kPairs);
    }
  }
  return RowsOf(*axis, *rows, std::move(dims));
}

// ---- Einsum

constexpr int32_t kEllipsis = 1000;  // labels of what an ellipsis stands for, from its end: 1000, 1001 …

// Labels of one operand's axes; nothing if the text does not fit.
std::optional<std::vector<int32_t>> LabelsOf(std::string_view text, int32_t rank) {
  const size_t dots = text.find("...");
  const auto letters = static_cast<int32_t>(text.size()) - (dots == std::string_view::npos ? 0 : 3);
  if (letters > rank || (dots == std::string_view::npos && letters != rank)) return std::nullopt;
  std::vector<int32_t> labels;
  for (size_t i = 0; i < text.size(); i++) {
    if (i == dots) {
      for (int32_t place = rank - letters; place > 0; place--) labels.push_back(kEllipsis + place - 1);
      i += 2;
    } else {
      const char letter = text[i];
      if (!((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z'))) return std::nullopt;
      labels.push_back(letter);
    }
  }
  auto sorted = labels;
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) return std::nullopt;
  return labels;
}

struct Equation {
  std::vector<std::string_view> inputs;
  std::string_view output;
};

std::optional<Equation> ReadEquation(std::string_view text) {
  const size_t arrow = text.find("->");
  if (arrow == std::string_view::npos) return std::nullopt;
  Equation equation{{}, text.substr(arrow + 2)};
  std::string_view rest = text.substr(0, arrow);
  while (true) {
    const size_t comma = rest.find(',');
    equation.inputs.push_back(rest.substr(0, comma));
    if (comma == std::string_view::npos) return equation;
    rest.remove_prefix(comma + 1);
  }
}

// ---- Convolutions and pools

// Places of the axes of [batch, …] images by the data_format.
struct Format {
  int32_t channel;
  int32_t first_spatial;
};

std::optional<Format> FormatOf(const Node& node, int32_t rank) {
  const std::string_view format = node.Text("data_format", rank == 5 ? "NDHWC" : "NHWC");
  if (format == (rank == 5 ? "NDHWC" : "NHWC")) return Format{rank - 1, 1};
  if (format == (rank == 5 ? "NCDHW" : "NCHW")) return Format{1, 2};
  return std::nullopt;
}

bool IsBatchOfImages(const Value& x) { return x.has_rank && (x.IsUniform() || (x.IsRows() && x.axis == 0)); }

// The spatial dimension after a window; nothing is known of it unless all numbers are.
Size AfterWindow(std::string_view padding, const Size& dim, const Size& window, int64_t stride, int64_t dilation) {
  if (stride < 1 || dilation < 1 || dilation > 1'000'000) return Size::Uniform();
  if (padding == "SAME" && stride == 1) return dim;
  if (!dim.IsConst() || dim.value() < 1) return Size::Uniform();
  if (padding == "SAME") return Size::Const((dim.value() - 1) / stride + 1);
  if (padding != "VALID" || !window.IsConst() || window.value() < 1 || window.value() > 1'000'000)
    return Size::Uniform();
  const int64_t reach = (window.value() - 1) * dilation + 1;
  return dim.value() < reach ? Size::Uniform() : Size::Const((dim.value() - reach) / stride + 1);
}

// For an attribute with one number for each axis; 1 where it has none.
int64_t At(const std::vector<int64_t>& numbers, int32_t axis) {
  return static_cast<size_t>(axis) < numbers.size() ? numbers[axis] : 1;
}

}  // namespace

Values MatMul(OpCall& call) {
  const Node& node = call.node();
  return {MultiplyMatrices(call, {call.in(0), node.Bool("transpose_a", false), true},
                           {call.in(1), node.Bool("transpose_b", false), false})};
}

Values BatchMatMul(OpCall& call) {
  const Node& node = call.node();
  return {MultiplyMatrices(call, {call.in(0), node.Bool("adj_x", false), true},
                           {call.in(1), node.Bool("adj_y", false), false})};
}

Values Einsum(OpCall& call) {
  const auto equation = ReadEquation(call.node().Text("equation", ""));
  constexpr size_t kMostOperands = 16;
  if (!equation || equation->inputs.size() != call.count() || call.count() > kMostOperands)
    return {call.Refuse("has an equation that cannot be read")};
  std::vector<std::vector<int32_t>> labels;
  std::vector<std::pair<int32_t, Size>> dims;
  std::optional<int32_t> row_label;
  std::optional<RowAxis> rows;
  int32_t ellipsis = 0;
  for (size_t i = 0; i < call.count(); i++) {
    const Value& operand = call.in(i);
    if (!operand.has_rank)
      return {call.AllUniform() ? UniformValue() : call.Refuse("multiplies rows by a tensor of unknown rank")};
    const auto axes = LabelsOf(equation->inputs[i], operand.rank());
    if (!axes)
      return {call.AllUniform() ? UniformValue()
                                : call.Refuse("has an equation that does not fit, or takes a diagonal")};
    labels.push_back(*axes);
    ellipsis = std::max(ellipsis, static_cast<int32_t>(std::count_if(
                                      axes->begin(), axes->end(), [](int32_t label) { return label >= kEllipsis; })));
    for (int32_t axis = 0; axis < operand.rank(); axis++) {
      const bool is_known = std::any_of(dims.begin(), dims.end(), [&](const auto& each) {
        return each.first == (*axes)[axis] && !each.second.IsConst(1);
      });
      if (!is_known) dims.emplace_back((*axes)[axis], operand.dims[axis]);
    }
    if (!operand.IsRows()) continue;
    const int32_t label = (*axes)[operand.axis];
    if (row_label && (*row_label != label || *rows != operand.rows)) return {call.Refuse(kPairs)};
    row_label = label;
    rows = operand.rows;
  }
  const int32_t letters =
      static_cast<int32_t>(equation->output.size()) - (equation->output.find("...") == std::string_view::npos ? 0 : 3);
  const int32_t rank = letters + (equation->output.find("...") == std::string_view::npos ? 0 : ellipsis);
  const auto output = LabelsOf(equation->output, rank);
  if (!output) return {call.AllUniform() ? UniformValue() : call.Refuse("has an equation that does not fit")};
  std::vector<Size> shape;
  for (const int32_t label : *output) {
    Size dim = Size::Uniform();
    for (const auto& [known, size] : dims)
      if (known == label) dim = size;
    shape.push_back(dim);
  }
  if (!row_label) return {UniformOf(std::move(shape))};
  for (size_t i = 0; i < call.count(); i++) {
    if (call.in(i).IsRows()) continue;
    const auto found = std::find(labels[i].begin(), labels[i].end(), *row_label);
    const bool is_one =
        found != labels[i].end() && *row_label >= kEllipsis && call.in(i).dims[found - labels[i].begin()].IsConst(1);
    if (found != labels[i].end() && !is_one) return {call.Refuse(kPairs)};
  }
  const auto place = std::find(output->begin(), output->end(), *row_label);
  if (place == output->end()) return {call.Refuse(kContracts)};
  return {RowsOf(static_cast<int32_t>(place - output->begin()), *rows, std::move(shape))};
}

// Images by a uniform filter: [window …, in, out], or [window …, in, multiplier] for each channel.
Values Convolve(OpCall& call) {
  const Value &x = call.in(0), &filter = call.in(1);
  if (!call.UniformFrom(1)) return {call.Refuse("convolves rows with a filter that depends on rows")};
  if (!x.has_rank) return {UniformValue()};
  const auto format = FormatOf(call.node(), x.rank());
  if (!IsBatchOfImages(x) || x.rank() < 4 || x.rank() > 5 || !format)
    return {call.Refuse("convolves along the batch axis, or what are no images")};
  Value value = SameShape(x);
  const bool has_filter = filter.has_rank && filter.rank() == x.rank();
  const std::vector<int64_t> strides = call.node().Ints("strides"), dilations = call.node().Ints("dilations");
  const std::string_view padding = call.node().Text("padding", "");
  if (At(strides, 0) != 1 || At(dilations, 0) != 1) return {call.Refuse("passes over rows")};
  for (int32_t i = 0; i < x.rank() - 2; i++) {
    const int32_t axis = format->first_spatial + i;
    const Size window = has_filter ? filter.dims[i] : Size::Uniform();
    value.dims[axis] = AfterWindow(padding, x.dims[axis], window, At(strides, axis), At(dilations, axis));
  }
  Size& channels = value.dims[format->channel];
  channels = Size::Uniform();
  if (has_filter) {
    const int32_t last = x.rank() - 1;
    channels =
        call.node().op == "DepthwiseConv2dNative" ? filter.dims[last - 1] * filter.dims[last] : filter.dims[last];
  }
  return {std::move(value)};
}

// The transposed convolution: sizes of the result, filter, images.
Values ConvolveBack(OpCall& call) {
  const Value &sizes = call.in(0), &filter = call.in(1), &x = call.in(2);
  if (call.AllUniform()) return {UniformValue()};
  if (!filter.IsUniform() || !IsBatchOfImages(x) || !x.IsRows() || x.rank() < 4 || x.rank() > 5 ||
      !FormatOf(call.node(), x.rank()))
    return {call.Refuse("convolves along the batch axis, or what are no images")};
  if (!sizes.has_ints || static_cast<int32_t>(sizes.ints.size()) != x.rank() || sizes.ints[0] != x.dims[0])
    return {call.Refuse("has a result that is not known to have as many rows")};
  std::vector<Size> dims = sizes.ints;
  for (Size& dim : dims)
    if (dim.IsUniform() && !dim.IsNonNegative()) dim = Size::Uniform();
  return {RowsOf(0, x.rows, std::move(dims))};
}

namespace {
Values PoolBy(OpCall& call, const std::vector<int64_t>& windows, const std::vector<int64_t>& strides) {
  const Value& x = call.in(0);
  if (!x.has_rank) return {UniformValue()};
  const auto format = FormatOf(call.node(), x.rank());
  if (!IsBatchOfImages(x) || x.rank() < 4 || x.rank() > 5 || !format)
    return {call.Refuse("pools along the batch axis, or what are no images")};
  if (windows.size() != x.dims.size() || strides.size() != x.dims.size() || windows[0] != 1 || strides[0] != 1)
    return {call.Refuse("pools along the batch axis")};
  Value value = SameShape(x);
  const std::string_view padding = call.node().Text("padding", "");
  for (int32_t axis = 1; axis < x.rank(); axis++)
    if (windows[axis] != 1 || strides[axis] != 1)
      value.dims[axis] = AfterWindow(padding, x.dims[axis], Size::Const(windows[axis]), strides[axis], 1);
  return {std::move(value)};
}
}  // namespace

Values Pool(OpCall& call) { return PoolBy(call, call.node().Ints("ksize"), call.node().Ints("strides")); }

Values PoolV2(OpCall& call) {
  const auto windows = call.ConstantsAt(1), strides = call.ConstantsAt(2);
  if (!windows || !strides)
    return {call.AllUniform() ? UniformValue() : call.Refuse("pools by windows that are not known")};
  return PoolBy(call, *windows, *strides);
}

Values AddBias(OpCall& call) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("adds a bias that depends on rows")};
  if (!x.has_rank) return {UniformValue()};
  // Along the last axis; in the other format along one behind the batch's, for images.
  const bool is_last = call.node().Text("data_format", "NHWC") == "NHWC";
  if (x.IsRows() && (is_last ? x.axis == x.rank() - 1 : x.axis != 0 || x.rank() < 4))
    return {call.Refuse("adds a bias along the batch axis")};
  return {SameShape(x)};
}

Values BatchNorm(OpCall& call) {
  const Value& x = call.in(0);
  // TensorFlow's default is to train.
  if (call.node().Bool("is_training", true))
    return {call.Refuse("normalises by the mean of the whole batch, as in training")};
  if (!call.UniformFrom(1)) return {call.Refuse("normalises by what depends on rows")};
  if (!IsBatchOfImages(x)) return {x.IsUniform() ? UniformValue() : call.Refuse("normalises along the batch axis")};
  if (!FormatOf(call.node(), x.rank())) return {call.Refuse("has a data format that is not known")};
  return {SameShape(x), UniformValue(), UniformValue(), UniformValue(), UniformValue(), UniformValue()};
}

Values Images(OpCall& call) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("takes a parameter that depends on rows")};
  if (!x.has_rank) return {UniformValue()};
  if (!IsBatchOfImages(x) || x.rank() < 4) return {call.Refuse("works along the batch axis")};
  return {SameShape(x)};
}

Values Resize(OpCall& call) {
  Values values = Images(call);
  if (values[0].kind == Kind::kUnknown || !values[0].has_rank) return values;
  if (values[0].rank() != 4) return {call.Refuse("resizes what are no images")};
  const auto size = call.ConstantsAt(1);
  for (int32_t i = 0; i < 2; i++)
    values[0].dims[1 + i] = size && size->size() == 2 && (*size)[i] >= 0 ? Size::Const((*size)[i]) : Size::Uniform();
  return values;
}

Values SpaceToDepth(OpCall& call) {
  Values values = Images(call);
  if (values[0].kind == Kind::kUnknown || !values[0].has_rank) return values;
  for (int32_t axis = 1; axis < values[0].rank(); axis++) values[0].dims[axis] = Size::Uniform();
  return values;
}

// Images cut into blocks: block `k` of image `b` is image k · batch + b of the result.
Values SpaceToBatch(OpCall& call) {
  const Value& x = call.in(0);
  const auto block = call.ConstantsAt(1);
  if (call.AllUniform()) return {UniformValue()};
  if (!x.IsRows() || x.axis != 0 || !block || !call.UniformFrom(1) || static_cast<int32_t>(block->size()) >= x.rank())
    return {call.Refuse("cuts rows by what is not known")};
  Value value = SameShape(x);
  RowAxis rows = x.rows;
  for (size_t i = 0; i < block->size(); i++) {
    if ((*block)[i] < 1) return {call.Refuse("cuts rows by what is not known")};
    rows.outer = rows.outer * Size::Const((*block)[i]);
    value.dims[i + 1] = Size::Uniform();
  }
  return {RowsOf(0, rows, value.dims)};
}

Values BatchToSpace(OpCall& call) {
  const Value& x = call.in(0);
  const auto block = call.ConstantsAt(1);
  if (call.AllUniform()) return {UniformValue()};
  if (!x.IsRows() || x.axis != 0 || !block || !call.UniformFrom(1) || static_cast<int32_t>(block->size()) >= x.rank())
    return {call.Refuse("joins rows by what is not known")};
  Value value = SameShape(x);
  Size blocks = Size::Const(1);
  for (size_t i = 0; i < block->size(); i++) {
    if ((*block)[i] < 1) return {call.Refuse("joins rows by what is not known")};
    blocks = blocks * Size::Const((*block)[i]);
    value.dims[i + 1] = Size::Uniform();
  }
  const auto outer = Divide(x.rows.outer, blocks);
  if (!outer) return {call.Refuse("makes one image of several rows")};
  return {RowsOf(0, {x.rows.space, *outer, x.rows.inner}, value.dims)};
}

namespace {
Values Innermost(OpCall& call, int32_t count) {
  const Value& x = call.in(0);
  if (!call.UniformFrom(1)) return {call.Refuse("takes a parameter that depends on rows")};
  if (x.IsRows() && x.axis >= x.rank() - count) return {call.Refuse("works along the batch axis")};
  return {SameShape(x)};
}
}  // namespace

Values Innermost1(OpCall& call) { return Innermost(call, 1); }
Values Innermost2(OpCall& call) { return Innermost(call, 2); }
Values Innermost3(OpCall& call) { return Innermost(call, 3); }

// CombinedNonMaxSuppression: boxes, scores, and parameters; each image by itself, up to a number that is given.
Values SuppressOverlaps(OpCall& call) {
  const Value &boxes = call.in(0), &scores = call.in(1);
  if (call.AllUniform()) return {UniformValue()};
  const bool fits = boxes.IsRows() && scores.IsRows() && boxes.axis == 0 && scores.axis == 0 && boxes.rank() == 4 &&
                    scores.rank() == 3 && boxes.rows == scores.rows && call.UniformFrom(2);
  if (!fits) return {call.Refuse("suppresses boxes of other rows")};
  const Size kept = Size::Uniform();
  const Value list = RowsOf(0, boxes.rows, {boxes.dims[0], kept});
  return {RowsOf(0, boxes.rows, {boxes.dims[0], kept, Size::Const(4)}), list, list,
          RowsOf(0, boxes.rows, {boxes.dims[0]})};
}

}  // namespace tensorgate::rows
