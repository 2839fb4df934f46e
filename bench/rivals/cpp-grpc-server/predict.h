// One Predict, in the calling thread.
#pragma once

#include <grpcpp/grpcpp.h>

#include "model.h"
#include "tensorflow_serving/apis/predict.pb.h"

namespace rival {

grpc::Status Predict(const Model& model, const tensorflow::serving::PredictRequest& request,
                     tensorflow::serving::PredictResponse* response);

}  // namespace rival
