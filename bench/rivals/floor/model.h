// A SavedModel with its input tensors, ready to be run again and again.
#pragma once

#include <vector>

#include "flags.h"
#include "tf_api.h"

namespace floor_loop {

class Model {
 public:
  // Ends the process with a sentence if the model cannot be loaded or has not these tensors. Lives as long as the
  // process.
  explicit Model(const Flags& flags);

  // One TF_SessionRun of the same inputs; lets go of the outputs.
  void Run();

 private:
  void Check(const char* what);
  TF_Output Endpoint(const std::string& tensor);

  TF_Status* const status_ = rival::tf.TF_NewStatus();
  TF_Graph* const graph_ = rival::tf.TF_NewGraph();
  TF_Session* session_ = nullptr;
  std::vector<TF_Output> inputs_;
  std::vector<TF_Tensor*> input_values_;
  std::vector<TF_Output> outputs_;
  std::vector<TF_Tensor*> output_values_;
};

}  // namespace floor_loop
