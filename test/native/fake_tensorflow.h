// A stand-in for libtensorflow behind native/tf_api.h: tensors are real, a graph has one op per output, which gives the
// input that it is named after: `x_out` gives what is fed to `x`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "session.h"

namespace tensorgate {

// Fills `tf`. Call it once, before anything else.
void UseFakeTensorFlow();

// What the next runs do before they give their outputs; an error of it is theirs. `rows`: of the first input. Any
// thread calls it. None: nothing.
using FakeRun = std::function<Status(int64_t rows, TF_Tensor* first_input)>;
void SetFakeRun(FakeRun run);

// What loading a session with that configuration, and running in it, end with before anything else. Any thread calls
// them. None: well.
using FakeStep = std::function<Status(const std::string& config)>;
void SetFakeLoad(FakeStep load);
void SetFakeExecutor(FakeStep executor);
// Sessions that have been loaded and not been deleted.
int OpenFakeSessions();

// Outputs whose op's name begins with `const` have two rows, whatever is fed.
std::shared_ptr<Session> FakeSession();

// Of elements that are all `value`.
TensorPtr Floats(const std::vector<int64_t>& dims, float value);
TensorPtr Strings(const std::vector<int64_t>& dims, const std::vector<std::string>& values);

std::vector<float> FloatsOf(const TF_Tensor* tensor);
std::vector<std::string> StringsOf(const TF_Tensor* tensor);

}  // namespace tensorgate
