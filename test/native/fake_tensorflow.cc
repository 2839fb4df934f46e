#include "fake_tensorflow.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "string_tensor.h"
#include "tensor.h"

// What the C API leaves open.
struct TF_Tensor {
  TF_DataType dtype;
  std::vector<int64_t> dims;
  void* data;
  size_t size;
  void (*deallocate)(void*, size_t, void*);
  void* arg;
};
struct TSL_Status {  // which TF_Status is another name of
  TF_Code code = TF_OK;
  std::string message;
};
struct TF_Operation {
  std::string name;
};

namespace tensorgate {

namespace {

std::mutex mutex;
FakeRun fake_run;
std::map<std::string, TF_Operation> operations;

void SetStatus(TF_Status* status, int code, const std::string& message) {
  status->code = static_cast<TF_Code>(code);
  status->message = message;
}

TF_Operation* OperationByName(TF_Graph*, const char* name) {
  std::lock_guard<std::mutex> lock(mutex);
  return &operations.try_emplace(name, TF_Operation{name}).first->second;
}

bool StartsWith(const std::string& text, const std::string& start) { return text.compare(0, start.size(), start) == 0; }

int OutputType(TF_Output output) { return StartsWith(output.oper->name, "text") ? TF_STRING : TF_FLOAT; }

TF_Tensor* Copy(const TF_Tensor* tensor) {
  if (tensor->dtype == TF_STRING) return Strings(tensor->dims, StringsOf(tensor)).release();
  Slab bytes(tensor->size);
  if (tensor->size > 0) std::memcpy(bytes.data(), tensor->data, tensor->size);
  return WrapSlab(tensor->dtype, tensor->dims, std::move(bytes)).release();
}

void Run(TF_Session*, const TF_Buffer*, const TF_Output* feeds, TF_Tensor* const* inputs, int input_count,
         const TF_Output* fetches, TF_Tensor** outputs, int output_count, const TF_Operation* const*, int, TF_Buffer*,
         TF_Status* status) {
  FakeRun run;
  {
    std::lock_guard<std::mutex> lock(mutex);
    run = fake_run;
  }
  const TF_Tensor* first = inputs[0];
  if (run) {
    const Status outcome = run(first->dims.empty() ? -1 : first->dims[0], inputs[0]);
    if (!outcome.ok()) return SetStatus(status, outcome.code, outcome.message);
  }
  for (int i = 0; i < output_count; i++) {
    const std::string& name = fetches[i].oper->name;
    if (StartsWith(name, "const")) outputs[i] = Floats({2}, 1).release();
    for (int j = 0; j < input_count; j++)
      if (name == feeds[j].oper->name + "_out") outputs[i] = Copy(inputs[j]);
  }
}

}  // namespace

void UseFakeTensorFlow() {
  tf.TF_NewStatus = [] { return new TF_Status; };
  tf.TF_DeleteStatus = [](TF_Status* status) { delete status; };
  tf.TF_GetCode = [](const TF_Status* status) { return status->code; };
  tf.TF_Message = [](const TF_Status* status) { return status->message.c_str(); };
  tf.TF_NewBuffer = [] { return new TF_Buffer{nullptr, 0, nullptr}; };
  tf.TF_DeleteBuffer = [](TF_Buffer* buffer) { delete buffer; };
  tf.TF_NewTensor = [](TF_DataType dtype, const int64_t* dims, int rank, void* data, size_t size,
                       void (*deallocate)(void*, size_t, void*), void* arg) {
    return new TF_Tensor{dtype, {dims, dims + rank}, data, size, deallocate, arg};
  };
  tf.TF_DeleteTensor = [](TF_Tensor* tensor) {
    tensor->deallocate(tensor->data, tensor->size, tensor->arg);
    delete tensor;
  };
  tf.TF_TensorType = [](const TF_Tensor* tensor) { return tensor->dtype; };
  tf.TF_NumDims = [](const TF_Tensor* tensor) { return static_cast<int>(tensor->dims.size()); };
  tf.TF_Dim = [](const TF_Tensor* tensor, int axis) { return tensor->dims[axis]; };
  tf.TF_TensorByteSize = [](const TF_Tensor* tensor) { return tensor->size; };
  tf.TF_TensorData = [](const TF_Tensor* tensor) { return tensor->data; };
  tf.TF_NewSessionOptions = [] { return static_cast<TF_SessionOptions*>(nullptr); };
  tf.TF_DeleteSessionOptions = [](TF_SessionOptions*) {};
  tf.TF_SetConfig = [](TF_SessionOptions*, const void*, size_t, TF_Status*) {};
  tf.TF_NewGraph = [] { return static_cast<TF_Graph*>(nullptr); };
  tf.TF_LoadSessionFromSavedModel = [](const TF_SessionOptions*, const TF_Buffer*, const char*, const char* const*, int,
                                       TF_Graph*, TF_Buffer*, TF_Status*) { return static_cast<TF_Session*>(nullptr); };
  tf.TF_GraphOperationByName = OperationByName;
  tf.TF_OperationNumOutputs = [](TF_Operation*) { return 1; };
  tf.TF_OperationOutputType = [](TF_Output output) { return static_cast<TF_DataType>(OutputType(output)); };
  tf.TF_SessionRun = Run;
}

void SetFakeRun(FakeRun run) {
  std::lock_guard<std::mutex> lock(mutex);
  fake_run = std::move(run);
}

std::shared_ptr<Session> FakeSession() {
  Status status;
  return Session::Load({}, &status);
}

TensorPtr Floats(const std::vector<int64_t>& dims, float value) {
  const int64_t count = ElementCount(dims);
  Slab bytes(count * sizeof(float));
  std::vector<float> values(count, value);
  if (count > 0) std::memcpy(bytes.data(), values.data(), count * sizeof(float));
  return WrapSlab(TF_FLOAT, dims, std::move(bytes));
}

TensorPtr Strings(const std::vector<int64_t>& dims, const std::vector<std::string>& values) {
  const std::vector<std::string_view> views(values.begin(), values.end());
  return MakeStringTensor(dims, ElementCount(dims), views);
}

std::vector<float> FloatsOf(const TF_Tensor* tensor) {
  const auto* data = static_cast<const float*>(tensor->data);
  return {data, data + tensor->size / sizeof(float)};
}

std::vector<std::string> StringsOf(const TF_Tensor* tensor) {
  std::vector<std::string> values;
  for (const TF_TString& element : StringElements(tensor)) values.emplace_back(ViewOf(element));
  return values;
}

}  // namespace tensorgate
