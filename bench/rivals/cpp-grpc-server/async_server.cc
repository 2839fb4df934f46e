#include <google/protobuf/arena.h>
#include <grpcpp/grpcpp.h>

#include <limits>
#include <memory>
#include <thread>
#include <vector>

#include "predict.h"
#include "servers.h"
#include "tensorflow_serving/apis/prediction_service.grpc.pb.h"

namespace rival {
namespace {

using google::protobuf::Arena;
using tensorflow::serving::PredictionService;
using tensorflow::serving::PredictRequest;
using tensorflow::serving::PredictResponse;

// Calls that a queue holds ready for clients.
constexpr int kCallsWaiting = 64;

// From RequestPredict to the event after its Finish; deletes itself.
class Call {
 public:
  Call(PredictionService::AsyncService* service, grpc::ServerCompletionQueue* queue) {
    service->RequestPredict(&context_, request_, &writer_, queue, queue, this);
  }

  bool answered() const { return answered_; }

  void Answer(const Model& model) {
    answered_ = true;
    const grpc::Status status = Predict(model, *request_, response_);
    if (status.ok()) {
      writer_.Finish(*response_, status, this);
    } else {
      writer_.FinishWithError(status, this);
    }
  }

 private:
  Arena arena_;
  grpc::ServerContext context_;
  grpc::ServerAsyncResponseWriter<PredictResponse> writer_{&context_};
  PredictRequest* request_ = Arena::CreateMessage<PredictRequest>(&arena_);
  PredictResponse* response_ = Arena::CreateMessage<PredictResponse>(&arena_);
  bool answered_ = false;
};

void Poll(PredictionService::AsyncService* service, grpc::ServerCompletionQueue* queue, const Model& model) {
  for (int i = 0; i < kCallsWaiting; i++) new Call(service, queue);
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) {
    auto* call = static_cast<Call*>(tag);
    if (!ok || call->answered()) {
      delete call;
    } else {
      new Call(service, queue);
      call->Answer(model);
    }
  }
}

}  // namespace

void ServeAsync(const Flags& flags, const Model& model, const std::function<void()>& ready) {
  PredictionService::AsyncService service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(flags.host + ":" + std::to_string(flags.port), grpc::InsecureServerCredentials());
  builder.SetMaxMessageSize(std::numeric_limits<int>::max());
  builder.RegisterService(&service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int i = 0; i < flags.threads; i++) queues.push_back(builder.AddCompletionQueue());
  const auto server = builder.BuildAndStart();
  if (!server) Die("The server cannot listen on port " + std::to_string(flags.port) + ".");
  ready();
  std::vector<std::jthread> threads;
  for (const auto& queue : queues) threads.emplace_back(Poll, &service, queue.get(), std::cref(model));
}

}  // namespace rival
