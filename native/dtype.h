// TensorFlow's element types as one table, checked against the C header at compile time.
#pragma once

#include <array>
#include <cstddef>

#include "tensorflow/c/tf_datatype.h"

namespace tensorgate {

struct DataTypeInfo {
  TF_DataType dtype;
  const char* name;  // as in types.proto
  size_t size;       // bytes of an element; 0: strings, and what cannot cross the C API
};

inline constexpr std::array<DataTypeInfo, 23> kDataTypes = {{
    {TF_FLOAT, "DT_FLOAT", 4},     {TF_DOUBLE, "DT_DOUBLE", 8},       {TF_INT32, "DT_INT32", 4},
    {TF_UINT8, "DT_UINT8", 1},     {TF_INT16, "DT_INT16", 2},         {TF_INT8, "DT_INT8", 1},
    {TF_STRING, "DT_STRING", 0},   {TF_COMPLEX64, "DT_COMPLEX64", 8}, {TF_INT64, "DT_INT64", 8},
    {TF_BOOL, "DT_BOOL", 1},       {TF_QINT8, "DT_QINT8", 1},         {TF_QUINT8, "DT_QUINT8", 1},
    {TF_QINT32, "DT_QINT32", 4},   {TF_BFLOAT16, "DT_BFLOAT16", 2},   {TF_QINT16, "DT_QINT16", 2},
    {TF_QUINT16, "DT_QUINT16", 2}, {TF_UINT16, "DT_UINT16", 2},       {TF_COMPLEX128, "DT_COMPLEX128", 16},
    {TF_HALF, "DT_HALF", 2},       {TF_RESOURCE, "DT_RESOURCE", 0},   {TF_VARIANT, "DT_VARIANT", 0},
    {TF_UINT32, "DT_UINT32", 4},   {TF_UINT64, "DT_UINT64", 8},
}};

constexpr bool TableIsInOrder() {
  for (size_t i = 0; i < kDataTypes.size(); i++)
    if (static_cast<size_t>(kDataTypes[i].dtype) != i + 1) return false;
  return true;
}
static_assert(TableIsInOrder(), "kDataTypes is indexed by the type's number less one");

constexpr const DataTypeInfo* FindDataType(int dtype) {
  return dtype >= 1 && dtype <= static_cast<int>(kDataTypes.size()) ? &kDataTypes[dtype - 1] : nullptr;
}
constexpr size_t DataTypeSize(int dtype) {
  const DataTypeInfo* info = FindDataType(dtype);
  return info ? info->size : 0;
}
constexpr const char* DataTypeName(int dtype) {
  const DataTypeInfo* info = FindDataType(dtype);
  return info ? info->name : "an unknown DataType";
}
// Whether tensors of the type can cross the C API: RESOURCE and VARIANT would expose raw pointers.
constexpr bool IsServable(int dtype) { return FindDataType(dtype) && dtype != TF_RESOURCE && dtype != TF_VARIANT; }

}  // namespace tensorgate
