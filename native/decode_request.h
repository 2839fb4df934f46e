// What came over the wire, made into tensors.
#pragma once

#include "request.h"

namespace tensorgate {

// Sets the request's inputs and, for JSON, its signature and layout. Work that grows with the body's size: on a worker.
// May throw std::bad_alloc.
Status DecodeRequest(Request* request);

}  // namespace tensorgate
