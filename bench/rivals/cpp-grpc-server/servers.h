// Two ways to serve Predict by libgrpc++. Both call `ready` once they listen and then block for good.
#pragma once

#include <functional>

#include "flags.h"
#include "model.h"

namespace rival {

// TensorFlow Serving's way: the synchronous service on gRPC's own threads.
void ServeSync(const Flags& flags, const Model& model, const std::function<void()>& ready);

// The quick way: completion queues, each polled by one thread that also runs the model; messages in arenas.
void ServeAsync(const Flags& flags, const Model& model, const std::function<void()>& ready);

}  // namespace rival
