// What belongs to one JavaScript environment (the main thread or a worker); all else in the addon is process-wide.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "background_jobs.h"
#include "completion_port.h"
#include "grpc/grpc_listener.h"

namespace tensorgate {

// Made when an environment loads the addon, freed by its clean-up hook on its own thread. Sessions and signatures that
// the environment still holds then are given back.
class EnvData {
 public:
  static EnvData* Of(napi_env env);
  static void Attach(napi_env env);

  std::shared_ptr<CompletionPort> port;  // null until attach()
  std::shared_ptr<BackgroundJobs> jobs;
  std::vector<int> sessions;
  std::unordered_map<int, std::shared_ptr<GrpcListener>> grpc_listeners;  // until they are closed
  int next_listener = 1;

 private:
  static void CleanUp(void* data);
};

}  // namespace tensorgate
