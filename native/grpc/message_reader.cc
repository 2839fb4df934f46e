#include "message_reader.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace tensorgate {

namespace {

constexpr size_t kPrefixSize = 5;
// A length up to this is believed before the bytes come, while no more than that is lent: untouched pages of so large a
// buffer cost nothing, but V8 collects its garbage all the time when it thinks that they add up.
constexpr size_t kTrusted = 64 * 1024 * 1024;
constexpr size_t kMostLentOnTrust = 256 * 1024 * 1024;

size_t Trusted(const MessageBuffers& buffers) { return buffers.lent_bytes() < kMostLentOnTrust ? kTrusted : 0; }

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
    if (size == 0 && length_ > 0) return Outcome::kOk;
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
        on_message({Release(), nullptr, length_, compressed});
    }
    data += part;
    size -= part;
  }
  return Outcome::kOk;
}

MessageReader::Outcome MessageReader::Reserve(MessageBuffers* buffers, size_t needed) {
  if (!Count(needed)) return Outcome::kNoMemory;
  if (buffer_ && needed <= buffer_->capacity) return Outcome::kOk;
  const size_t trusted = std::max(Trusted(*buffers), 2 * received_);
  MessageBuffer* larger = buffers->Take(std::max(needed, std::min(length_, trusted)));
  if (!larger) return Outcome::kNoMemory;
  if (buffer_) {
    std::memcpy(larger->data, buffer_->data, received_);
    buffers->Give(buffer_);
  }
  buffer_ = larger;
  return Outcome::kOk;
}

// False if the budget is spent. In steps that double, so that its lock is seldom taken.
bool MessageReader::Count(size_t needed) {
  if (needed <= counted_bytes_) return true;
  counted_.reset();
  counted_bytes_ = 0;
  const size_t wanted = std::max(needed, std::min(length_, 2 * received_));
  try {
    counted_ = std::make_unique<MemoryReservation>(wanted);
  } catch (const std::bad_alloc&) {
    return false;
  }
  counted_bytes_ = wanted;
  return true;
}

MessageBuffer* MessageReader::Release() {
  counted_.reset();
  counted_bytes_ = 0;
  return std::exchange(buffer_, nullptr);
}

void MessageReader::Abandon(MessageBuffers* buffers) {
  if (MessageBuffer* buffer = Release()) buffers->Give(buffer);
}

}  // namespace tensorgate
