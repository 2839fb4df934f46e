// Outputs in the form that their door wants them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/json_tensor.h"
#include "signature.h"
#include "status.h"
#include "tensor_slice.h"

namespace tensorgate {

// Numbers shared with src/tensor/predict-request.ts.
enum class OutputFormat { kRaw = 0, kTypedFields = 1 };

// A view of the tensor's own memory, or text made from it.
struct Output {
  TF_DataType dtype = TF_FLOAT;
  std::vector<int64_t> dims;
  TensorSlice slice;  // keeps the memory of `bytes`, if it is not `text`
  std::string text;
  bool is_text = false;

  std::string_view bytes() const { return is_text ? std::string_view(text) : slice.bytes(); }
};

// Grows with the tensor's size unless its bytes can go out as they are. May throw std::bad_alloc.
Output FormatOutput(TensorSlice slice, OutputFormat format);

// The body of a REST reply as one output of type STRING. `slices` are those of `outputs`, in order; `uses_other_names`:
// by the first of their other names, if they have some.
Status FormatJsonReply(JsonLayout layout, bool uses_other_names, std::span<const SignatureTensor> outputs,
                       std::span<const TensorSlice> slices, Output* reply);

}  // namespace tensorgate
