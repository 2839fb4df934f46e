#include "engine/tensorflow/op_library.h"

#ifdef __linux__
#include <link.h>
#endif

#include <algorithm>
#include <string_view>
#include <vector>

namespace tensorgate {

namespace {

#ifdef __linux__
int NoteFramework(dl_phdr_info* info, size_t, void* found) {
  const std::string_view path(info->dlpi_name);
  if (path.substr(path.rfind('/') + 1).starts_with("libtensorflow_framework.so"))
    static_cast<std::vector<std::string>*>(found)->emplace_back(path);
  return 0;
}
#endif

// Paths of the framework libraries that the process has open. More than one is a mistake: operations that one copy has
// registered are unknown to the other.
std::vector<std::string> OpenFrameworks() {
  std::vector<std::string> found;
#ifdef __linux__
  dl_iterate_phdr(NoteFramework, &found);
#endif
  return found;
}

}  // namespace

Status LoadOpLibrary(const std::string& path) {
  if (OpenedTfSymbols() != TfSymbols::kShared)
    return {
        code::kFailedPrecondition,
        "this process has opened TensorFlow for models without custom operations, which cannot be changed any more"};
  const std::vector<std::string> before = OpenFrameworks();
  TfStatus status;
  if (TF_Library* library = tf.TF_LoadLibrary(path.c_str(), status.get())) tf.TF_DeleteLibraryHandle(library);
  if (!status.ok()) return status.ToStatus();
  for (const std::string& framework : OpenFrameworks())
    if (std::find(before.begin(), before.end(), framework) == before.end())
      return {code::kFailedPrecondition, "it brings a second TensorFlow with it, " + framework};
  return {};
}

}  // namespace tensorgate
