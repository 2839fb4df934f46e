// Libraries of operations and kernels beside TensorFlow's own.
#pragma once

#include <string>

#include "status.h"

namespace tensorgate {

// Opens the library at `path` and registers its operations; both stay for as long as the process lives, and opening a
// library again changes nothing. Needs a TensorFlow that was opened with TfSymbols::kShared. What a library throws
// while it is opened ends the process. Any thread, one at a time.
Status LoadOpLibrary(const std::string& path);

}  // namespace tensorgate
