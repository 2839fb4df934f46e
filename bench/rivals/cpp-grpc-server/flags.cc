#include "flags.h"

#include <charconv>
#include <map>
#include <variant>

#include "tf_api.h"

namespace rival {
namespace {

using Target = std::variant<std::string*, int*>;

void Assign(const std::string& name, const std::string& value, Target target) {
  if (auto** text = std::get_if<std::string*>(&target)) {
    **text = value;
    return;
  }
  const char* end = value.data() + value.size();
  auto [stop, error] = std::from_chars(value.data(), end, *std::get<int*>(target));
  if (error != std::errc() || stop != end) Die("Flag --" + name + " needs a whole number, not \"" + value + "\".");
}

}  // namespace

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  const std::map<std::string, Target> targets{
      {"host", &flags.host},
      {"port", &flags.port},
      {"model_name", &flags.model_name},
      {"model_base_path", &flags.model_base_path},
      {"tensorflow_dir", &flags.tensorflow_dir},
      {"mode", &flags.mode},
      {"grpc_max_threads", &flags.grpc_max_threads},
      {"threads", &flags.threads},
      {"session_config", &flags.session_config},
  };
  for (int i = 1; i < argc; i++) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    const auto target = targets.find(argument.substr(0, equals).erase(0, 2));
    if (!argument.starts_with("--") || equals == std::string::npos || target == targets.end()) {
      Die("Unknown argument " + argument + ". README.md lists the flags; they are written --name=value.");
    }
    Assign(target->first, argument.substr(equals + 1), target->second);
  }
  return flags;
}

}  // namespace rival
