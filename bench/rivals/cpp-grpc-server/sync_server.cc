#include <grpcpp/grpcpp.h>

#include <limits>

#include "predict.h"
#include "servers.h"
#include "tensorflow_serving/apis/prediction_service.grpc.pb.h"

namespace rival {
namespace {

namespace serving = tensorflow::serving;

class Service final : public serving::PredictionService::Service {
 public:
  explicit Service(const Model& model) : model_(model) {}

  grpc::Status Predict(grpc::ServerContext*, const serving::PredictRequest* request,
                       serving::PredictResponse* response) override {
    return rival::Predict(model_, *request, response);
  }

 private:
  const Model& model_;
};

}  // namespace

void ServeSync(const Flags& flags, const Model& model, const std::function<void()>& ready) {
  Service service(model);
  grpc::ResourceQuota quota;
  quota.SetMaxThreads(flags.grpc_max_threads);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags.host + ":" + std::to_string(flags.port), grpc::InsecureServerCredentials());
  builder.SetMaxMessageSize(std::numeric_limits<int>::max());
  builder.SetResourceQuota(quota);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (!server) Die("The server cannot listen on port " + std::to_string(flags.port) + ".");
  ready();
  server->Wait();
}

}  // namespace rival
