// Memory for request messages that JavaScript can read without a copy, used again and again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "../napi_setup.h"

namespace tensorgate {

// A Node Buffer of its own; the JavaScript array `list` of the pool holds it at `index`.
struct MessageBuffer {
  uint32_t index;
  uint8_t* data;
  size_t capacity;
};

// Fresh memory of the size of a message costs a page fault for each 4 KiB, and V8 a full collection after a few dozen.
// Of the loop's thread. Sizes are powers of two.
class MessageBuffers {
 public:
  // `list`: an empty JavaScript array that lives for as long as this does.
  MessageBuffers(napi_env env, napi_value list);
  ~MessageBuffers();
  MessageBuffers(const MessageBuffers&) = delete;
  MessageBuffers& operator=(const MessageBuffers&) = delete;

  // At least so many bytes, with anything in them; null when there is no memory. Needs a handle scope.
  MessageBuffer* Take(size_t size);
  // Takes back what Take() gave; nobody may read it any more. Needs a handle scope.
  void Give(MessageBuffer* buffer);

  // What is lent at the moment.
  size_t lent_bytes() const { return lent_bytes_; }

 private:
  MessageBuffer* Make(size_t capacity);
  void Drop(MessageBuffer* buffer);

  napi_env env_;
  napi_ref list_ = nullptr;
  std::deque<MessageBuffer> buffers_;                 // by index; never shrinks, so that pointers stay good
  std::vector<uint32_t> free_indexes_;                // of buffers that were dropped
  std::array<std::vector<MessageBuffer*>, 64> idle_;  // by the logarithm of their capacity
  size_t idle_bytes_ = 0;
  size_t lent_bytes_ = 0;
};

}  // namespace tensorgate
