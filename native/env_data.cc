#include "env_data.h"

#include "engine/tensorflow/retreat.h"
#include "session_table.h"

namespace tensorgate {

EnvData* EnvData::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<EnvData*>(data);
}

void EnvData::Attach(napi_env env) {
  auto* data = new EnvData;
  data->jobs = std::make_shared<BackgroundJobs>(env);
  napi_set_instance_data(env, data, nullptr, nullptr);
  napi_add_env_cleanup_hook(env, CleanUp, data);
}

void EnvData::CleanUp(void* arg) {
  std::unique_ptr<EnvData> data(static_cast<EnvData*>(arg));
  // Quietly: no JavaScript runs any more.
  data->grpc_listeners.clear();
  if (data->port) data->port->Close();
  data->jobs->Close();
  Retreat::WaitForLoads();
  for (int id : data->sessions) SessionTable::Get().Release(id);
}

}  // namespace tensorgate
