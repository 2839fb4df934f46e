#include "message_buffers.h"

#include <algorithm>
#include <bit>

namespace tensorgate {

namespace {

constexpr size_t kSmallest = 4 * 1024;
constexpr size_t kLargestKept = 16 * 1024 * 1024;
constexpr size_t kMostIdleBytes = 64 * 1024 * 1024;

}  // namespace

MessageBuffers::MessageBuffers(napi_env env, napi_value list) : env_(env) {
  napi_create_reference(env, list, 1, &list_);
}

MessageBuffers::~MessageBuffers() { napi_delete_reference(env_, list_); }

MessageBuffer* MessageBuffers::Take(size_t size) {
  const size_t capacity = std::bit_ceil(std::max(size, kSmallest));
  auto& idle = idle_[std::countr_zero(capacity)];
  MessageBuffer* buffer = nullptr;
  if (idle.empty()) {
    buffer = Make(capacity);
    if (!buffer) return nullptr;
  } else {
    buffer = idle.back();
    idle.pop_back();
    idle_bytes_ -= capacity;
  }
  lent_bytes_ += capacity;
  return buffer;
}

void MessageBuffers::Give(MessageBuffer* buffer) {
  lent_bytes_ -= buffer->capacity;
  if (buffer->capacity > kLargestKept || idle_bytes_ + buffer->capacity > kMostIdleBytes) return Drop(buffer);
  idle_[std::countr_zero(buffer->capacity)].push_back(buffer);
  idle_bytes_ += buffer->capacity;
}

MessageBuffer* MessageBuffers::Make(size_t capacity) {
  napi_value value, list;
  void* data = nullptr;
  if (napi_create_buffer(env_, capacity, &data, &value) != napi_ok) {
    napi_value error;  // an allocation that fails is an exception, which belongs to nobody here
    napi_get_and_clear_last_exception(env_, &error);
    return nullptr;
  }
  if (free_indexes_.empty()) {
    free_indexes_.push_back(static_cast<uint32_t>(buffers_.size()));
    buffers_.emplace_back();
  }
  const uint32_t index = free_indexes_.back();
  free_indexes_.pop_back();
  buffers_[index] = {index, static_cast<uint8_t*>(data), capacity};
  napi_get_reference_value(env_, list_, &list);
  napi_set_element(env_, list, index, value);
  return &buffers_[index];
}

void MessageBuffers::Drop(MessageBuffer* buffer) {
  napi_value undefined, list;
  napi_get_undefined(env_, &undefined);
  napi_get_reference_value(env_, list_, &list);
  napi_set_element(env_, list, buffer->index, undefined);
  free_indexes_.push_back(buffer->index);
}

}  // namespace tensorgate
