// TensorProto ⇄ TF_Tensor, for numbers and booleans.
#pragma once

#include <string>

#include "tensorflow/core/framework/tensor.pb.h"
#include "tf_api.h"

namespace rival {

// Copies; null and a reason in `error` if the message makes no tensor.
TensorPtr FromProto(const tensorflow::TensorProto& proto, std::string* error);

// Writes the values into the typed field, as TensorFlow Serving does by default. False: a dtype that is not handled.
bool ToProto(const TF_Tensor* tensor, tensorflow::TensorProto* proto);

}  // namespace rival
