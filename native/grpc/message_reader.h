// Puts gRPC's length-prefixed messages together from the DATA of a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "../slab.h"
#include "message_buffers.h"

namespace tensorgate {

// A whole message: in `buffer`, or, where that is null, in memory that is good only during the callback.
struct ReceivedMessage {
  MessageBuffer* buffer;
  const uint8_t* data;
  size_t size;
  bool compressed;
};

// gRPC over HTTP/2, "Length-Prefixed-Message": a byte that tells whether it is compressed, four with the length, big
// endian, then the message. Holds no more memory than has been announced, and, where it does not trust that (Trusted()
// in message_reader.cc), no more than twice what has come. What has come counts against the process' budget for tensors
// until the message is complete: clients that send many messages by half cannot use up the memory.
class MessageReader {
 public:
  enum class Outcome { kOk, kTooLong, kNoMemory, kMalformed };

  // Calls `on_message` for each message that is complete with these bytes.
  Outcome Feed(MessageBuffers* buffers, size_t most, const uint8_t* data, size_t size,
               const std::function<void(const ReceivedMessage&)>& on_message);

  // Whether a message has begun and is not complete.
  bool InMessage() const { return prefix_size_ > 0; }

  // Gives back the memory of a message that will not be completed.
  void Abandon(MessageBuffers* buffers);

 private:
  Outcome Reserve(MessageBuffers* buffers, size_t needed);
  bool Count(size_t needed);
  MessageBuffer* Release();

  uint8_t prefix_[5];
  size_t prefix_size_ = 0;
  size_t length_ = 0;    // of the message, once the prefix is complete
  size_t received_ = 0;  // of these, in buffer_
  MessageBuffer* buffer_ = nullptr;
  std::unique_ptr<MemoryReservation> counted_;
  size_t counted_bytes_ = 0;
};

}  // namespace tensorgate
