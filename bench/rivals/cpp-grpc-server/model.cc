#include "model.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tensorflow/core/protobuf/meta_graph.pb.h"

namespace rival {
namespace {

// A serialized tensorflow.ConfigProto.
std::string ConfigBytes(const std::string& kind) {
  const std::string caller = "\x28" + std::string(9, '\xff') + "\x01";  // inter_op_parallelism_threads: -1
  if (kind == "default") return "";
  if (kind == "caller") return caller;
  // intra_op_parallelism_threads: 1, experimental.executor_type
  if (kind == "single") return "\x10\x01" + caller + "\x82\x01\x1a\x1a\x18SINGLE_THREADED_EXECUTOR";
  Die("--session_config is default, caller or single, not \"" + kind + "\".");
}

int64_t HighestVersion(const std::string& base_path) {
  int64_t highest = 0;
  for (const auto& entry : std::filesystem::directory_iterator(base_path)) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos)
      highest = std::max<int64_t>(highest, std::stoll(name));
  }
  if (highest == 0) Die(base_path + " has no numbered version folder.");
  return highest;
}

std::map<std::string, Endpoint> Resolve(TF_Graph* graph,
                                        const google::protobuf::Map<std::string, tensorflow::TensorInfo>& tensors) {
  std::map<std::string, Endpoint> endpoints;
  for (const auto& [alias, info] : tensors) {
    const size_t colon = info.name().rfind(':');
    TF_Operation* operation = tf.TF_GraphOperationByName(graph, info.name().substr(0, colon).c_str());
    if (!operation) Die("The graph has no tensor " + info.name() + ", which the signature names.");
    const int index = colon == std::string::npos ? 0 : std::atoi(info.name().c_str() + colon + 1);
    endpoints[alias] = {info.dtype(), {operation, index}};
  }
  return endpoints;
}

void LoadSignatures(const TF_Buffer& buffer, Model* model) {
  tensorflow::MetaGraphDef meta_graph;
  if (!meta_graph.ParseFromArray(buffer.data, static_cast<int>(buffer.length))) Die("The meta graph cannot be parsed.");
  for (const auto& [name, definition] : meta_graph.signature_def()) {
    model->signatures[name] = {Resolve(model->graph, definition.inputs()), Resolve(model->graph, definition.outputs())};
  }
}

}  // namespace

std::unique_ptr<const Model> LoadModel(const std::string& name, const std::string& base_path,
                                       const std::string& session_config) {
  auto model = std::make_unique<Model>();
  model->name = name;
  model->version = HighestVersion(base_path);
  model->graph = tf.TF_NewGraph();
  const StatusPtr status = NewStatus();
  TF_SessionOptions* options = tf.TF_NewSessionOptions();
  const std::string config = ConfigBytes(session_config);
  tf.TF_SetConfig(options, config.data(), config.size(), status.get());
  TF_Buffer* meta_graph = tf.TF_NewBuffer();
  const char* tags[] = {"serve"};
  const std::string folder = base_path + "/" + std::to_string(model->version);
  model->session = tf.TF_LoadSessionFromSavedModel(options, nullptr, folder.c_str(), tags, 1, model->graph, meta_graph,
                                                   status.get());
  if (tf.TF_GetCode(status.get()) != TF_OK) Die(folder + " cannot be loaded: " + tf.TF_Message(status.get()));
  LoadSignatures(*meta_graph, model.get());
  tf.TF_DeleteBuffer(meta_graph);
  tf.TF_DeleteSessionOptions(options);
  return model;
}

}  // namespace rival
