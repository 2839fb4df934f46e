#include "tflite_interpreter.h"

#include <algorithm>
#include <cstdio>

#include "tflite_tensor.h"

namespace tensorgate {

namespace {

struct FreeOptions {
  void operator()(TfLiteInterpreterOptions* options) const { tflite.TfLiteInterpreterOptionsDelete(options); }
};

// A scalar in the file may also be a tensor of unknown rank. All kernels broadcast up to four dimensions.
constexpr int kMostDimsOfUnknownRank = 4;

// The kernels were written for the ranks and sizes that a converter makes of the model. They check others by assertions
// that end the process (RuntimeShape's, for one), or not at all.
Status CheckShape(const std::vector<int64_t>& dims, int rank, const TfLiteTensor* input) {
  const auto sent = static_cast<int>(dims.size());
  std::string wanted;
  if (rank > 0 ? sent != rank : sent > kMostDimsOfUnknownRank)
    wanted =
        rank > 0 ? "has rank " + std::to_string(rank) : "has at most rank " + std::to_string(kMostDimsOfUnknownRank);
  else if (std::any_of(dims.begin(), dims.end(), [](int64_t dim) { return dim < 1 || dim > INT32_MAX; }))
    wanted = "has dimensions of 1 to " + std::to_string(INT32_MAX);
  if (wanted.empty()) return {};
  return {code::kInvalidArgument, std::string("The input '") + tflite.TfLiteTensorName(input) +
                                      "' of this TensorFlow Lite model " + wanted + ", but was sent with shape " +
                                      FormatDims(dims) + "."};
}

// The shape for a value of these dimensions. One of a lower rank than the model's with as many elements as the file
// declares takes that shape, since the kernels could not be given its own: [3] is [1,3] to them.
std::vector<int64_t> Fitted(std::vector<int64_t> dims, const std::vector<int64_t>& declared) {
  if (dims.size() >= declared.size()) return dims;
  return ElementCount(dims) == ElementCount(declared) ? declared : dims;
}

// An input or output may have the number that stands for a tensor left out.
bool HasNull(const std::vector<const TfLiteTensor*>& tensors) {
  return std::find(tensors.begin(), tensors.end(), nullptr) != tensors.end();
}

}  // namespace

std::unique_ptr<TfliteInterpreter> TfliteInterpreter::Create(const TfLiteModel* model, std::string* error) {
  std::unique_ptr<TfliteInterpreter> interpreter(new TfliteInterpreter);
  const std::unique_ptr<TfLiteInterpreterOptions, FreeOptions> options(tflite.TfLiteInterpreterOptionsCreate());
  // In the caller's thread alone: workers are what runs side by side.
  tflite.TfLiteInterpreterOptionsSetNumThreads(options.get(), 1);
  tflite.TfLiteInterpreterOptionsSetErrorReporter(options.get(), Note, &interpreter->said_);
  interpreter->interpreter_ = tflite.TfLiteInterpreterCreate(model, options.get());
  if (interpreter->interpreter_ && (HasNull(interpreter->inputs()) || HasNull(interpreter->outputs()))) {
    *error = "one of its inputs or outputs is no tensor";
    return nullptr;
  }
  interpreter->allocated_ =
      interpreter->interpreter_ && tflite.TfLiteInterpreterAllocateTensors(interpreter->interpreter_) == kTfLiteOk;
  if (!interpreter->allocated_) {
    *error = interpreter->said_.empty() ? "it does not say why" : interpreter->said_;
    return nullptr;
  }
  for (const TfLiteTensor* input : interpreter->inputs()) interpreter->declared_.push_back(DimsOf(input));
  return interpreter;
}

TfliteInterpreter::~TfliteInterpreter() {
  if (interpreter_) tflite.TfLiteInterpreterDelete(interpreter_);
}

std::vector<const TfLiteTensor*> TfliteInterpreter::inputs() const {
  std::vector<const TfLiteTensor*> tensors(tflite.TfLiteInterpreterGetInputTensorCount(interpreter_));
  for (size_t i = 0; i < tensors.size(); i++)
    tensors[i] = tflite.TfLiteInterpreterGetInputTensor(interpreter_, static_cast<int32_t>(i));
  return tensors;
}

std::vector<const TfLiteTensor*> TfliteInterpreter::outputs() const {
  std::vector<const TfLiteTensor*> tensors(tflite.TfLiteInterpreterGetOutputTensorCount(interpreter_));
  for (size_t i = 0; i < tensors.size(); i++)
    tensors[i] = tflite.TfLiteInterpreterGetOutputTensor(interpreter_, static_cast<int32_t>(i));
  return tensors;
}

Status TfliteInterpreter::Run(std::span<const TF_Output> feeds, std::span<TF_Tensor* const> values,
                              std::span<const TF_Output> fetches, std::vector<TensorSlice>* results) {
  said_.clear();
  for (size_t i = 0; i < feeds.size(); i++)
    if (Status status = Resize(feeds[i].index, values[i]); !status.ok()) return status;
  if (!allocated_ && tflite.TfLiteInterpreterAllocateTensors(interpreter_) != kTfLiteOk)
    return Failure("cannot take inputs of these shapes");
  allocated_ = true;
  for (size_t i = 0; i < feeds.size(); i++) {
    TfLiteTensor* input = tflite.TfLiteInterpreterGetInputTensor(interpreter_, feeds[i].index);
    if (Status status = CopyIn(values[i], input); !status.ok()) return status;
  }
  // What a model remembers from run to run must not go from one client to another.
  if (tflite.TfLiteInterpreterResetVariableTensors(interpreter_) != kTfLiteOk ||
      tflite.TfLiteInterpreterInvoke(interpreter_) != kTfLiteOk) {
    allocated_ = false;
    return Failure("failed to run");
  }
  for (const TF_Output& fetch : fetches) {
    TensorPtr copy;
    const TfLiteTensor* output = tflite.TfLiteInterpreterGetOutputTensor(interpreter_, fetch.index);
    if (Status status = CopyOut(output, &copy); !status.ok()) return status;
    results->emplace_back(std::move(copy));
  }
  return {};
}

Status TfliteInterpreter::Resize(int place, const TF_Tensor* value) {
  const TfLiteTensor* input = tflite.TfLiteInterpreterGetInputTensor(interpreter_, place);
  const std::vector<int64_t>& declared = declared_[place];
  const std::vector<int64_t> dims = Fitted(DimsOf(value), declared);
  if (Status status = CheckShape(dims, static_cast<int>(declared.size()), input); !status.ok()) return status;
  if (DimsOf(input) == dims) return {};
  allocated_ = false;
  const std::vector<int> wanted(dims.begin(), dims.end());
  const auto rank = static_cast<int32_t>(wanted.size());
  if (tflite.TfLiteInterpreterResizeInputTensor(interpreter_, place, wanted.data(), rank) == kTfLiteOk) return {};
  return Failure("cannot take inputs of these shapes");
}

Status TfliteInterpreter::Failure(const char* what) const {
  return {code::kInvalidArgument,
          std::string("The TensorFlow Lite model ") + what + (said_.empty() ? "." : ": " + said_)};
}

// Called by the library in the thread that creates or runs the interpreter.
void TfliteInterpreter::Note(void* said, const char* format, va_list arguments) {
  auto* text = static_cast<std::string*>(said);
  constexpr size_t kMostText = 1024;
  if (text->size() >= kMostText) return;
  char line[512];
  if (std::vsnprintf(line, sizeof line, format, arguments) <= 0) return;
  std::string_view trimmed(line);
  while (trimmed.ends_with('\n') || trimmed.ends_with(' ')) trimmed.remove_suffix(1);
  if (!text->empty()) text->append(" ");
  text->append(trimmed);
  std::replace(text->begin(), text->end(), '\n', ' ');
}

}  // namespace tensorgate
