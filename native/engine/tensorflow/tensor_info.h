// The graph tensors that an input or output of a signature consists of.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "../../codec/wire_walk.h"

namespace tensorgate {

// Adds the names in a TensorInfo (tensorflow/core/protobuf/meta_graph.proto): one, or those of a sparse or composite
// tensor's components. No recursion: components may be nested as deep as the file's author likes.
inline void AddTensorNames(std::string_view tensor_info, std::vector<std::string_view>* names) {
  constexpr uint32_t kName = 1, kCooSparse = 4, kComposite = 5;  // TensorInfo
  constexpr uint32_t kLastOfSparse = 3;                          // CooSparse: its fields 1 to 3 are names
  constexpr uint32_t kComponents = 2;                            // CompositeTensor
  std::vector<std::string_view> infos{tensor_info};
  while (!infos.empty()) {
    const std::string_view info = infos.back();
    infos.pop_back();
    for (WireWalk field(info); field.Next();) {
      if (field.number() == kName) names->push_back(field.bytes());
      if (field.number() != kCooSparse && field.number() != kComposite) continue;
      for (WireWalk part(field.bytes()); part.Next();) {
        if (field.number() == kCooSparse && part.number() <= kLastOfSparse) names->push_back(part.bytes());
        if (field.number() == kComposite && part.number() == kComponents) infos.push_back(part.bytes());
      }
    }
  }
}

}  // namespace tensorgate
