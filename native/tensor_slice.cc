#include "tensor_slice.h"

#include "string_tensor.h"

namespace tensorgate {

TensorSlice::TensorSlice(TensorPtr tensor)
    : tensor_(std::move(tensor)),
      dtype_(tf.TF_TensorType(tensor_.get())),
      dims_(DimsOf(tensor_.get())),
      count_(ElementCount(dims_)) {}

TensorSlice TensorSlice::Rows(int64_t begin, int64_t rows) const {
  TensorSlice slice = *this;
  const int64_t per_row = dims_[0] == 0 ? 0 : count_ / dims_[0];
  slice.dims_[0] = rows;
  slice.first_ = first_ + begin * per_row;
  slice.count_ = rows * per_row;
  return slice;
}

std::string_view TensorSlice::bytes() const {
  const size_t element_size = DataTypeSize(dtype_);
  const auto* data = static_cast<const char*>(tf.TF_TensorData(tensor_.get()));
  return {data + first_ * element_size, count_ * element_size};
}

std::span<const TF_TString> TensorSlice::strings() const {
  return StringElements(tensor_.get()).subspan(first_, count_);
}

}  // namespace tensorgate
