// One interpreter of a TensorFlow Lite model: one run at a time.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "status.h"
#include "tensor_slice.h"
#include "tflite_api.h"

namespace tensorgate {

// Belongs to its TfliteModel, whose memory it reads; used by one thread at a time, freed with the model.
class TfliteInterpreter {
 public:
  // Null, with `error` set, if the library cannot run the model. The model must outlive the interpreter.
  static std::unique_ptr<TfliteInterpreter> Create(const TfLiteModel* model, std::string* error);
  ~TfliteInterpreter();
  TfliteInterpreter(const TfliteInterpreter&) = delete;
  TfliteInterpreter& operator=(const TfliteInterpreter&) = delete;

  std::vector<const TfLiteTensor*> inputs() const;
  std::vector<const TfLiteTensor*> outputs() const;

  // Runs the model in the calling thread, its inputs resized to what is given. `feeds` and `fetches` are places among
  // the model's inputs and outputs; each input must be fed once. Results are copies. Throws std::bad_alloc.
  Status Run(std::span<const TF_Output> feeds, std::span<TF_Tensor* const> values, std::span<const TF_Output> fetches,
             std::vector<TensorSlice>* results);

 private:
  TfliteInterpreter() = default;
  // Gives an input the shape of a value.
  Status Resize(int place, const TF_Tensor* value);
  // INVALID_ARGUMENT with what the library has said since the run began.
  Status Failure(const char* what) const;
  static void Note(void* said, const char* format, va_list arguments);

  std::string said_;
  TfLiteInterpreter* interpreter_ = nullptr;
  std::vector<std::vector<int64_t>> declared_;  // the shapes of the model's inputs as they stand in the file
  bool allocated_ = false;                      // all tensors have memory for their present shapes
};

}  // namespace tensorgate
