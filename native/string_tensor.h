// String tensors: TensorFlow's TF_TString elements to and from byte ranges.
#pragma once

#include <span>
#include <string_view>

#include "tensor.h"

namespace tensorgate {

// Elements own copies of their bytes. Views (TF_TString_AssignView) would save the copy, but operations that pass an
// element on copy the view, not the bytes, so a lookup table could keep pointing into a request that is long gone.
// Fewer views than `count`: the last is repeated, none at all means empty strings (TensorProto's rule for typed fields;
// callers that allow no filling pass as many as needed). Throws std::bad_alloc.
TensorPtr MakeStringTensor(std::span<const int64_t> dims, size_t count, std::span<const std::string_view> views);

// A tensor of its own with the same elements, of strings or of fixed size. Throws std::bad_alloc.
TensorPtr CopyTensor(const TF_Tensor* tensor);

// The elements of a string tensor; valid while it lives.
std::span<const TF_TString> StringElements(const TF_Tensor* tensor);

inline std::string_view ViewOf(const TF_TString& element) {
  return {TF_TString_GetDataPointer(&element), TF_TString_GetSize(&element)};
}

}  // namespace tensorgate
