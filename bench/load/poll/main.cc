// One HTTP request in flight, on one connection, by a client that never sleeps: it polls its socket for the answer, so
// that the time its own thread would need to wake up is not counted as the server's. Prints `name=number` lines.
//
//   poll HOST PORT REQUEST_FILE REPLY_BYTES SECONDS
//
// The file holds the whole request, headers included. An answer is good if it has status 200 and REPLY_BYTES of body.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Die(const std::string& reason) {
  std::fprintf(stderr, "poll: %s\n", reason.c_str());
  std::exit(1);
}

int Connect(const char* host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) Die(std::string(host) + " is no IPv4 address");
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    Die("cannot connect to " + std::string(host) + ":" + std::to_string(port));
  constexpr int kYes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kYes, sizeof(kYes));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

void SendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) Die("the connection broke while a request was sent");
    if (sent > 0) bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// Polls until the headers and `body_bytes` after them are there.
void ReceiveReply(int fd, size_t body_bytes, std::string* reply) {
  reply->clear();
  char part[64 * 1024];
  for (;;) {
    const ssize_t size = recv(fd, part, sizeof(part), 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) Die("the connection broke before an answer had come");
    if (size < 0) continue;
    reply->append(part, static_cast<size_t>(size));
    const size_t headers = reply->find("\r\n\r\n");
    if (headers != std::string::npos && reply->size() >= headers + 4 + body_bytes) return;
  }
}

bool IsGood(std::string_view reply, size_t body_bytes) {
  return reply.starts_with("HTTP/1.1 200") && reply.size() == reply.find("\r\n\r\n") + 4 + body_bytes;
}

double At(const std::vector<double>& ascending, double share) {
  return ascending[std::min(ascending.size() - 1, static_cast<size_t>(share * static_cast<double>(ascending.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) Die("usage: poll HOST PORT REQUEST_FILE REPLY_BYTES SECONDS");
  std::ifstream file(argv[3], std::ios::binary);
  const std::string request((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (request.empty()) Die(std::string(argv[3]) + " cannot be read");
  const size_t body_bytes = std::strtoull(argv[4], nullptr, 10);
  const int fd = Connect(argv[1], std::atoi(argv[2]));
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(std::atof(argv[5]));
  std::vector<double> micros;
  std::string reply;
  size_t bad = 0;
  auto before = start;
  while (before < end) {
    SendAll(fd, request);
    ReceiveReply(fd, body_bytes, &reply);
    const auto now = Clock::now();
    micros.push_back(std::chrono::duration<double, std::micro>(now - before).count());
    if (!IsGood(reply, body_bytes)) bad++;
    before = Clock::now();
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  close(fd);
  std::sort(micros.begin(), micros.end());
  std::printf("answers=%zu\nbad=%zu\nseconds=%f\n", micros.size(), bad, seconds);
  std::printf("p50=%.1f\np90=%.1f\np99=%.1f\np999=%.1f\nmax=%.1f\n", At(micros, 0.5), At(micros, 0.9), At(micros, 0.99),
              At(micros, 0.999), micros.back());
}
