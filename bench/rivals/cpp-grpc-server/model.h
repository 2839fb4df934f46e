// A SavedModel's session and its signatures, their tensors looked up in the graph once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "tf_api.h"

namespace rival {

struct Endpoint {
  int dtype = 0;
  TF_Output place{};
};

struct Signature {
  std::map<std::string, Endpoint> inputs;
  std::map<std::string, Endpoint> outputs;
};

// Lives as long as the process.
struct Model {
  std::string name;
  int64_t version = 0;
  TF_Graph* graph = nullptr;
  TF_Session* session = nullptr;
  std::map<std::string, Signature> signatures;
};

// Loads the highest version. Ends the process with a sentence if it cannot.
std::unique_ptr<const Model> LoadModel(const std::string& name, const std::string& base_path,
                                       const std::string& session_config);

}  // namespace rival
