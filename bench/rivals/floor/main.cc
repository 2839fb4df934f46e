// The bare loop: one thread that does nothing but run a SavedModel. Prints what a run takes, as JSON.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "flags.h"
#include "model.h"
#include "tf_api.h"

namespace {

double Micros(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

// Runs the model for so long; returns what each run took, in µs.
std::vector<float> RunFor(double micros, floor_loop::Model& model) {
  std::vector<float> durations;
  double now = Micros(CLOCK_MONOTONIC);
  for (const double end = now + micros; now < end;) {
    model.Run();
    const double then = now;
    now = Micros(CLOCK_MONOTONIC);
    durations.push_back(static_cast<float>(now - then));
  }
  return durations;
}

}  // namespace

int main(int argc, char** argv) {
  const floor_loop::Flags flags = floor_loop::ParseFlags(argc, argv);
  if (flags.outputs.empty() || !(flags.seconds > 0)) rival::Die("--output and --seconds are needed.");
  rival::OpenTensorFlow(flags.tensorflow_dir);
  floor_loop::Model model(flags);
  RunFor(flags.seconds * 1e5, model);
  const double cpu = Micros(CLOCK_PROCESS_CPUTIME_ID);
  std::vector<float> durations = RunFor(flags.seconds * 1e6, model);
  const double cpu_per_run = (Micros(CLOCK_PROCESS_CPUTIME_ID) - cpu) / static_cast<double>(durations.size());
  const auto middle = durations.begin() + static_cast<std::ptrdiff_t>(durations.size() / 2);
  std::nth_element(durations.begin(), middle, durations.end());
  std::printf("{\"runs\": %zu, \"microsP50\": %.2f, \"cpuMicros\": %.2f}\n", durations.size(), *middle, cpu_per_run);
  std::fflush(stdout);
  // TensorFlow's threads are not worth waiting for.
  std::_Exit(0);
}
