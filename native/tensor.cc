#include "tensor.h"

namespace tensorgate {

TensorPtr WrapSlab(TF_DataType dtype, std::span<const int64_t> dims, Slab slab) {
  auto* owner = new Slab(std::move(slab));
  auto free_slab = [](void*, size_t, void* arg) { delete static_cast<Slab*>(arg); };
  TensorPtr tensor(tf.TF_NewTensor(dtype, dims.data(), static_cast<int>(dims.size()), owner->data(), owner->size(),
                                   free_slab, owner));
  return tensor;
}

int64_t ElementCount(std::span<const int64_t> dims) {
  int64_t count = 1;
  bool overflow = false;
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0) return -1;
    if (dim == 0)
      empty = true;
    else
      overflow |= __builtin_mul_overflow(count, dim, &count);
  }
  // Even beside a zero: TensorFlow multiplies the other dimensions when the model reshapes.
  if (overflow) return -1;
  return empty ? 0 : count;
}

int64_t ByteSize(std::span<const int64_t> dims, size_t element_size) {
  const int64_t count = ElementCount(dims);
  int64_t size = 0;
  if (count < 0 || __builtin_mul_overflow(count, static_cast<int64_t>(element_size), &size)) return -1;
  return size;
}

std::vector<int64_t> DimsOf(const TF_Tensor* tensor) {
  std::vector<int64_t> dims(tf.TF_NumDims(tensor));
  for (size_t i = 0; i < dims.size(); i++) dims[i] = tf.TF_Dim(tensor, static_cast<int>(i));
  return dims;
}

std::string FormatDims(std::span<const int64_t> dims) {
  std::string text = "[";
  for (size_t i = 0; i < dims.size(); i++) text += (i ? "," : "") + std::to_string(dims[i]);
  return text + "]";
}

}  // namespace tensorgate
