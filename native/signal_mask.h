// Keeps signals off a thread while it runs models.
#pragma once

#include <pthread.h>

#include <csignal>

namespace tensorgate {

// Blocks what other threads can take as well, for its own lifetime. On at least one kind of machine a signal that
// arrives inside TensorFlow's matrix kernels corrupts memory (seen with plain Python TensorFlow, too, under a 500 µs
// ITIMER_PROF); V8's CPU profiler sends such signals to every thread that runs JavaScript, and a worker counts as one.
// What a thread raises by its own fault stays deliverable.
class SignalMask {
 public:
  SignalMask() {
    sigset_t blocked;
    sigfillset(&blocked);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP}) sigdelset(&blocked, fault);
    pthread_sigmask(SIG_SETMASK, &blocked, &before_);
  }
  ~SignalMask() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalMask(const SignalMask&) = delete;
  SignalMask& operator=(const SignalMask&) = delete;

 private:
  sigset_t before_;
};

}  // namespace tensorgate
