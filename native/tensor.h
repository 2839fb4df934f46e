// TF_Tensor with one owner, and ways to make one without a copy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dtype.h"
#include "slab.h"
#include "tf_api.h"

namespace tensorgate {

struct TensorDeleter {
  bool is_lent = false;  // somebody else's, who outlives this pointer
  void operator()(TF_Tensor* tensor) const {
    if (!is_lent) tf.TF_DeleteTensor(tensor);
  }
};
// May be freed on any thread; TensorFlow counts references to the buffer underneath.
using TensorPtr = std::unique_ptr<TF_Tensor, TensorDeleter>;

// The same tensor once more, for runs to read. TensorFlow writes to no tensor that has another reference.
inline TensorPtr Lend(const TensorPtr& tensor) { return TensorPtr(tensor.get(), TensorDeleter{true}); }

// Hands the slab to a tensor; TensorFlow's deallocator gives it back to the pool, on whichever thread drops the last
// reference (an identity model's output shares its input's memory). `slab.size()` is the tensor's size in bytes.
TensorPtr WrapSlab(TF_DataType dtype, std::span<const int64_t> dims, Slab slab);

// TensorFlow's own limit (TensorShape::MaxDimensions); making a tensor of a higher rank ends the process.
inline constexpr size_t kMaxRank = 254;

// The product of dims, or -1 if one is negative or the product overflows: TF_NewTensor does not check.
int64_t ElementCount(std::span<const int64_t> dims);

// Bytes of a tensor of fixed-size elements, or -1 as above.
int64_t ByteSize(std::span<const int64_t> dims, size_t element_size);

std::vector<int64_t> DimsOf(const TF_Tensor* tensor);

// `[2,3]`
std::string FormatDims(std::span<const int64_t> dims);

}  // namespace tensorgate
