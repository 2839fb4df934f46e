// What a connection has to send: small pieces packed together, large ones referred to, written with as few calls as can
// be.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace tensorgate {

// Of the loop's thread.
class SendQueue {
 public:
  void Copy(const uint8_t* data, size_t size);
  // `owner` keeps the bytes until they have been written.
  void Refer(const uint8_t* data, size_t size, std::shared_ptr<const void> owner);

  size_t size() const { return size_; }

  enum class Outcome { kEmpty, kBlocked, kBroken };
  // Writes until all is written or the socket takes no more.
  Outcome Flush(int fd);

 private:
  // A piece of `small_` that begins at `offset`, or, with an owner, of memory elsewhere.
  struct Piece {
    const uint8_t* data;
    size_t offset;
    size_t size;
    std::shared_ptr<const void> owner;
  };
  void Drop(size_t written);
  void Compact();

  std::vector<uint8_t> small_;
  std::vector<Piece> pieces_;
  size_t first_ = 0;  // of the pieces that are not written yet
  size_t size_ = 0;
};

}  // namespace tensorgate
