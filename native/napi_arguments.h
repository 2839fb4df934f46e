// Reading the arguments of a call from JavaScript by raw N-API, without objects or exceptions.
#pragma once

#include <array>
#include <span>
#include <string>

#include "napi_setup.h"

namespace tensorgate {

// The arguments of one call; missing ones are undefined.
template <size_t N>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = N;
    napi_get_cb_info(env, info, &count, values_.data(), nullptr, nullptr);
  }
  napi_value operator[](size_t index) const { return values_[index]; }
  double Number(size_t index) const {
    double number = 0;
    napi_get_value_double(env_, values_[index], &number);
    return number;
  }
  int32_t Int(size_t index) const {
    int32_t number = 0;
    napi_get_value_int32(env_, values_[index], &number);
    return number;
  }
  std::string Text(size_t index) const {
    size_t size = 0;
    if (napi_get_value_string_utf8(env_, values_[index], nullptr, 0, &size) != napi_ok) return {};
    std::string text(size, '\0');
    napi_get_value_string_utf8(env_, values_[index], text.data(), size + 1, &size);
    return text;
  }
  bool Bool(size_t index) const {
    bool value = false;
    napi_get_value_bool(env_, values_[index], &value);
    return value;
  }
  // The elements of a typed array; empty for anything else.
  template <typename T>
  std::span<T> Array(size_t index, napi_typedarray_type wanted) const {
    napi_typedarray_type type;
    size_t length = 0;
    void* data = nullptr;
    napi_value buffer;
    size_t offset = 0;
    if (napi_get_typedarray_info(env_, values_[index], &type, &length, &data, &buffer, &offset) != napi_ok) return {};
    if (type != wanted) return {};
    return {static_cast<T*>(data), length};
  }

 private:
  napi_env env_;
  std::array<napi_value, N> values_{};
};

}  // namespace tensorgate
