#include "varint.h"

#include <cstring>
#include <type_traits>

namespace tensorgate {

namespace {

// Null if the varint does not end within `end` or ten bytes.
inline const uint8_t* ReadOne(const uint8_t* at, const uint8_t* end, uint64_t* value) {
  if (at < end && *at < 0x80) {
    *value = *at;
    return at + 1;
  }
  uint64_t result = 0;
  for (int shift = 0; shift < 70 && at < end; shift += 7) {
    const uint8_t byte = *at++;
    if (shift < 64) result |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *value = result;
      return at;
    }
  }
  return nullptr;
}

template <typename T>
int64_t Read(std::span<const uint8_t> bytes, uint8_t* target, int64_t most) {
  const uint8_t* at = bytes.data();
  const uint8_t* end = at + bytes.size();
  int64_t count = 0;
  while (at < end) {
    uint64_t value = 0;
    at = ReadOne(at, end, &value);
    if (!at || count == most) return -1;
    const T element = static_cast<T>(value);
    std::memcpy(target + count++ * sizeof(T), &element, sizeof(T));
  }
  return count;
}

template <typename T>
void Write(const void* data, int64_t count, std::string* text) {
  const auto* element = static_cast<const T*>(data);
  text->reserve(text->size() + count * 2);
  for (int64_t i = 0; i < count; i++) {
    if constexpr (std::is_same_v<T, bool>)
      text->push_back(static_cast<const uint8_t*>(data)[i] != 0);
    else if constexpr (std::is_signed_v<T>)
      AppendVarint(static_cast<uint64_t>(static_cast<int64_t>(element[i])), text);
    else
      AppendVarint(element[i], text);
  }
}

// Calls `visit` with a null pointer of the C++ type that holds an element; false if the dtype is not kept as varints.
template <typename Visit>
bool WithElementType(TF_DataType dtype, Visit visit) {
  switch (dtype) {
    case TF_BOOL:
      return visit(static_cast<bool*>(nullptr)), true;
    case TF_INT8:
    case TF_QINT8:
      return visit(static_cast<int8_t*>(nullptr)), true;
    case TF_UINT8:
    case TF_QUINT8:
      return visit(static_cast<uint8_t*>(nullptr)), true;
    case TF_INT16:
    case TF_QINT16:
      return visit(static_cast<int16_t*>(nullptr)), true;
    case TF_UINT16:
    case TF_QUINT16:
    case TF_HALF:
    case TF_BFLOAT16:
      return visit(static_cast<uint16_t*>(nullptr)), true;
    case TF_INT32:
    case TF_QINT32:
      return visit(static_cast<int32_t*>(nullptr)), true;
    case TF_UINT32:
      return visit(static_cast<uint32_t*>(nullptr)), true;
    case TF_INT64:
      return visit(static_cast<int64_t*>(nullptr)), true;
    case TF_UINT64:
      return visit(static_cast<uint64_t*>(nullptr)), true;
    default:
      return false;
  }
}

}  // namespace

void AppendVarint(uint64_t value, std::string* text) {
  while (value >= 0x80) {
    text->push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  text->push_back(static_cast<char>(value));
}

int64_t ReadVarints(TF_DataType dtype, std::span<const uint8_t> bytes, uint8_t* target, int64_t most) {
  int64_t count = -1;
  WithElementType(dtype, [&]<typename T>(T*) { count = Read<T>(bytes, target, most); });
  return count;
}

bool WriteVarints(TF_DataType dtype, const void* data, int64_t count, std::string* text) {
  return WithElementType(dtype, [&]<typename T>(T*) { Write<T>(data, count, text); });
}

}  // namespace tensorgate
