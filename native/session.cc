#include "session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "engine/tensorflow/lean_executor.h"
#include "engine/tensorflow/op_registry.h"
#include "engine/tensorflow/retreat.h"
#include "meta_graph.h"

namespace tensorgate {

namespace {

constexpr std::array<std::string_view, 11> kV1ControlFlow = {
    "Switch",    "Merge",    "Enter",    "Exit",    "NextIteration",    "LoopCond",
    "RefSwitch", "RefMerge", "RefEnter", "RefExit", "RefNextIteration",
};

bool IsV1ControlFlow(std::string_view op) {
  return std::find(kV1ControlFlow.begin(), kV1ControlFlow.end(), op) != kV1ControlFlow.end();
}

bool GraphHasV1ControlFlow(TF_Graph* graph) {
  size_t position = 0;
  while (TF_Operation* operation = tf.TF_GraphNextOperation(graph, &position))
    if (IsV1ControlFlow(tf.TF_OperationOpType(operation))) return true;
  return false;
}

// Whether a serialized FunctionDef has a node of such a type: NodeDef.op is field 2, so the bytes `0x12 <length>
// <name>` stand in it. A match elsewhere (a node named so) only costs the faster executor.
bool FunctionHasV1ControlFlow(std::string_view function_def) {
  for (std::string_view op : kV1ControlFlow) {
    std::string field = {0x12, static_cast<char>(op.size())};
    if (function_def.find(field.append(op)) != std::string_view::npos) return true;
  }
  return false;
}

bool FunctionsHaveV1ControlFlow(TF_Graph* graph) {
  const int count = tf.TF_GraphNumFunctions(graph);
  std::vector<TF_Function*> functions(count);
  TfStatus status;
  tf.TF_GraphGetFunctions(graph, functions.data(), count, status.get());
  bool found = false;
  for (TF_Function* function : functions) {
    TF_Buffer* def = tf.TF_NewBuffer();
    if (!found) tf.TF_FunctionToFunctionDef(function, def, status.get());
    if (!found && def->data) found = FunctionHasV1ControlFlow({static_cast<const char*>(def->data), def->length});
    tf.TF_DeleteBuffer(def);
    tf.TF_DeleteFunction(function);
  }
  return found;
}

// A first run, which prepares the graph, can take a thousand times as long as those that follow: an estimate that is
// far too high goes down by halves, else it moves by eighths.
uint32_t Blend(uint32_t before, uint32_t micros) {
  return micros < before / 4 ? (before + micros) / 2 : (before * 7 + micros) / 8;
}

// TensorFlow numbers the reference types of TF1 variables 100 above what a run feeds or fetches for them.
constexpr int kReferenceTypes = 100;

}  // namespace

std::shared_ptr<Session> Session::Load(const SessionOptions& options, Status* status) {
  if (options.tflite_interpreters > 0) {
    std::shared_ptr<Session> session(new Session);
    session->tflite_ = TfliteModel::Load(options.directory + "/model.tflite", options.tflite_interpreters, status);
    return session->tflite_ ? session : nullptr;
  }
  auto session = LoadGraph(options, status);
  if (options.general_config.empty()) return session;
  SessionOptions general = options;
  general.config = std::exchange(general.general_config, "");
  if (session ? session->HasV1ControlFlow() : IsLeanRefusal(*status)) {
    session.reset();
    *status = {};
    return LoadGraph(general, status);
  }
  if (session) session->retreat_ = std::make_unique<Retreat>(std::move(general));
  return session;
}

std::shared_ptr<Session> Session::LoadGraph(const SessionOptions& options, Status* status) {
  std::unique_ptr<PlacedCopy> copy;
  if (!options.device.empty()) {
    copy = PlacedCopy::Make(options.directory, options.device, status);
    if (!copy) return nullptr;
  }
  const std::string& directory = copy ? copy->directory() : options.directory;
  TfStatus tf_status;
  std::shared_ptr<Session> session(new Session);
  std::unique_ptr<TF_SessionOptions, void (*)(TF_SessionOptions*)> tf_options(tf.TF_NewSessionOptions(),
                                                                              tf.TF_DeleteSessionOptions);
  std::unique_ptr<TF_Buffer, void (*)(TF_Buffer*)> meta_graph(tf.TF_NewBuffer(), tf.TF_DeleteBuffer);
  tf.TF_SetConfig(tf_options.get(), options.config.data(), options.config.size(), tf_status.get());
  if (!options.target.empty()) tf.TF_SetTarget(tf_options.get(), options.target.c_str());
  if (tf_status.ok()) {
    std::vector<const char*> tags;
    for (const std::string& tag : options.tags) tags.push_back(tag.c_str());
    session->graph_ = tf.TF_NewGraph();
    // As Python does: an operation without a shape function has outputs of unknown shape.
    if (tf.TF_SetRequireShapeInferenceFns) tf.TF_SetRequireShapeInferenceFns(session->graph_, false);
    session->session_ = tf.TF_LoadSessionFromSavedModel(tf_options.get(), nullptr, directory.c_str(), tags.data(),
                                                        static_cast<int>(tags.size()), session->graph_,
                                                        meta_graph.get(), tf_status.get());
  }
  *status = tf_status.ToStatus();
  if (copy) status->message = copy->InOriginalsName(std::move(status->message));
  if (!status->ok()) return nullptr;
  if (copy && copy->has_assets()) session->files_ = std::move(copy);
  session->interruptible_ = options.interruptible;
  const std::string_view whole(static_cast<const char*>(meta_graph->data), meta_graph->length);
  session->meta_graph_ = WithoutGraph(whole);
  // What another server runs is never as quick as the event loop must be.
  if (options.target.empty()) session->steady_signatures_ = FindSteadySignatures(whole);
  session->row_proofs_ = ProveRows(whole);
  session->lasting_effects_ =
      FindLastingEffects(whole, [&session](std::string_view op) { return RegisteredOp(session->graph_, op); });
  return session;
}

void Session::Interrupt() {
  LeanHold open;  // while another session may take this one's place
  if (retreat_) {
    if (const auto general = retreat_->general()) return general->Interrupt();
    open = LeanHold(*this);
    if (const auto general = retreat_->general()) return general->Interrupt();
  }
  if (!session_) return;
  TfStatus status;
  tf.TF_CloseSession(session_, status.get());
}

Session::~Session() { Close(); }

void Session::Close() {
  TfStatus status;
  if (TF_Session* session = std::exchange(session_, nullptr)) {
    tf.TF_CloseSession(session, status.get());
    tf.TF_DeleteSession(session, status.get());
  }
  if (TF_Graph* graph = std::exchange(graph_, nullptr)) tf.TF_DeleteGraph(graph);
}

std::optional<GraphTensor> Session::Find(std::string_view tensor_name, TensorRole role) const {
  if (!retreat_) return FindHere(tensor_name, role);
  const LeanHold lean(*this);
  const auto general = retreat_->general();
  return general ? general->FindHere(tensor_name, role) : FindHere(tensor_name, role);
}

std::optional<GraphTensor> Session::FindHere(std::string_view tensor_name, TensorRole role) const {
  if (tflite_) {
    const auto& tensors = role == TensorRole::kInput ? tflite_->inputs() : tflite_->outputs();
    const int place = TfliteModel::Find(tensors, tensor_name);
    if (place < 0) return std::nullopt;
    return GraphTensor{{nullptr, place}, tensors[place].dtype};
  }
  TF_Output output{nullptr, 0};
  std::string name(tensor_name);
  if (const size_t colon = name.rfind(':'); colon != std::string::npos) {
    const char* end = name.data() + name.size();
    const auto parsed = std::from_chars(name.data() + colon + 1, end, output.index);
    if (parsed.ec != std::errc() || parsed.ptr != end || output.index < 0) return std::nullopt;
    name.resize(colon);
  }
  output.oper = tf.TF_GraphOperationByName(graph_, name.c_str());
  if (!output.oper || output.index >= tf.TF_OperationNumOutputs(output.oper)) return std::nullopt;
  const int dtype = tf.TF_OperationOutputType(output);
  return GraphTensor{output, dtype > kReferenceTypes ? dtype - kReferenceTypes : dtype};
}

void Session::NoteRequest(uint32_t micros) {
  const uint32_t before = typical_micros();
  // Two workers may write at once; either value is as good an estimate.
  typical_micros_.store(before == kUnknown ? micros : Blend(before, micros), std::memory_order_relaxed);
}

bool Session::HasV1ControlFlow() const {
  return graph_ && (GraphHasV1ControlFlow(graph_) || FunctionsHaveV1ControlFlow(graph_));
}

}  // namespace tensorgate
