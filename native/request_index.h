// Waiting requests by the number that JavaScript knows them by, so that dropping one costs no search of its lane.
#pragma once

#include <cstdint>
#include <vector>

#include "request.h"

namespace tensorgate {

// A hash table that links the requests themselves: nothing is allocated for one. Owns none of them; guarded by its
// queue's lock. Numbers are dense, since JavaScript gives them again, so that lists are short.
class RequestIndex {
 public:
  void Add(Request* request) {
    Request*& head = HeadOf(request->id);
    request->next_by_id = head;
    head = request;
  }

  // The request must be in it.
  void Remove(Request* request) {
    Request** link = &HeadOf(request->id);
    while (*link != request) link = &(*link)->next_by_id;
    *link = request->next_by_id;
    request->next_by_id = nullptr;
  }

  // Null if there is none.
  Request* Find(const CompletionPort* port, uint32_t id) {
    Request* request = HeadOf(id);
    while (request && (request->id != id || request->port.get() != port)) request = request->next_by_id;
    return request;
  }

 private:
  static constexpr size_t kHeads = 4096;
  Request*& HeadOf(uint32_t id) { return heads_[id % kHeads]; }

  std::vector<Request*> heads_ = std::vector<Request*>(kHeads);
};

}  // namespace tensorgate
