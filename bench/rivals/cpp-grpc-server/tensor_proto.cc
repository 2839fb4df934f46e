#include "tensor_proto.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

namespace rival {
namespace {

using tensorflow::TensorProto;

constexpr int64_t kMaxElements = int64_t{1} << 28;

// The dimensions and their product; false if that is no shape.
bool ReadShape(const TensorProto& proto, std::vector<int64_t>* dims, int64_t* elements) {
  *elements = 1;
  for (const auto& dim : proto.tensor_shape().dim()) {
    if (dim.size() < 0 || dim.size() > kMaxElements || (*elements *= dim.size()) > kMaxElements) return false;
    dims->push_back(dim.size());
  }
  return true;
}

// As TensorFlow does it: where there are fewer values than elements, the last one repeats.
template <class T, class Field>
void Fill(void* memory, size_t elements, const Field& field) {
  T* to = static_cast<T*>(memory);
  const size_t given = std::min<size_t>(elements, field.size());
  if constexpr (std::is_same_v<T, typename Field::value_type>) {
    std::memcpy(to, field.data(), given * sizeof(T));
  } else {
    std::transform(field.begin(), field.begin() + given, to, [](auto value) { return static_cast<T>(value); });
  }
  std::fill(to + given, to + elements, given ? to[given - 1] : T());
}

bool FillFromTypedField(const TensorProto& proto, void* memory, size_t elements) {
  switch (proto.dtype()) {
    case tensorflow::DT_FLOAT:
      return Fill<float>(memory, elements, proto.float_val()), true;
    case tensorflow::DT_DOUBLE:
      return Fill<double>(memory, elements, proto.double_val()), true;
    case tensorflow::DT_INT32:
      return Fill<int32_t>(memory, elements, proto.int_val()), true;
    case tensorflow::DT_INT64:
      return Fill<int64_t>(memory, elements, proto.int64_val()), true;
    case tensorflow::DT_BOOL:
      return Fill<bool>(memory, elements, proto.bool_val()), true;
    case tensorflow::DT_UINT8:
      return Fill<uint8_t>(memory, elements, proto.int_val()), true;
    default:
      return false;
  }
}

template <class T, class Field>
void Append(const TF_Tensor* tensor, Field* field) {
  const T* values = static_cast<const T*>(tf.TF_TensorData(tensor));
  const size_t elements = tf.TF_TensorElementCount(tensor);
  field->Reserve(static_cast<int>(elements));
  field->Add(values, values + elements);
}

}  // namespace

TensorPtr FromProto(const TensorProto& proto, std::string* error) {
  std::vector<int64_t> dims;
  int64_t elements = 0;
  const auto dtype = static_cast<TF_DataType>(proto.dtype());
  const size_t element_size = tf.TF_DataTypeSize(dtype);
  if (!ReadShape(proto, &dims, &elements) || element_size == 0) {
    *error = "its shape or dtype is not handled by this server";
    return nullptr;
  }
  const size_t bytes = element_size * elements;
  const std::string& content = proto.tensor_content();
  if (!content.empty() && content.size() != bytes) {
    *error = "tensor_content does not have the length of its shape";
    return nullptr;
  }
  TensorPtr tensor(tf.TF_AllocateTensor(dtype, dims.data(), static_cast<int>(dims.size()), bytes));
  void* memory = tf.TF_TensorData(tensor.get());
  if (!content.empty()) {
    std::memcpy(memory, content.data(), bytes);
  } else if (!FillFromTypedField(proto, memory, elements)) {
    *error = "its dtype is not handled by this server";
    return nullptr;
  }
  return tensor;
}

bool ToProto(const TF_Tensor* tensor, TensorProto* proto) {
  proto->set_dtype(static_cast<tensorflow::DataType>(tf.TF_TensorType(tensor)));
  auto* shape = proto->mutable_tensor_shape();
  for (int axis = 0; axis < tf.TF_NumDims(tensor); axis++) shape->add_dim()->set_size(tf.TF_Dim(tensor, axis));
  switch (proto->dtype()) {
    case tensorflow::DT_FLOAT:
      return Append<float>(tensor, proto->mutable_float_val()), true;
    case tensorflow::DT_DOUBLE:
      return Append<double>(tensor, proto->mutable_double_val()), true;
    case tensorflow::DT_INT32:
      return Append<int32_t>(tensor, proto->mutable_int_val()), true;
    case tensorflow::DT_INT64:
      return Append<int64_t>(tensor, proto->mutable_int64_val()), true;
    case tensorflow::DT_BOOL:
      return Append<bool>(tensor, proto->mutable_bool_val()), true;
    case tensorflow::DT_UINT8:
      return Append<uint8_t>(tensor, proto->mutable_int_val()), true;
    default:
      return false;
  }
}

}  // namespace rival
