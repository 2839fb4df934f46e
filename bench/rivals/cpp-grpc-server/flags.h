// The command line: --name=value, the names being tensorflow_model_server's where it has them.
#pragma once

#include <string>

namespace rival {

struct Flags {
  std::string host = "127.0.0.1";
  int port = 8500;
  std::string model_name = "default";
  std::string model_base_path;
  // Folder of libtensorflow_cc.so.2.
  std::string tensorflow_dir;
  // "sync" or "async".
  std::string mode = "sync";
  // Of "sync".
  int grpc_max_threads = 64;
  // Of "async": completion queues, one thread each.
  int threads = 2;
  // "default", "caller" or "single".
  std::string session_config = "default";
};

// Ends the process with a sentence if an argument is not one of these.
Flags ParseFlags(int argc, char** argv);

}  // namespace rival
