// An input as it came over the wire, before it is a tensor.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "status.h"
#include "tensor.h"

namespace tensorgate {

// Numbers shared with src/tensor/predict-request.ts.
enum class Encoding { kRaw = 0, kVarint = 1, kStrings = 2 };

// Owns its bytes. Moves from the thread that submits it to the worker that decodes it.
struct EncodedInput {
  TF_DataType dtype = TF_FLOAT;
  std::vector<int64_t> dims;
  Encoding encoding = Encoding::kRaw;
  bool fill = false;  // fewer values than the shape needs: repeat the last one, none at all means zeros
  Slab bytes;
  std::vector<uint64_t> string_ranges;  // kStrings: begin, end of each element in `bytes`

  // Bytes that already are the whole tensor need no decoding: they become one without a copy.
  bool IsTensorAlready() const;
};

// Makes the tensor, taking over the input's memory. Grows with the tensor's size, so it belongs on a worker unless
// IsTensorAlready(). Fails, naming `alias`, if the values do not fit the shape. Throws std::bad_alloc.
Status DecodeInput(std::string_view alias, EncodedInput input, TensorPtr* tensor);

}  // namespace tensorgate
