// Rows of a tensor, without a copy: what each request of a batch gets of the batch's outputs.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "tensor.h"

namespace tensorgate {

// Shares the tensor's memory, which lives until the last slice is gone; freed on that thread.
class TensorSlice {
 public:
  TensorSlice() = default;
  // All of it.
  explicit TensorSlice(TensorPtr tensor);

  // Whether it has a first dimension of that size.
  bool HasRows(int64_t rows) const { return !dims_.empty() && dims_[0] == rows; }
  // `rows` rows from `begin` on; the tensor must have as many.
  TensorSlice Rows(int64_t begin, int64_t rows) const;

  TF_DataType dtype() const { return dtype_; }
  const std::vector<int64_t>& dims() const { return dims_; }
  int64_t element_count() const { return count_; }
  // The elements: of fixed size, or strings.
  std::string_view bytes() const;
  std::span<const TF_TString> strings() const;

 private:
  std::shared_ptr<TF_Tensor> tensor_;
  TF_DataType dtype_ = TF_FLOAT;
  std::vector<int64_t> dims_;
  int64_t first_ = 0;
  int64_t count_ = 0;
};

}  // namespace tensorgate
