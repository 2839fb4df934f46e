#include "tf_api.h"

#include <dlfcn.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace tensorgate {

TfApi tf;

namespace {

std::atomic<TfSymbols> opened_symbols{TfSymbols::kOwn};

// Not RTLD_DEEPBIND: with it Node dies in models that print (facts of the project's measurements). Without it some
// of TensorFlow's OpenSSL and zlib symbols bind to Node's, so TensorFlow itself must never speak TLS.
constexpr int kOwn = RTLD_LAZY | RTLD_LOCAL;

// A library of operations has copies of protobuf, of abseil and of TensorFlow's messages. They must give way to those
// of the framework library, as they do in Python: abseil's hash seed is the address of a variable of each copy, so one
// copy finds in another's map only by chance what is there. Global symbols come before a library's own, in the order of
// opening: Node's, then these. It is opened so before the main library, whose 3,300 names in common would else belong
// half to the one and half to the other. The main library stays local: TensorFlow Lite's shares 18 functions with it.
int FlagsOfFramework(TfSymbols symbols) { return symbols == TfSymbols::kShared ? RTLD_LAZY | RTLD_GLOBAL : kOwn; }

void* OpenOne(const std::string& directory, const std::vector<std::string>& names, int flags, std::string* error) {
  for (const std::string& name : names) {
    if (void* handle = dlopen((directory + "/" + name).c_str(), flags)) return handle;
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
  tf.TF_SetRequireShapeInferenceFns =
      reinterpret_cast<decltype(tf.TF_SetRequireShapeInferenceFns)>(dlsym(library, "TF_SetRequireShapeInferenceFns"));
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

std::string OpenTensorFlow(const std::string& directory, TfSymbols symbols) {
  static std::mutex mutex;
  static bool open = false;
  std::lock_guard<std::mutex> lock(mutex);
  if (open) return "";
  LimitHeaps();
  std::string error;
  // The framework library first, by its own path: the NEEDED entries of the main library, and of libraries of
  // operations, then find it by soname, whatever other copy their RUNPATH leads to.
  if (!OpenOne(directory, {"libtensorflow_framework.so.2", "libtensorflow_framework.2.dylib"},
               FlagsOfFramework(symbols), &error))
    return error;
  error.clear();
  void* library =
      OpenOne(directory, {"libtensorflow_cc.so.2", "libtensorflow.so.2", "libtensorflow_cc.2.dylib"}, kOwn, &error);
  if (!library) return error;
  error = Fill(library);
  open = error.empty();
  if (open) opened_symbols = symbols;
  return error;
}

TfSymbols OpenedTfSymbols() { return opened_symbols; }

}  // namespace tensorgate
