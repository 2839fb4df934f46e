#include "placed_copy.h"

#include <stdlib.h>

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "place_nodes.h"

namespace tensorgate {

namespace {

namespace fs = std::filesystem;

constexpr const char* kGraphFile = "saved_model.pb";

// A whole file; empty if it cannot be read, or is. Not mapped into memory: a file that is cut short meanwhile, by who
// copies another model over it, would end the process.
std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes;
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (!in || error) return bytes;
  bytes.resize(size);
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<size_t>(in.gcount()));
  return bytes;
}

std::string MakeTemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "tensorgate-XXXXXX").string();
  if (!mkdtemp(name.data()))
    throw fs::filesystem_error("cannot make a folder", name, std::error_code(errno, std::generic_category()));
  return name;
}

Status NoRoom(const std::string& original, const std::string& reason) {
  return {code::kUnavailable, "A copy of " + original + "/" + kGraphFile +
                                  " for another device cannot be written to the temporary folder: " + reason +
                                  ". Make room there, or name another folder in the variable TMPDIR."};
}

}  // namespace

std::unique_ptr<PlacedCopy> PlacedCopy::Make(const std::string& directory, const std::string& device, Status* status) {
  const fs::path from = fs::path(directory);
  const std::string graph = ReadFile(from / kGraphFile);
  if (graph.empty()) {
    *status = {code::kFailedPrecondition,
               "The folder " + directory + " has no " + kGraphFile +
                   " that can be read, so the model cannot be put on " + device +
                   ". Save it in that form, or serve it on one device only (--devices, --model_devices)."};
    return nullptr;
  }
  std::unique_ptr<PlacedCopy> copy(new PlacedCopy(directory));
  try {
    copy->directory_ = MakeTemporaryFolder();
    const fs::path to(copy->directory_);
    for (const fs::directory_entry& entry : fs::directory_iterator(from))
      if (entry.path().filename() != kGraphFile)
        fs::create_symlink(fs::absolute(entry.path()), to / entry.path().filename());
    std::ofstream out(to / kGraphFile, std::ios::binary);
    WritePlaced(graph, device, out);
    out.close();
    if (out) return copy;
    *status = NoRoom(directory, "writing failed");
  } catch (const fs::filesystem_error& error) {
    *status = NoRoom(directory, error.what());
  }
  return nullptr;
}

PlacedCopy::~PlacedCopy() {
  std::error_code ignored;
  // Does not follow the links.
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

bool PlacedCopy::has_assets() const {
  std::error_code ignored;
  return fs::exists(fs::path(directory_) / "assets", ignored);
}

std::string PlacedCopy::InOriginalsName(std::string text) const {
  for (size_t at = 0; (at = text.find(directory_, at)) != std::string::npos; at += original_.size())
    text.replace(at, directory_.size(), original_);
  return text;
}

}  // namespace tensorgate
