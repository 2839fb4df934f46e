// A small gRPC Predict server that stands in for tensorflow_model_server. README.md says in what it is like it.
#include <cstdio>

#include "flags.h"
#include "model.h"
#include "servers.h"
#include "tf_api.h"

int main(int argc, char** argv) {
  const rival::Flags flags = rival::ParseFlags(argc, argv);
  if (flags.tensorflow_dir.empty() || flags.model_base_path.empty()) {
    rival::Die("--tensorflow_dir and --model_base_path are needed.");
  }
  if (flags.mode != "sync" && flags.mode != "async") rival::Die("--mode is sync or async, not " + flags.mode + ".");
  rival::OpenTensorFlow(flags.tensorflow_dir);
  const auto model = rival::LoadModel(flags.model_name, flags.model_base_path, flags.session_config);
  const auto ready = [] { std::fprintf(stderr, "cpp-grpc-server is ready, TensorFlow %s\n", rival::tf.TF_Version()); };
  if (flags.mode == "sync") rival::ServeSync(flags, *model, ready);
  if (flags.mode == "async") rival::ServeAsync(flags, *model, ready);
  return 0;
}
