#include "string_tensor.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "tsl/platform/ctstring.h"

namespace tensorgate {

namespace {

// The memory of one string tensor: its elements, and a claim on the budget for their bytes, which TF_TString allocates.
struct StringMemory {
  MemoryReservation bytes;
  Slab elements;
};

// TensorFlow's deallocator, on whichever thread drops the last reference. `arg` is the StringMemory.
void FreeStrings(void* data, size_t size, void* arg) {
  auto* element = static_cast<TF_TString*>(data);
  for (size_t i = 0; i < size / sizeof(TF_TString); i++) TF_TString_Dealloc(element + i);
  delete static_cast<StringMemory*>(arg);
}

// Bytes that TF_TString allocates for a string: none for one that fits the element itself.
size_t HeapBytes(std::string_view text) { return text.size() > TF_TString_SmallCapacity ? text.size() + 16 : 0; }

// For `count` elements, the last view repeated: a few bytes on the wire can stand for more than there is memory.
size_t HeapBytes(size_t count, std::span<const std::string_view> views) {
  if (views.empty()) return 0;
  size_t bytes = 0;
  for (const std::string_view view : views) bytes += HeapBytes(view);
  size_t repeated = 0;
  if (__builtin_mul_overflow(count - views.size(), HeapBytes(views.back()), &repeated) ||
      __builtin_add_overflow(bytes, repeated, &bytes))
    throw std::bad_alloc();
  return bytes;
}

}  // namespace

TensorPtr MakeStringTensor(std::span<const int64_t> dims, size_t count, std::span<const std::string_view> views) {
  std::unique_ptr<StringMemory> memory(
      new StringMemory{MemoryReservation(HeapBytes(count, views)), Slab(count * sizeof(TF_TString))});
  auto* element = reinterpret_cast<TF_TString*>(memory->elements.data());
  for (size_t i = 0; i < count; i++) {
    TF_TString_Init(element + i);
    if (views.empty()) continue;
    const std::string_view view = views[std::min(i, views.size() - 1)];
    TF_TString_Copy(element + i, view.data(), view.size());
  }
  const size_t size = memory->elements.size();
  return TensorPtr(tf.TF_NewTensor(TF_STRING, dims.data(), static_cast<int>(dims.size()), element, size, FreeStrings,
                                   memory.release()));
}

TensorPtr CopyTensor(const TF_Tensor* tensor) {
  const std::vector<int64_t> dims = DimsOf(tensor);
  TensorPtr copy;
  if (tf.TF_TensorType(tensor) == TF_STRING) {
    std::vector<std::string_view> views;
    for (const TF_TString& element : StringElements(tensor)) views.push_back(ViewOf(element));
    copy = MakeStringTensor(dims, views.size(), views);
  } else {
    Slab bytes(tf.TF_TensorByteSize(tensor));
    if (bytes.size() > 0) std::memcpy(bytes.data(), tf.TF_TensorData(tensor), bytes.size());
    copy = WrapSlab(tf.TF_TensorType(tensor), dims, std::move(bytes));
  }
  if (!copy) throw std::bad_alloc();
  return copy;
}

std::span<const TF_TString> StringElements(const TF_Tensor* tensor) {
  const auto* data = static_cast<const TF_TString*>(tf.TF_TensorData(tensor));
  return {data, tf.TF_TensorByteSize(tensor) / sizeof(TF_TString)};
}

}  // namespace tensorgate
