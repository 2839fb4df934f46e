#include "tf_api.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <mutex>
#include <thread>
#include <vector>

namespace tensorgate {

TfApi tf;

namespace {

// Not RTLD_DEEPBIND: with it Node dies in models that print (facts of the project's measurements). Without it some
// of TensorFlow's OpenSSL and zlib symbols bind to Node's, so TensorFlow itself must never speak TLS.
constexpr int kFlags = RTLD_LAZY | RTLD_LOCAL;

void* OpenOne(const std::string& directory, const std::vector<std::string>& names, std::string* error) {
  for (const std::string& name : names) {
    if (void* handle = dlopen((directory + "/" + name).c_str(), kFlags)) return handle;
    const char* reason = dlerror();
    if (error->empty()) *error = reason ? reason : "dlopen failed";
  }
  return nullptr;
}

std::string Fill(void* library) {
#define TENSORGATE_RESOLVE(function)                                                \
  tf.function = reinterpret_cast<decltype(tf.function)>(dlsym(library, #function)); \
  if (!tf.function) return "it has no function " #function ", so it is older than TensorFlow 2.10";
  TENSORGATE_TF_FUNCTIONS(TENSORGATE_RESOLVE)
#undef TENSORGATE_RESOLVE
  return "";
}

// glibc keeps up to eight heaps per core and gives little of what is freed back: one per core is enough to stay out of
// each other's way (measured: 30 MB less of resident memory under mixed load on two cores, and it stops growing).
void LimitHeaps() {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(2u, std::thread::hardware_concurrency())));
#endif
}

}  // namespace

std::string OpenTensorFlow(const std::string& directory) {
  static std::mutex mutex;
  static bool open = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (open) return "";
  LimitHeaps();
  std::string error;
  // The framework library first, by its own path: the main library's NEEDED entry then finds it by soname.
  if (!OpenOne(directory, {"libtensorflow_framework.so.2", "libtensorflow_framework.2.dylib"}, &error)) return error;
  error.clear();
  void* library =
      OpenOne(directory, {"libtensorflow_cc.so.2", "libtensorflow.so.2", "libtensorflow_cc.2.dylib"}, &error);
  if (!library) return error;
  error = Fill(library);
  open = error.empty();
  return error;
}

}  // namespace tensorgate
