#include "message_reader.h"

#include <algorithm>
#include <cstring>

namespace tensorgate {

namespace {

constexpr size_t kPrefixSize = 5;
// A length up to this is believed before the bytes come: untouched pages of so large a buffer cost nothing.
constexpr size_t kTrusted = 64 * 1024 * 1024;

}  // namespace

MessageReader::Outcome MessageReader::Feed(MessageBuffers* buffers, size_t most, const uint8_t* data, size_t size,
                                           const std::function<void(const ReceivedMessage&)>& on_message) {
  while (size > 0) {
    if (prefix_size_ < kPrefixSize) {
      const size_t part = std::min(kPrefixSize - prefix_size_, size);
      std::memcpy(prefix_ + prefix_size_, data, part);
      prefix_size_ += part;
      data += part;
      size -= part;
      if (prefix_size_ < kPrefixSize) return Outcome::kOk;
      if (prefix_[0] > 1) return Outcome::kMalformed;
      length_ = size_t{prefix_[1]} << 24 | size_t{prefix_[2]} << 16 | size_t{prefix_[3]} << 8 | prefix_[4];
      if (length_ > most) return Outcome::kTooLong;
      received_ = 0;
    }
    const size_t part = std::min(length_ - received_, size);
    const bool in_one_piece = part == length_;
    if (!in_one_piece) {
      const Outcome outcome = Reserve(buffers, received_ + part);
      if (outcome != Outcome::kOk) return outcome;
      std::memcpy(buffer_->data + received_, data, part);
    }
    received_ += part;
    if (received_ == length_) {
      const bool compressed = prefix_[0] == 1;
      prefix_size_ = 0;
      if (in_one_piece)
        on_message({nullptr, data, length_, compressed});
      else
        on_message({std::exchange(buffer_, nullptr), nullptr, length_, compressed});
    }
    data += part;
    size -= part;
  }
  return Outcome::kOk;
}

MessageReader::Outcome MessageReader::Reserve(MessageBuffers* buffers, size_t needed) {
  if (buffer_ && needed <= buffer_->capacity) return Outcome::kOk;
  MessageBuffer* larger = buffers->Take(std::max(needed, std::min(length_, std::max(kTrusted, 2 * received_))));
  if (!larger) return Outcome::kNoMemory;
  if (buffer_) {
    std::memcpy(larger->data, buffer_->data, received_);
    buffers->Give(buffer_);
  }
  buffer_ = larger;
  return Outcome::kOk;
}

void MessageReader::Abandon(MessageBuffers* buffers) {
  if (buffer_) buffers->Give(buffer_);
  buffer_ = nullptr;
}

}  // namespace tensorgate
