// A socket that takes connections.
#pragma once

#include <memory>
#include <string>

#include "../status.h"

namespace tensorgate {

// Owns its descriptor. Of the loop's thread.
class ListenSocket {
 public:
  // Binds to a numeric address, v4 or v6, and a port (0: any free one), and listens. Null with `status` if that fails:
  // its message is the system's word for it.
  static std::unique_ptr<ListenSocket> Open(const std::string& address, int port, Status* status);
  ~ListenSocket();
  ListenSocket(const ListenSocket&) = delete;
  ListenSocket& operator=(const ListenSocket&) = delete;

  int fd() const { return fd_; }
  int port() const { return port_; }

  // The next connection, set to not block; -1 when there is none at the moment. A process that is out of descriptors
  // closes the connection at once: left alone it would be announced for ever.
  int Accept();

 private:
  explicit ListenSocket(int fd);

  const int fd_;
  int port_ = 0;
  int spare_fd_;  // given up for a moment to take, and close, a connection that there is no descriptor for
};

}  // namespace tensorgate
