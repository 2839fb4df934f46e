// A TensorFlow Lite model: what a Session has in place of TensorFlow's graph where model.tflite is run.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "status.h"
#include "tensor_slice.h"
#include "tflite_interpreter.h"
#include "tflite_metadata.h"

namespace tensorgate {

// An input or output of the model, as the file has it.
struct TfliteTensorInfo {
  std::string name;
  TF_DataType dtype;  // kNoDataType for what TensorFlow has no equal of
  std::vector<int64_t> dims;
  const void* identity;  // equal for what is the same tensor twice
};

// Owned by its Session, freed with it. Holds the file's bytes: the interpreters read the weights there.
class TfliteModel {
 public:
  // Reads the file and makes that many interpreters. Null, with `status` set, if the library is not open, or for a file
  // that cannot be read, is no such model, or cannot be run by the library. Blocks; any thread.
  static std::unique_ptr<TfliteModel> Load(const std::string& path, int interpreters, Status* status);
  ~TfliteModel();
  TfliteModel(const TfliteModel&) = delete;
  TfliteModel& operator=(const TfliteModel&) = delete;

  const std::vector<TfliteTensorInfo>& inputs() const { return inputs_; }
  const std::vector<TfliteTensorInfo>& outputs() const { return outputs_; }
  // The metadata entry `signature_defs_metadata`; empty if there is none.
  std::string_view signature_defs() const;
  // The file's own table of signatures.
  std::vector<TfliteSignature> Signatures() const { return FindSignatures(file()); }

  // The place of the tensor of that name, with or without `:0`, among `tensors`; -1 if it is not there, or if the name
  // stands for more than one.
  static int Find(const std::vector<TfliteTensorInfo>& tensors, std::string_view name);

  // Whether these feed each of the model's inputs, once: one that is left out would have the last request's values.
  Status CheckFeeds(std::span<const TF_Output> feeds) const;

  // Runs the model in the calling thread, on an interpreter that nobody else has meanwhile; waits for one if need be.
  // See TfliteInterpreter::Run. Any thread.
  Status Run(std::span<const TF_Output> feeds, std::span<TF_Tensor* const> values, std::span<const TF_Output> fetches,
             std::vector<TensorSlice>* results);

 private:
  class Lease;
  TfliteModel() = default;
  std::string_view file() const { return {file_.data(), file_.size()}; }
  // Whether a request's values would go where all interpreters read the model.
  bool HasConstantInput() const;

  std::vector<char> file_;
  TfLiteModel* model_ = nullptr;
  std::vector<TfliteTensorInfo> inputs_;
  std::vector<TfliteTensorInfo> outputs_;
  std::vector<std::unique_ptr<TfliteInterpreter>> interpreters_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<TfliteInterpreter*> idle_;
};

}  // namespace tensorgate
