#include "string_tensor.h"

#include <algorithm>

#include "tsl/platform/ctstring.h"

namespace tensorgate {

namespace {

// TensorFlow's deallocator, on whichever thread drops the last reference. `arg` is the Slab that holds the elements.
void FreeStrings(void* data, size_t size, void* arg) {
  auto* element = static_cast<TF_TString*>(data);
  for (size_t i = 0; i < size / sizeof(TF_TString); i++) TF_TString_Dealloc(element + i);
  delete static_cast<Slab*>(arg);
}

}  // namespace

TensorPtr MakeStringTensor(std::span<const int64_t> dims, size_t count, std::span<const std::string_view> views) {
  auto slab = std::make_unique<Slab>(count * sizeof(TF_TString));
  auto* element = reinterpret_cast<TF_TString*>(slab->data());
  for (size_t i = 0; i < count; i++) {
    TF_TString_Init(element + i);
    if (views.empty()) continue;
    const std::string_view view = views[std::min(i, views.size() - 1)];
    TF_TString_Copy(element + i, view.data(), view.size());
  }
  const size_t size = slab->size();
  return TensorPtr(tf.TF_NewTensor(TF_STRING, dims.data(), static_cast<int>(dims.size()), element, size, FreeStrings,
                                   slab.release()));
}

std::span<const TF_TString> StringElements(const TF_Tensor* tensor) {
  const auto* data = static_cast<const TF_TString*>(tf.TF_TensorData(tensor));
  return {data, tf.TF_TensorByteSize(tensor) / sizeof(TF_TString)};
}

}  // namespace tensorgate
