// Calls that JavaScript knows of, by small numbers that are given again.
#pragma once

#include <memory>
#include <vector>

#include "grpc_call.h"

namespace tensorgate {

// Of the loop's thread.
class CallTable {
 public:
  void Add(const std::shared_ptr<GrpcCall>& call) {
    if (free_.empty()) {
      free_.push_back(static_cast<uint32_t>(calls_.size()));
      calls_.emplace_back();
    }
    call->id = free_.back();
    free_.pop_back();
    calls_[call->id] = call;
  }

  // Null for a number that is not in use.
  std::shared_ptr<GrpcCall> Find(uint32_t id) const { return id < calls_.size() ? calls_[id] : nullptr; }

  // JavaScript has finished the call: its number may be given again.
  std::shared_ptr<GrpcCall> Remove(uint32_t id) {
    auto call = Find(id);
    if (!call) return nullptr;
    calls_[id] = nullptr;
    free_.push_back(id);
    call->id = GrpcCall::kNoId;
    return call;
  }

 private:
  std::vector<std::shared_ptr<GrpcCall>> calls_;
  std::vector<uint32_t> free_;
};

}  // namespace tensorgate
