// Outcomes: the C API's status as an RAII object, our own value type, and both as JavaScript errors with a `.code`.
#pragma once

#include <memory>
#include <string>

#include "napi_setup.h"
#include "tf_api.h"

namespace tensorgate {

// What went wrong. Codes are gRPC's canonical ones, which TF_Code shares.
struct Status {
  int code = 0;
  std::string message;
  bool ok() const { return code == 0; }
};

namespace code {
inline constexpr int kCancelled = 1;
inline constexpr int kInvalidArgument = 3;
inline constexpr int kDeadlineExceeded = 4;
inline constexpr int kResourceExhausted = 8;
inline constexpr int kFailedPrecondition = 9;
inline constexpr int kUnimplemented = 12;
inline constexpr int kInternal = 13;
inline constexpr int kUnavailable = 14;
}  // namespace code

// What a failed allocation of tensor memory (std::bad_alloc) becomes.
inline Status NoMemory() {
  return {code::kResourceExhausted,
          "There is not enough memory for the request's tensors. Send less at a time, or try again when fewer requests "
          "are in flight."};
}

// Owns a TF_Status; used and freed by the thread that made it.
class TfStatus {
 public:
  TfStatus() : status_(tf.TF_NewStatus()) {}
  ~TfStatus() { tf.TF_DeleteStatus(status_); }
  TfStatus(const TfStatus&) = delete;
  TfStatus& operator=(const TfStatus&) = delete;

  TF_Status* get() { return status_; }
  bool ok() const { return tf.TF_GetCode(status_) == TF_OK; }
  Status ToStatus() const { return {static_cast<int>(tf.TF_GetCode(status_)), tf.TF_Message(status_)}; }

 private:
  TF_Status* status_;
};

// Raw N-API, so that it also serves where a throwing wrapper must not be used.
inline napi_value MakeError(napi_env env, const Status& status) {
  napi_value message, error, number;
  napi_create_string_utf8(env, status.message.data(), status.message.size(), &message);
  napi_create_error(env, nullptr, message, &error);
  napi_create_int32(env, status.code, &number);
  napi_set_named_property(env, error, "code", number);
  return error;
}

inline void Throw(napi_env env, const Status& status) { napi_throw(env, MakeError(env, status)); }

}  // namespace tensorgate
