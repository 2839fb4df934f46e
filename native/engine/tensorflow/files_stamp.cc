#include "engine/tensorflow/files_stamp.h"

#include <algorithm>
#include <filesystem>
#include <vector>

namespace tensorgate {

namespace {

namespace fs = std::filesystem;

// What TensorFlow reads of a SavedModel; other files of the folder may come and go (assets.extra, parameters).
bool IsPart(const fs::path& path, const std::string& directory) {
  const std::string top = path.lexically_relative(directory).begin()->string();
  return top == "variables" || top == "assets" || top.starts_with("saved_model.");
}

std::string StampOf(const fs::directory_entry& entry) {
  std::error_code error;
  const auto time = entry.last_write_time(error).time_since_epoch().count();
  return entry.path().string() + " " + std::to_string(entry.file_size(error)) + " " + std::to_string(time) + "\n";
}

}  // namespace

std::string StampFiles(const std::string& directory) {
  std::vector<std::string> stamps;
  std::error_code error;
  constexpr auto kOptions = fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator entry(directory, kOptions, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (!IsPart(entry->path(), directory))
      entry.disable_recursion_pending();
    else if (entry->is_regular_file(ignored))
      stamps.push_back(StampOf(*entry));
  }
  if (error) return "";
  std::sort(stamps.begin(), stamps.end());
  std::string all;
  for (const std::string& stamp : stamps) all += stamp;
  return all;
}

}  // namespace tensorgate
