// The command line: --name=value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace floor_loop {

struct Input {
  // op:index
  std::string tensor;
  std::vector<int64_t> shape;
};

struct Flags {
  // Folder of libtensorflow_cc.so.2.
  std::string tensorflow_dir;
  // A SavedModel's folder.
  std::string model;
  // A serialized tensorflow.ConfigProto; none is TensorFlow's default.
  std::string config;
  double seconds = 5;
  std::vector<Input> inputs;
  // op:index
  std::vector<std::string> outputs;
};

// --config=HEX, --input=op:index=2x3 for each input and --output=op:index for each output. Ends the process with a
// sentence if it cannot be parsed.
Flags ParseFlags(int argc, char** argv);

}  // namespace floor_loop
