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
struct TF_SessionOptions {
  std::string config;
};
struct TF_Session {
  std::string config;
};

namespace tensorgate {

namespace {

std::mutex mutex;
FakeRun fake_run;
FakeStep fake_load, fake_executor;
int open_sessions = 0;
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

// What the step that `set` points to makes of it; good without one.
Status Ask(FakeStep* set, const std::string& config) {
  FakeStep step;
  {
    std::lock_guard<std::mutex> lock(mutex);
    step = *set;
  }
  return step ? step(config) : Status{};
}

TF_Session* LoadSession(const TF_SessionOptions* options, const TF_Buffer*, const char*, const char* const*, int,
                        TF_Graph*, TF_Buffer*, TF_Status* status) {
  if (const Status outcome = Ask(&fake_load, options->config); !outcome.ok()) {
    SetStatus(status, outcome.code, outcome.message);
    return nullptr;
  }
  std::lock_guard<std::mutex> lock(mutex);
  open_sessions++;
  return new TF_Session{options->config};
}

void DeleteSession(TF_Session* session, TF_Status*) {
  delete session;
  std::lock_guard<std::mutex> lock(mutex);
  open_sessions--;
}

void Run(TF_Session* session, const TF_Buffer*, const TF_Output* feeds, TF_Tensor* const* inputs, int input_count,
         const TF_Output* fetches, TF_Tensor** outputs, int output_count, const TF_Operation* const*, int, TF_Buffer*,
         TF_Status* status) {
  if (const Status outcome = Ask(&fake_executor, session->config); !outcome.ok())
    return SetStatus(status, outcome.code, outcome.message);
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
  tf.TF_NewSessionOptions = [] { return new TF_SessionOptions; };
  tf.TF_DeleteSessionOptions = [](TF_SessionOptions* options) { delete options; };
  tf.TF_SetConfig = [](TF_SessionOptions* options, const void* config, size_t size, TF_Status*) {
    options->config.assign(static_cast<const char*>(config), size);
  };
  // Of no contents, never looked into.
  tf.TF_NewGraph = [] {
    static char graph;
    return reinterpret_cast<TF_Graph*>(&graph);
  };
  tf.TF_LoadSessionFromSavedModel = LoadSession;
  tf.TF_CloseSession = [](TF_Session*, TF_Status*) {};
  tf.TF_DeleteSession = DeleteSession;
  tf.TF_GraphNextOperation = [](TF_Graph*, size_t*) { return static_cast<TF_Operation*>(nullptr); };
  tf.TF_GraphNumFunctions = [](TF_Graph*) { return 0; };
  tf.TF_GraphGetFunctions = [](TF_Graph*, TF_Function**, int, TF_Status*) { return 0; };
  tf.TF_DeleteGraph = [](TF_Graph*) {};
  tf.TF_GraphOperationByName = OperationByName;
  tf.TF_OperationNumOutputs = [](TF_Operation*) { return 1; };
  tf.TF_OperationOutputType = [](TF_Output output) { return static_cast<TF_DataType>(OutputType(output)); };
  tf.TF_SessionRun = Run;
}

void SetFakeRun(FakeRun run) {
  std::lock_guard<std::mutex> lock(mutex);
  fake_run = std::move(run);
}

void SetFakeLoad(FakeStep load) {
  std::lock_guard<std::mutex> lock(mutex);
  fake_load = std::move(load);
}

void SetFakeExecutor(FakeStep executor) {
  std::lock_guard<std::mutex> lock(mutex);
  fake_executor = std::move(executor);
}

int OpenFakeSessions() {
  std::lock_guard<std::mutex> lock(mutex);
  return open_sessions;
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
