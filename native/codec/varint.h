// Protobuf varints <-> tensor memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "../dtype.h"

namespace tensorgate {

// Reads the varints in `bytes` as elements of `dtype` into `target`, `most` elements at the most. Returns how many were
// read, or -1 for a varint that is cut off or longer than ten bytes, for more than `most` of them, and for a dtype that
// TensorProto does not keep as varints. Small integer types keep the low bits, as protobuf does; bool is true for any
// number but zero.
int64_t ReadVarints(TF_DataType dtype, std::span<const uint8_t> bytes, uint8_t* target, int64_t most);

// Writes elements as TensorProto's typed field for `dtype` has them: signed types sign-extended to 64 bits, half and
// bfloat16 as their bits. Returns false for a dtype that is not kept as varints.
bool WriteVarints(TF_DataType dtype, const void* data, int64_t count, std::string* text);

// Appends one varint.
void AppendVarint(uint64_t value, std::string* text);

}  // namespace tensorgate
