#include "tf_api.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace rival {

TfApi tf;

namespace {

// DEEPBIND: its own protobuf and gRPC, not those that this program is linked with.
constexpr int kFlags = RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND;

void* Open(const std::string& path) {
  void* library = dlopen(path.c_str(), kFlags);
  if (!library) Die(std::string("libtensorflow cannot be opened: ") + dlerror());
  return library;
}

}  // namespace

void Die(const std::string& message) {
  std::fprintf(stderr, "cpp-grpc-server: %s\n", message.c_str());
  std::exit(1);
}

void OpenTensorFlow(const std::string& directory) {
  // The framework library first, by its own path: the main library's NEEDED entry then finds it by soname.
  Open(directory + "/libtensorflow_framework.so.2");
  void* library = Open(directory + "/libtensorflow_cc.so.2");
#define RIVAL_RESOLVE(function)                                                     \
  tf.function = reinterpret_cast<decltype(tf.function)>(dlsym(library, #function)); \
  if (!tf.function) Die("libtensorflow has no function " #function ".");
  RIVAL_TF_FUNCTIONS(RIVAL_RESOLVE)
#undef RIVAL_RESOLVE
}

}  // namespace rival
