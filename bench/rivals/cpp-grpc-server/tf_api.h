// libtensorflow's C API as a table of functions, filled at run time. The library carries its own protobuf and gRPC, so
// nothing here is linked with it.
#pragma once

#include <memory>
#include <string>

#include "tensorflow/c/c_api.h"

namespace rival {

// clang-format off
#define RIVAL_TF_FUNCTIONS(X)                                                                          \
  X(TF_Version)                                                                                        \
  X(TF_NewStatus) X(TF_DeleteStatus) X(TF_GetCode) X(TF_Message)                                       \
  X(TF_NewBuffer) X(TF_DeleteBuffer)                                                                   \
  X(TF_NewSessionOptions) X(TF_DeleteSessionOptions) X(TF_SetConfig)                                   \
  X(TF_NewGraph) X(TF_LoadSessionFromSavedModel) X(TF_GraphOperationByName) X(TF_SessionRun)           \
  X(TF_AllocateTensor) X(TF_DeleteTensor) X(TF_TensorData) X(TF_TensorType) X(TF_NumDims) X(TF_Dim)    \
  X(TF_TensorElementCount) X(TF_DataTypeSize)
// clang-format on

struct TfApi {
#define RIVAL_MEMBER(function) decltype(&::function) function = nullptr;
  RIVAL_TF_FUNCTIONS(RIVAL_MEMBER)
#undef RIVAL_MEMBER
};

// Filled once, before any thread starts.
extern TfApi tf;

// Ends the process with a sentence if the library or one of its functions is missing.
void OpenTensorFlow(const std::string& directory);

[[noreturn]] void Die(const std::string& message);

struct StatusDeleter {
  void operator()(TF_Status* status) const { tf.TF_DeleteStatus(status); }
};
using StatusPtr = std::unique_ptr<TF_Status, StatusDeleter>;
inline StatusPtr NewStatus() { return StatusPtr(tf.TF_NewStatus()); }

struct TensorDeleter {
  void operator()(TF_Tensor* tensor) const { tf.TF_DeleteTensor(tensor); }
};
using TensorPtr = std::unique_ptr<TF_Tensor, TensorDeleter>;

}  // namespace rival
