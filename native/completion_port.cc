#include "completion_port.h"

#include <algorithm>
#include <cstring>

#include "engine/tensorflow/retreat.h"
#include "execute.h"
#include "run_trace.h"
#include "signal_mask.h"

namespace tensorgate {

namespace {

constexpr size_t kHeaderWords = 12;
constexpr size_t kOutputWords = 4;
// Outputs up to this go into the mailbox; larger ones are copied once, straight to where the reply is encoded.
constexpr size_t kMostInlineBytes = 4096;
constexpr size_t kMostMessageBytes = 8192;

size_t WordsFor(size_t bytes) { return (bytes + 7) / 8; }

bool IsInline(const Output& output, size_t most_inline) { return output.bytes().size() <= most_inline; }

size_t RecordWords(const Request& request, size_t most_inline) {
  if (!request.status.ok()) return kHeaderWords + WordsFor(std::min(request.status.message.size(), kMostMessageBytes));
  size_t words = kHeaderWords;
  for (const Output& output : request.outputs) {
    words += kOutputWords + output.dims.size();
    if (IsInline(output, most_inline)) words += WordsFor(output.bytes().size());
  }
  return words;
}

// Appends one record to the mailbox.
class RecordWriter {
 public:
  RecordWriter(double* words, size_t position) : words_(words), position_(position) {}

  void Number(double value) { words_[position_++] = value; }
  // Returns where the bytes begin in the mailbox.
  size_t Bytes(std::string_view bytes) {
    const size_t at = position_ * sizeof(double);
    if (!bytes.empty()) std::memcpy(words_ + position_, bytes.data(), bytes.size());
    position_ += WordsFor(bytes.size());
    return at;
  }
  void OutputOf(const Output& output, size_t most_inline) {
    const std::string_view bytes = output.bytes();
    Number(output.dtype);
    Number(static_cast<double>(output.dims.size()));
    Number(static_cast<double>(bytes.size()));
    const size_t after_dims = position_ + 1 + output.dims.size();
    const bool is_inline = IsInline(output, most_inline);
    Number(is_inline ? static_cast<double>(after_dims * sizeof(double)) : -1);
    for (int64_t dim : output.dims) Number(static_cast<double>(dim));
    if (is_inline) Bytes(bytes);
  }

 private:
  double* words_;
  size_t position_;
};

}  // namespace

CompletionPort::CompletionPort(napi_env env, napi_value mailbox, napi_value callback) : env_(env) {
  napi_typedarray_type type;
  void* data = nullptr;
  napi_value buffer;
  size_t offset = 0;
  napi_get_typedarray_info(env, mailbox, &type, &word_count_, &data, &buffer, &offset);
  words_ = static_cast<double*>(data);
  napi_create_reference(env, mailbox, 1, &mailbox_);
  napi_create_reference(env, callback, 1, &callback_);
  napi_value name;
  napi_create_string_utf8(env, "tensorgate completions", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, OnWakeUp, &wake_up_);
  napi_unref_threadsafe_function(env, wake_up_);
  napi_async_init(env, nullptr, name, &context_);
  uv_loop_s* loop = nullptr;
  napi_get_uv_event_loop(env, &loop);
  end_of_turn_ = std::make_unique<TurnHook>(loop, [this] { EndTurn(); });
}

void CompletionPort::RequestSubmitted(const std::shared_ptr<DeviceQueue>& queue) {
  if (in_flight_++ == 0) napi_ref_threadsafe_function(env_, wake_up_);
  if (std::find(submitted_to_.begin(), submitted_to_.end(), queue) == submitted_to_.end())
    submitted_to_.push_back(queue);
}

void CompletionPort::EndTurn() {
  if (submitted_to_.empty()) return;
  for (const auto& queue : std::exchange(submitted_to_, {}))
    if (auto quick = queue->EndTurn(); !quick.empty()) RunHere(std::move(quick));
  // An answer given just now may have brought the next request: the loop must not fall asleep over it.
  if (submitted_to_.empty()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  WakeUp();
}

void CompletionPort::RunHere(std::vector<std::unique_ptr<Request>> requests) {
  {
    const SignalMask mask;
    const TakeSpan span(requests.size(), /*on_loop=*/true);
    Execute(requests);
  }
  TakeRefused(&requests);
  for (auto& request : requests) {
    const auto port = request->port;
    if (port.get() != this) {  // another environment submitted it
      port->Complete(std::move(request));
      continue;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    done_.push_back(std::move(request));
  }
  napi_handle_scope scope;
  napi_open_handle_scope(env_, &scope);
  // Promises are seen to when this scope closes: after the outputs have been given back. A wake-up has one already.
  napi_value resource;
  napi_create_object(env_, &resource);
  napi_callback_scope callbacks;
  napi_open_callback_scope(env_, resource, context_, &callbacks);
  Drain(env_);
  napi_close_callback_scope(env_, callbacks);
  napi_close_handle_scope(env_, scope);
}

void CompletionPort::Complete(std::unique_ptr<Request> request) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!wake_up_) return;
  done_.push_back(std::move(request));
  WakeUp();
}

void CompletionPort::WakeUp() {
  if (!wake_up_ || scheduled_) return;  // one wake-up carries all that finishes until the loop gets to it
  scheduled_ = true;
  scheduled_at_ = Clock::now();
  napi_call_threadsafe_function(wake_up_, nullptr, napi_tsfn_nonblocking);
}

void CompletionPort::OnWakeUp(napi_env env, napi_value, void* context, void*) {
  if (env) static_cast<CompletionPort*>(context)->Drain(env);
}

void CompletionPort::Drain(napi_env env) {
  std::vector<std::unique_ptr<Request>> done;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    done.swap(done_);
    if (std::exchange(scheduled_, false) && !done.empty()) NoteDelivery(Clock::now() - scheduled_at_);
  }
  in_flight_ -= done.size();
  if (in_flight_ == 0 && !done.empty()) napi_unref_threadsafe_function(env, wake_up_);
  size_t position = 0;
  std::vector<std::unique_ptr<Request>> records;
  for (auto& request : done) {
    if (!Write(*request, kMostInlineBytes, &position)) {
      Deliver(env, std::exchange(records, {}));
      position = 0;
      // Alone: with its small outputs in the mailbox, else with none there, else as an error.
      if (!Write(*request, kMostInlineBytes, &position) && !Write(*request, 0, &position)) {
        request->outputs.clear();
        request->status = {code::kInternal, "The model has more outputs than one reply of the addon can describe."};
        Write(*request, 0, &position);
      }
    }
    records.push_back(std::move(request));
  }
  Deliver(env, std::move(records));
}

void CompletionPort::NoteDelivery(Clock::duration waited) {
  delivery_.Note(std::chrono::duration_cast<std::chrono::microseconds>(waited).count());
  delivery_micros_.store(delivery_.micros(), std::memory_order_relaxed);
}

bool CompletionPort::Write(const Request& request, size_t most_inline, size_t* position) const {
  const size_t words = RecordWords(request, most_inline);
  if (*position + words > word_count_) return false;
  RecordWriter writer(words_, *position);
  *position += words;
  writer.Number(static_cast<double>(words));
  writer.Number(request.id);
  writer.Number(request.status.code);
  writer.Number(static_cast<double>(request.queue_micros));
  writer.Number(static_cast<double>(request.run_micros));
  writer.Number(request.signature ? request.signature->number() : 0);
  writer.Number(request.decode_micros);
  writer.Number(request.format_micros);
  writer.Number(static_cast<double>(request.status.ok() ? request.rows : request.retry_after.count()));
  writer.Number(static_cast<double>(request.runs));
  writer.Number(static_cast<double>(request.run_rows));
  if (!request.status.ok()) {
    const std::string_view message = std::string_view(request.status.message).substr(0, kMostMessageBytes);
    writer.Number(static_cast<double>(message.size()));
    writer.Bytes(message);
    return true;
  }
  writer.Number(static_cast<double>(request.outputs.size()));
  for (const Output& output : request.outputs) writer.OutputOf(output, most_inline);
  return true;
}

void CompletionPort::Deliver(napi_env env, std::vector<std::unique_ptr<Request>> records) {
  if (records.empty()) return;
  delivering_ = std::move(records);
  napi_handle_scope scope;
  napi_open_handle_scope(env, &scope);
  napi_value callback, count, undefined, result;
  napi_get_reference_value(env, callback_, &callback);
  napi_create_uint32(env, static_cast<uint32_t>(delivering_.size()), &count);
  napi_get_undefined(env, &undefined);
  napi_call_function(env, undefined, callback, 1, &count, &result);
  napi_close_handle_scope(env, scope);
  delivering_.clear();
}

Status CompletionPort::CopyOutput(uint32_t record, uint32_t output, uint8_t* target, size_t room) const {
  if (record >= delivering_.size() || output >= delivering_[record]->outputs.size())
    return {code::kInternal, "There is no such output: outputs can be read only while they are encoded."};
  const std::string_view bytes = delivering_[record]->outputs[output].bytes();
  if (bytes.size() > room) return {code::kInternal, "The output does not fit the memory it is copied to."};
  if (!bytes.empty()) std::memcpy(target, bytes.data(), bytes.size());
  return {};
}

void CompletionPort::Close() {
  std::vector<std::unique_ptr<Request>> dropped;
  std::lock_guard<std::mutex> lock(mutex_);
  dropped.swap(done_);
  if (!wake_up_) return;
  napi_release_threadsafe_function(wake_up_, napi_tsfn_abort);
  wake_up_ = nullptr;
  end_of_turn_.reset();
  napi_async_destroy(env_, context_);
  napi_delete_reference(env_, mailbox_);
  napi_delete_reference(env_, callback_);
}

}  // namespace tensorgate
