// A SavedModel made to run on one device: TensorFlow has no option for it, so the graph itself must say so.
#pragma once

#include <memory>
#include <string>

#include "status.h"

namespace tensorgate {

// A temporary folder with what the SavedModel's folder has: links, but for saved_model.pb, which is a copy whose nodes
// (of the graph and of its functions) all name the device. Nodes that ask for the CPU stay there when the device is
// another: what runs on the host only. Gone with this object, which belongs to one owner.
class PlacedCopy {
 public:
  // `device` as TensorFlow writes it: `/device:GPU:1`. Blocks for the copying, which holds the original in memory, as
  // the load will after it. Null with `status` set if there is no room, or no saved_model.pb. Any thread.
  static std::unique_ptr<PlacedCopy> Make(const std::string& directory, const std::string& device, Status* status);
  ~PlacedCopy();
  PlacedCopy(const PlacedCopy&) = delete;
  PlacedCopy& operator=(const PlacedCopy&) = delete;

  const std::string& directory() const { return directory_; }
  // Whether the graph may read files of it later, by the names it got for them while it was loaded.
  bool has_assets() const;
  // What TensorFlow says of this folder, said of the one that it stands for.
  std::string InOriginalsName(std::string text) const;

 private:
  explicit PlacedCopy(std::string original) : original_(std::move(original)) {}

  const std::string original_;
  std::string directory_;
};

}  // namespace tensorgate
