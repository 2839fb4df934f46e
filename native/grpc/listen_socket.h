// A socket that takes connections.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "../status.h"

namespace tensorgate {

// Owns its descriptor. Of the loop's thread.
class ListenSocket {
 public:
  // Binds to a numeric address, v4 or v6, and a port (0: any free one), or to a Unix socket, `unix:PATH`, and listens.
  // Null with `status` if that fails: its message is the system's word for it. The file of a Unix socket goes with the
  // object, unless another server has put its own there meanwhile.
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
  static std::unique_ptr<ListenSocket> OpenUnix(const std::string& path, Status* status);

  const int fd_;
  int port_ = 0;
  std::string path_;  // of a Unix socket; with the number of its file
  ino_t inode_ = 0;
  int spare_fd_;  // given up for a moment to take, and close, a connection that there is no descriptor for
};

}  // namespace tensorgate
