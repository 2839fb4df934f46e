#include "flags.h"

#include <charconv>
#include <string_view>

#include "tf_api.h"

namespace floor_loop {
namespace {

using rival::Die;

template <typename Number>
Number Parse(std::string_view text) {
  Number number = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) Die("Not a number: \"" + std::string(text) + "\".");
  return number;
}

std::string Unhex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    uint8_t byte = 0;
    std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

Input ParseInput(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) Die("An input is written op:index=2x3, not " + std::string(text) + ".");
  Input input{std::string(text.substr(0, equals)), {}};
  std::string_view rest = text.substr(equals + 1);
  while (!rest.empty()) {
    const size_t end = rest.find('x');
    input.shape.push_back(Parse<int64_t>(rest.substr(0, end)));
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return input;
}

}  // namespace

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; i++) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string_view::npos) Die("Flags are written --name=value, not " + std::string(argument) + ".");
    const std::string_view name = argument.substr(0, equals);
    const std::string_view value = argument.substr(equals + 1);
    if (name == "--tensorflow_dir") {
      flags.tensorflow_dir = value;
    } else if (name == "--model") {
      flags.model = value;
    } else if (name == "--config") {
      flags.config = Unhex(value);
    } else if (name == "--seconds") {
      flags.seconds = Parse<double>(value);
    } else if (name == "--input") {
      flags.inputs.push_back(ParseInput(value));
    } else if (name == "--output") {
      flags.outputs.emplace_back(value);
    } else {
      Die("Unknown flag " + std::string(name) + ".");
    }
  }
  return flags;
}

}  // namespace floor_loop
