#include "serve.h"

#include "completion_port.h"
#include "engine/tensorflow/retreat.h"
#include "execute.h"
#include "run_trace.h"
#include "signal_mask.h"

namespace tensorgate {

namespace {

constexpr std::chrono::seconds kLongestStay{1};

class Presence {
 public:
  Presence(DeviceQueue& queue, Seat* seat) : queue_(queue), seat_(seat) { queue_.Enter(); }
  ~Presence() { queue_.Leave(seat_); }
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

 private:
  DeviceQueue& queue_;
  Seat* seat_;
};

}  // namespace

bool Serve(DeviceQueue& queue, std::chrono::milliseconds idle) {
  if (queue.HasTooMany()) return false;
  const SignalMask mask;
  Seat seat;
  const Presence presence(queue, &seat);
  const auto leave = Clock::now() + kLongestStay;
  while (Clock::now() < leave) {
    std::vector<std::unique_ptr<Request>> requests = queue.Take(idle, &seat);
    if (requests.empty()) break;
    {
      const TakeSpan span(requests.size(), /*on_loop=*/false);
      Execute(requests, &seat.log);
    }
    TakeRefused(&requests);
    for (auto& request : requests) {
      const auto port = request->port;
      port->Complete(std::move(request));
    }
  }
  return !queue.closed();
}

}  // namespace tensorgate
