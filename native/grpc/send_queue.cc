#include "send_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tensorgate {

void SendQueue::Copy(const uint8_t* data, size_t size) {
  if (first_ < pieces_.size() && !pieces_.back().owner)
    pieces_.back().size += size;
  else
    pieces_.push_back({nullptr, small_.size(), size, nullptr});
  small_.insert(small_.end(), data, data + size);
  size_ += size;
}

void SendQueue::Refer(const uint8_t* data, size_t size, std::shared_ptr<const void> owner) {
  pieces_.push_back({data, 0, size, std::move(owner)});
  size_ += size;
}

SendQueue::Outcome SendQueue::Flush(int fd) {
  constexpr size_t kMostPieces = 64;
  while (size_ > 0) {
    iovec parts[kMostPieces];
    size_t count = 0;
    for (size_t i = first_; i < pieces_.size() && count < kMostPieces; i++) {
      const Piece& piece = pieces_[i];
      const uint8_t* base = piece.owner ? piece.data : small_.data();
      parts[count++] = {const_cast<uint8_t*>(base + piece.offset), piece.size};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    const ssize_t written = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::kBlocked : Outcome::kBroken;
    Drop(static_cast<size_t>(written));
  }
  return Outcome::kEmpty;
}

void SendQueue::Drop(size_t written) {
  constexpr size_t kMostKept = 64 * 1024;
  constexpr size_t kMostDone = 256;
  size_ -= written;
  while (written > 0) {
    Piece& piece = pieces_[first_];
    if (written < piece.size) {
      piece.offset += written;
      piece.size -= written;
      break;
    }
    written -= piece.size;
    piece.owner.reset();
    first_++;
  }
  if (size_ > 0) {
    if (first_ >= kMostDone || small_.size() > 2 * size_ + kMostKept) Compact();
    return;
  }
  pieces_.clear();
  first_ = 0;
  small_.clear();
  if (small_.capacity() > kMostKept) small_.shrink_to_fit();
}

// A client that always has more to read than it takes never lets the queue run empty: what is done with must go anyway.
void SendQueue::Compact() {
  pieces_.erase(pieces_.begin(), pieces_.begin() + static_cast<ptrdiff_t>(first_));
  first_ = 0;
  size_t done = small_.size();
  for (const Piece& piece : pieces_)
    if (!piece.owner) done = std::min(done, piece.offset);
  small_.erase(small_.begin(), small_.begin() + static_cast<ptrdiff_t>(done));
  for (Piece& piece : pieces_)
    if (!piece.owner) piece.offset -= done;
}

}  // namespace tensorgate
