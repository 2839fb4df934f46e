#include "request.h"

#include <algorithm>
#include <new>

#include "codec/varint.h"
#include "session.h"
#include "string_tensor.h"

namespace tensorgate {

namespace {

Status FromCodec(CodecError error) { return {error.code, std::move(error.message)}; }

Status ToTensor(HostTensor host, TensorPtr* tensor) {
  if (host.dtype == TF_STRING) {
    const std::vector<std::string_view> views(host.strings.begin(), host.strings.end());
    *tensor = MakeStringTensor(host.dims, views.size(), views);
  } else {
    *tensor = WrapSlab(host.dtype, host.dims, std::move(host.data));
  }
  return *tensor ? Status{} : Status{code::kInternal, "TensorFlow did not take a tensor made from JSON."};
}

std::string SignaturesOf(int session_id) {
  std::string text;
  for (const std::string& name : SignatureTable::Get().NamesOf(session_id)) text += (text.empty() ? "" : ", ") + name;
  return " Signatures of the model: " + text + ".";
}

Status DecodeJson(Request* request) {
  const std::string_view text(reinterpret_cast<const char*>(request->json_body.data()), request->json_body.size());
  std::shared_ptr<Signature> signature;
  const FindJsonSignature find = [&](std::string_view name) -> const std::vector<JsonInput>* {
    signature = SignatureTable::Get().FindByName(request->json_session_id, std::string(name));
    return signature && signature->refusal().ok() ? &signature->json_inputs() : nullptr;
  };
  JsonRequest parsed;
  CodecError error = ParseJsonRequest(text, find, &parsed);
  if (error.code == code::kFailedPrecondition && signature) return signature->refusal();
  if (error.code == code::kFailedPrecondition) error.message += SignaturesOf(request->json_session_id);
  if (error) return FromCodec(std::move(error));
  request->signature = std::move(signature);
  request->json_layout = parsed.layout;
  request->json_body = Slab();
  request->inputs.resize(parsed.inputs.size());
  for (size_t i = 0; i < parsed.inputs.size(); i++) {
    Status status = ToTensor(std::move(parsed.inputs[i]), &request->inputs[i]);
    if (!status.ok()) return status;
  }
  return {};
}

Status DecodeEncoded(Request* request) {
  for (size_t i = 0; i < request->encoded.size(); i++) {
    if (request->inputs[i]) continue;
    Status status =
        DecodeInput(request->signature->inputs()[i].alias, std::move(request->encoded[i]), &request->inputs[i]);
    if (!status.ok()) return status;
  }
  return {};
}

// Serialized RunOptions { timeout_in_ms (field 2) }, so that TensorFlow gives up on a run that nobody waits for; empty
// where that would be in vain: a run in the worker's own thread goes on to its end.
std::string RunOptionsFor(const Request& request) {
  std::string options;
  if (request.deadline == Clock::time_point::max() || !request.session->interruptible()) return options;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(request.deadline - Clock::now()).count();
  options.push_back(2 << 3);
  AppendVarint(std::max<int64_t>(left, 1), &options);
  return options;
}

Status Run(Request* request, std::span<const uint32_t> fetch_set, std::vector<TensorPtr>* results) {
  const Signature& signature = *request->signature;
  std::vector<TF_Tensor*> inputs(request->inputs.size());
  for (size_t i = 0; i < inputs.size(); i++) inputs[i] = request->inputs[i].get();
  std::vector<TF_Output> fetches(fetch_set.size());
  for (size_t i = 0; i < fetches.size(); i++) fetches[i] = signature.outputs()[fetch_set[i]].output;
  std::vector<TF_Tensor*> outputs(fetches.size(), nullptr);
  const std::string options = RunOptionsFor(*request);
  const TF_Buffer run_options{options.data(), options.size(), nullptr};
  TfStatus status;
  tf.TF_SessionRun(request->session->get(), options.empty() ? nullptr : &run_options, signature.feeds().data(),
                   inputs.data(), static_cast<int>(inputs.size()), fetches.data(), outputs.data(),
                   static_cast<int>(outputs.size()), nullptr, 0, nullptr, status.get());
  for (TF_Tensor* output : outputs) results->emplace_back(output);
  return status.ToStatus();
}

std::string PackStrings(const TF_Tensor* tensor) {
  std::string text;
  for (const TF_TString& element : StringElements(tensor)) {
    const uint32_t size = static_cast<uint32_t>(ViewOf(element).size());
    for (int shift = 0; shift < 32; shift += 8) text.push_back(static_cast<char>(size >> shift));
  }
  for (const TF_TString& element : StringElements(tensor)) text.append(ViewOf(element));
  return text;
}

std::string StringValFields(const TF_Tensor* tensor) {
  constexpr char kStringValTag = 8 << 3 | 2;  // TensorProto.string_val
  std::string text;
  for (const TF_TString& element : StringElements(tensor)) {
    text.push_back(kStringValTag);
    AppendVarint(ViewOf(element).size(), &text);
    text.append(ViewOf(element));
  }
  return text;
}

Output FormatOutput(TensorPtr tensor, OutputFormat format) {
  Output output;
  output.dtype = tf.TF_TensorType(tensor.get());
  output.dims = DimsOf(tensor.get());
  if (output.dtype == TF_STRING) {
    output.is_text = true;
    output.text = format == OutputFormat::kRaw ? PackStrings(tensor.get()) : StringValFields(tensor.get());
  } else if (format == OutputFormat::kTypedFields) {
    output.is_text =
        WriteVarints(output.dtype, tf.TF_TensorData(tensor.get()), ElementCount(output.dims), &output.text);
  }
  if (!output.is_text) output.tensor = std::move(tensor);
  return output;
}

// The wanted outputs out of those that were fetched; both lists ascend.
void FormatOutputs(Request* request, std::span<const uint32_t> fetch_set, std::vector<TensorPtr> results) {
  size_t next = 0;
  for (size_t i = 0; i < results.size(); i++) {
    const bool all = request->wanted_outputs.empty();
    if (!all && (next == request->wanted_outputs.size() || request->wanted_outputs[next] != fetch_set[i])) continue;
    next++;
    request->outputs.push_back(FormatOutput(std::move(results[i]), request->format));
  }
}

Status FormatJson(Request* request, const std::vector<TensorPtr>& results) {
  std::vector<std::vector<int64_t>> dims;
  std::vector<JsonOutput> outputs;
  for (const TensorPtr& result : results) dims.push_back(DimsOf(result.get()));
  for (size_t i = 0; i < results.size(); i++) {
    JsonOutput output{request->signature->outputs()[i].alias, tf.TF_TensorType(results[i].get()), dims[i],
                      tf.TF_TensorData(results[i].get()), nullptr};
    if (output.dtype == TF_STRING)
      output.string_at = [elements = StringElements(results[i].get())](size_t at) { return ViewOf(elements[at]); };
    outputs.push_back(std::move(output));
  }
  Output text;
  text.dtype = TF_STRING;
  text.is_text = true;
  if (CodecError error = PrintJsonReply(request->json_layout, outputs, &text.text)) return FromCodec(std::move(error));
  request->outputs.push_back(std::move(text));
  return {};
}

bool Fits(std::span<const int64_t> dims, const SignatureTensor& declared) {
  if (!declared.shape) return true;
  const std::vector<int64_t>& shape = *declared.shape;
  return std::equal(dims.begin(), dims.end(), shape.begin(), shape.end(),
                    [](int64_t dim, int64_t expected) { return expected < 0 || dim == expected; });
}

// A sentence for each input whose shape is not the declared one. Only said once a run has failed: TensorFlow is the
// judge of shapes, but its own words name an operation of the graph, not the input that the client sent.
std::string MisfitsOf(const Request& request) {
  std::string text;
  for (size_t i = 0; i < request.inputs.size(); i++) {
    const SignatureTensor& declared = request.signature->inputs()[i];
    const std::vector<int64_t> dims = DimsOf(request.inputs[i].get());
    if (Fits(dims, declared)) continue;
    text += " Input '" + declared.alias + "' was sent with shape " + FormatDims(dims) +
            ", but the signature declares " + FormatDims(*declared.shape) + ".";
  }
  return text;
}

// TensorFlow's messages seldom end with a full stop.
void AddSentences(const std::string& sentences, std::string* message) {
  if (!sentences.empty() && !message->ends_with('.')) message->push_back('.');
  message->append(sentences);
}

Status Decode(Request* request) { return request->is_json ? DecodeJson(request) : DecodeEncoded(request); }

Status RunAndFormat(Request* request) {
  const auto fetch_set = request->signature->FetchSet(request->wanted_outputs);
  std::vector<TensorPtr> results;
  const auto start = Clock::now();
  Status status = Run(request, fetch_set, &results);
  request->run_micros = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
  if (!status.ok()) AddSentences(MisfitsOf(*request), &status.message);
  request->inputs.clear();
  if (!status.ok()) return status;
  if (request->is_json) return FormatJson(request, results);
  FormatOutputs(request, fetch_set, std::move(results));
  return {};
}

}  // namespace

std::string_view Output::bytes() const {
  if (is_text) return text;
  return {static_cast<const char*>(tf.TF_TensorData(tensor.get())), tf.TF_TensorByteSize(tensor.get())};
}

uint32_t ExpectedMicros(const Request& request) {
  // The average speaks of small requests as a rule; one that is not small may be anything.
  constexpr size_t kSmallBytes = 32 * 1024;
  return request.body_bytes > kSmallBytes ? Session::kUnknown : request.session->typical_micros();
}

void Execute(Request* request) {
  const auto start = Clock::now();
  try {
    request->status = Decode(request);
    if (request->status.ok()) request->status = RunAndFormat(request);
  } catch (const std::bad_alloc&) {
    request->status = NoMemory();
  } catch (const std::exception& error) {
    request->status = {code::kInternal, std::string("The request could not be run: ") + error.what()};
  }
  const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count();
  request->session->NoteRequest(static_cast<uint32_t>(std::min<int64_t>(spent, 1'000'000)));
}

}  // namespace tensorgate
