// Whether the files of a SavedModel are still those that were loaded.
#pragma once

#include <string>

namespace tensorgate {

// Names, sizes and times of graph, weights and assets, as one text; empty if the folder cannot be read. Any thread.
std::string StampFiles(const std::string& directory);

}  // namespace tensorgate
