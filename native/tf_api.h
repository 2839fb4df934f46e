// libtensorflow's C API as a table of functions, filled when the library is opened at run time: the addon builds with
// the C headers alone, and one build serves the CPU and the GPU library.
#pragma once

#include <string>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

namespace tensorgate {

// clang-format off
#define TENSORGATE_TF_FUNCTIONS(X)                                                                           \
  X(TF_Version)                                                                                              \
  X(TF_NewStatus) X(TF_DeleteStatus) X(TF_GetCode) X(TF_Message)                                             \
  X(TF_NewBuffer) X(TF_DeleteBuffer)                                                                         \
  X(TF_NewTensor) X(TF_DeleteTensor) X(TF_TensorType) X(TF_NumDims) X(TF_Dim) X(TF_TensorByteSize)           \
  X(TF_TensorData)                                                                                           \
  X(TF_NewSessionOptions) X(TF_DeleteSessionOptions) X(TF_SetConfig) X(TF_SetTarget)                         \
  X(TF_NewGraph) X(TF_DeleteGraph) X(TF_GraphNextOperation) X(TF_GraphOperationByName)                       \
  X(TF_GraphNumFunctions) X(TF_GraphGetFunctions) X(TF_FunctionToFunctionDef) X(TF_DeleteFunction)           \
  X(TF_GraphGetOpDef)                                                                                        \
  X(TF_OperationOpType) X(TF_OperationNumOutputs) X(TF_OperationOutputType)                                  \
  X(TF_LoadLibrary) X(TF_DeleteLibraryHandle)                                                                \
  X(TF_NewSession) X(TF_SessionListDevices) X(TF_DeleteDeviceList) X(TF_DeviceListCount)                     \
  X(TF_DeviceListName) X(TF_DeviceListMemoryBytes)                                                           \
  X(TF_LoadSessionFromSavedModel) X(TF_CloseSession) X(TF_DeleteSession) X(TF_SessionRun)
// clang-format on

struct TfApi {
#define TENSORGATE_MEMBER(function) decltype(&::function) function = nullptr;
  TENSORGATE_TF_FUNCTIONS(TENSORGATE_MEMBER)
#undef TENSORGATE_MEMBER
  // Null in older libraries; declared here since their headers lack it.
  void (*TF_SetRequireShapeInferenceFns)(TF_Graph* graph, bool require) = nullptr;
};

// Filled once by OpenTensorFlow, never emptied; read by any thread after that.
extern TfApi tf;

// Who else may use TensorFlow's symbols.
enum class TfSymbols {
  kOwn,     // the addon alone
  kShared,  // libraries of operations that are opened later, too
};

// Opens the library in `directory` for the whole process; later calls do nothing. Returns what is wrong, as a
// clause, empty if it went well. Any thread.
std::string OpenTensorFlow(const std::string& directory, TfSymbols symbols);

// How it was opened; kOwn before. Any thread.
TfSymbols OpenedTfSymbols();

}  // namespace tensorgate
