#include "listen_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace tensorgate {

namespace {

constexpr int kBacklog = 511;

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Null if the address is not a numeric one.
std::unique_ptr<addrinfo, void (*)(addrinfo*)> Resolve(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) found = nullptr;
  return {found, freeaddrinfo};
}

// A client whose machine has gone without a word is found out by the system, within four minutes.
void Prepare(int fd) {
  constexpr int kYes = 1;
  constexpr int kIdleSeconds = 120;
  constexpr int kIntervalSeconds = 30;
  constexpr int kProbes = 4;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kYes, sizeof(kYes));
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &kYes, sizeof(kYes));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdleSeconds, sizeof(kIdleSeconds));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kIntervalSeconds, sizeof(kIntervalSeconds));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof(kProbes));
}

int PortOf(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) return 0;
  if (name.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&name)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&name)->sin_port);
}

// 0 if there is no such file.
ino_t InodeOf(const std::string& path) {
  struct stat file {};
  return lstat(path.c_str(), &file) == 0 ? file.st_ino : 0;
}

}  // namespace

ListenSocket::ListenSocket(int fd) : fd_(fd), spare_fd_(OpenSpare()) {}

std::unique_ptr<ListenSocket> ListenSocket::Open(const std::string& address, int port, Status* status) {
  const auto failed = [&] {
    *status = {code::kUnavailable, std::strerror(errno)};
    return nullptr;
  };
  constexpr std::string_view kUnix = "unix:";
  if (address.starts_with(kUnix)) return OpenUnix(address.substr(kUnix.size()), status);
  const auto target = Resolve(address, port);
  if (!target) {
    *status = {code::kInvalidArgument, "'" + address + "' is no address"};
    return nullptr;
  }
  const int fd = socket(target->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed();
  std::unique_ptr<ListenSocket> made(new ListenSocket(fd));
  constexpr int kYes = 1;
  constexpr int kNo = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &kYes, sizeof(kYes));
  if (target->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &kNo, sizeof(kNo));
  if (bind(fd, target->ai_addr, target->ai_addrlen) != 0 || listen(fd, kBacklog) != 0) return failed();
  made->port_ = PortOf(fd);
  return made;
}

std::unique_ptr<ListenSocket> ListenSocket::OpenUnix(const std::string& path, Status* status) {
  const auto failed = [&](const char* reason) {
    *status = {code::kUnavailable, reason};
    return nullptr;
  };
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(name.sun_path)) return failed("the path of a socket has 1 to 107 bytes");
  path.copy(name.sun_path, path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(std::strerror(errno));
  std::unique_ptr<ListenSocket> made(new ListenSocket(fd));
  if (bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof(name)) != 0) return failed(std::strerror(errno));
  made->path_ = path;
  made->inode_ = InodeOf(path);
  if (listen(fd, kBacklog) != 0) return failed(std::strerror(errno));
  return made;
}

ListenSocket::~ListenSocket() {
  if (!path_.empty() && InodeOf(path_) == inode_) unlink(path_.c_str());
  close(fd_);
  if (spare_fd_ >= 0) close(spare_fd_);
}

int ListenSocket::Accept() {
  if (spare_fd_ < 0) spare_fd_ = OpenSpare();
  int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE) && spare_fd_ >= 0) {
    close(spare_fd_);
    fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) close(fd);
    spare_fd_ = OpenSpare();
    return -1;
  }
  if (fd >= 0) Prepare(fd);
  return fd;
}

}  // namespace tensorgate
