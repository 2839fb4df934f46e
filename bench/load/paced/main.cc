// Requests at fixed times, however many are unanswered: an open loop, over as many HTTP connections as that takes. It runs
// before other threads where the system lets it (SCHED_FIFO), so that what it measures is the server's wait for a core and
// not its own. Prints `name=number` lines, times in µs from when a request was due.
//
//   paced HOST PORT REQUEST_FILE RATE SECONDS MOST_CONNECTIONS [LIMIT_MS [OTHER_REQUEST_FILE OTHER_LIMIT_MS]]
//
// The files hold whole requests, headers included; of two, they are sent in turns. Good answers within the limit (none: 0)
// are counted, for each of the two. A request that is due while all connections are busy is not sent, and
// counted as unsent. Afterwards it waits for what is still unanswered, 60 s at the most.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

constexpr std::chrono::seconds kLongestDrain(60);
constexpr size_t kFirst = 10;

[[noreturn]] void Die(const std::string& reason) {
  std::fprintf(stderr, "paced: %s\n", reason.c_str());
  std::exit(1);
}

// Owns its socket.
struct Connection {
  int fd = -1;
  size_t kind = 0;
  Clock::time_point due;
  std::string_view unsent;
  std::string reply;
};

// What is sent, and until when an answer is in time.
struct Kind {
  std::string request;
  double limit_micros;
};

struct Counts {
  std::vector<double> good;
  std::vector<double> refused;
  size_t in_time[2] = {0, 0};  // of good ones, by kind
  size_t failed = 0;
  size_t unsent = 0;
};

int Connect(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    Die("cannot connect to the server");
  constexpr int kYes = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &kYes, sizeof(kYes));
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

// Whether the whole answer is there.
bool IsWhole(const std::string& reply) {
  const size_t end = reply.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const char* field = strcasestr(reply.c_str(), "\r\ncontent-length:");
  const size_t length = field == nullptr ? 0 : std::strtoull(field + 17, nullptr, 10);
  return reply.size() >= end + 4 + length;
}

// Sends what the socket takes; false if the connection broke.
bool SendSome(Connection* connection) {
  while (!connection->unsent.empty()) {
    const ssize_t sent = send(connection->fd, connection->unsent.data(), connection->unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    connection->unsent.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

class Client {
 public:
  Client(const sockaddr_in& address, std::vector<Kind> kinds, size_t most)
      : address_(address), kinds_(std::move(kinds)), connections_(most), poll_(epoll_create1(0)) {
    for (size_t i = most; i > 0; i--) idle_.push_back(i - 1);
  }

  // In time for its first request, so that the first has no handshake of its own.
  void OpenOne() { Open(idle_.back()); }

  void Send(Clock::time_point due) {
    const size_t kind = sent_++ % kinds_.size();
    if (idle_.empty()) {
      counts.unsent++;
      return;
    }
    const size_t index = idle_.back();
    idle_.pop_back();
    Connection& connection = connections_[index];
    if (connection.fd < 0) Open(index);
    connection.due = due;
    connection.kind = kind;
    connection.unsent = kinds_[kind].request;
    busy_++;
    if (!SendSome(&connection)) Fail(index);
  }

  // Takes answers until then, or until one has come.
  void Await(Clock::time_point until) {
    const auto left = std::max(Clock::duration::zero(), until - Clock::now());
    const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec wait{nanos / 1'000'000'000, nanos % 1'000'000'000};
    epoll_event events[64];
    const int count = epoll_pwait2(poll_, events, 64, &wait, nullptr);
    for (int i = 0; i < count; i++) Progress(events[i].data.u64);
  }

  size_t busy() const { return busy_; }

  Counts counts;

 private:
  void Open(size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd >= 0) return;
    connection.fd = Connect(address_);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = index;
    epoll_ctl(poll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  void Progress(size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) return;
    if (!SendSome(&connection)) return Fail(index);
    char part[64 * 1024];
    for (;;) {
      const ssize_t size = recv(connection.fd, part, sizeof(part), 0);
      if (size < 0 && errno == EAGAIN) break;
      if (size <= 0) return Fail(index);
      connection.reply.append(part, static_cast<size_t>(size));
    }
    if (IsWhole(connection.reply)) Finish(index);
  }

  void Finish(size_t index) {
    Connection& connection = connections_[index];
    const double micros = Micros(Clock::now() - connection.due).count();
    const std::string_view status = std::string_view(connection.reply).substr(0, 12);
    if (status == "HTTP/1.1 200") {
      counts.good.push_back(micros);
      if (micros <= kinds_[connection.kind].limit_micros) counts.in_time[connection.kind]++;
    } else if (status == "HTTP/1.1 429") {
      counts.refused.push_back(micros);
    } else {
      counts.failed++;
    }
    connection.reply.clear();
    busy_--;
    idle_.push_back(index);
  }

  void Fail(size_t index) {
    Connection& connection = connections_[index];
    const bool was_busy = std::find(idle_.begin(), idle_.end(), index) == idle_.end();
    close(connection.fd);
    connection = Connection{};
    if (!was_busy) return;
    counts.failed++;
    busy_--;
    idle_.push_back(index);
  }

  const sockaddr_in address_;
  const std::vector<Kind> kinds_;
  std::vector<Connection> connections_;
  std::vector<size_t> idle_;
  size_t sent_ = 0;
  size_t busy_ = 0;
  const int poll_;
};

Kind ReadKind(const char* path, const char* limit_millis) {
  std::ifstream file(path, std::ios::binary);
  std::string request((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (request.empty()) Die(std::string(path) + " cannot be read");
  const double millis = std::atof(limit_millis);
  return {std::move(request), millis > 0 ? millis * 1000 : INFINITY};
}

double At(const std::vector<double>& ascending, double share) {
  if (ascending.empty()) return NAN;
  return ascending[std::min(ascending.size() - 1, static_cast<size_t>(share * static_cast<double>(ascending.size())))];
}

// Of those that were answered first; as they came, so not sorted yet.
double FirstMedian(const std::vector<double>& in_turn) {
  std::vector<double> first(in_turn.begin(), in_turn.begin() + static_cast<long>(std::min(kFirst, in_turn.size())));
  std::sort(first.begin(), first.end());
  return At(first, 0.5);
}

void Print(const char* name, std::vector<double> micros) {
  std::sort(micros.begin(), micros.end());
  std::printf("%s=%zu\n%s_p50=%.1f\n%s_p90=%.1f\n%s_p99=%.1f\n%s_max=%.1f\n", name, micros.size(), name,
              At(micros, 0.5), name, At(micros, 0.9), name, At(micros, 0.99), name, At(micros, 1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7 || argc == 9 || argc > 10)
    Die("usage: paced HOST PORT REQUEST_FILE RATE SECONDS MOST_CONNECTIONS [LIMIT_MS [OTHER_FILE OTHER_LIMIT_MS]]");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(argv[2])));
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) Die(std::string(argv[1]) + " is no IPv4 address");
  std::vector<Kind> kinds{ReadKind(argv[3], argc > 7 ? argv[7] : "0")};
  if (argc == 10) kinds.push_back(ReadKind(argv[8], argv[9]));
  const double rate = std::atof(argv[4]);
  const double seconds = std::atof(argv[5]);
  Client client(address, std::move(kinds), std::strtoull(argv[6], nullptr, 10));
  client.OpenOne();
  const sched_param priority{20};
  const bool is_before_others = sched_setscheduler(0, SCHED_FIFO, &priority) == 0;

  const auto start = Clock::now() + std::chrono::milliseconds(1);
  const auto total = static_cast<size_t>(rate * seconds);
  for (size_t i = 0; i < total; i++) {
    const auto due = start + std::chrono::duration_cast<Clock::duration>(Micros(static_cast<double>(i) * 1e6 / rate));
    while (Clock::now() < due) client.Await(due);
    client.Send(due);
    client.Await(Clock::now());
  }
  const auto sent = Clock::now();
  const size_t good_by_then = client.counts.good.size();
  while (client.busy() > 0 && Clock::now() < sent + kLongestDrain) client.Await(sent + kLongestDrain);
  std::printf("fifo=%d\nseconds=%f\n", is_before_others ? 1 : 0, Micros(sent - start).count() / 1e6);
  std::printf("drain_seconds=%f\n", Micros(Clock::now() - sent).count() / 1e6);
  std::printf("good_while_sending=%zu\nfailed=%zu\nunsent=%zu\nunanswered=%zu\n", good_by_then, client.counts.failed,
              client.counts.unsent, client.busy());
  std::printf("in_time=%zu\nother_in_time=%zu\n", client.counts.in_time[0], client.counts.in_time[1]);
  std::printf("first_p50=%.1f\n", FirstMedian(client.counts.good));
  Print("good", client.counts.good);
  Print("refused", client.counts.refused);
}
