// A loaded graph with its weights, one owner for both: TF_Session and TF_Graph, or a TensorFlow Lite model.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/tensorflow/lasting_effects.h"
#include "engine/tensorflow/rows/row_proof.h"
#include "placed_copy.h"
#include "quick_runs.h"
#include "signature.h"
#include "status.h"
#include "tf_api.h"
#include "tflite_model.h"

namespace tensorgate {

struct SessionOptions {
  std::string directory;          // of the SavedModel
  std::vector<std::string> tags;  // exact set of the meta graph
  std::string config;             // serialized ConfigProto
  std::string general_config;     // for what the one before does not run; empty: there is no other
  bool interruptible = false;     // runs have threads of their own, so that a timeout can end them
  int tflite_interpreters = 0;    // above 0: model.tflite is run, by so many, in place of the SavedModel
  std::string device;             // where all of the graph is to run, `/device:GPU:1`; empty: where TensorFlow puts it
  std::string target;             // the TensorFlow server that runs it, `grpc://host:port`; empty: this process
  int generation = 0;             // sessions of different ones are never shared
  std::string files;              // stands for what the directory's files are; likewise
};

// A tensor of the graph, for runs. In a TensorFlow Lite model its index is a place among the inputs or the outputs.
struct GraphTensor {
  TF_Output output;
  int dtype;
};

enum class TensorRole { kInput, kOutput };

class Retreat;

// Process-wide and shared: held by the session table, by each signature prepared on it and so by each request in
// flight. Closed and freed on the thread that lets go last (a worker, at worst: closing does not wait for the loop).
class Session : public std::enable_shared_from_this<Session> {
 public:
  // Blocks for as long as the model takes to load. Any thread; no JavaScript. With a general configuration given, that
  // one is taken for a graph which the single-threaded executor is known to refuse, at once or later (retreat.h).
  static std::shared_ptr<Session> Load(const SessionOptions& options, Status* status);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Closes the session: runs that wait for something (an element of a queue, another server) end with CANCELLED, others
  // when they have computed what they compute, and no further one begins. Blocks where another server must be told.
  // Any thread.
  void Interrupt();

  TF_Session* get() const { return session_; }
  Retreat* retreat() const { return retreat_.get(); }  // null where there is no other configuration
  // Frees the graph and its weights before the session's own end. No run may be under way or begin.
  void Close();
  TfliteModel* tflite() const { return tflite_.get(); }  // null for a SavedModel
  bool interruptible() const { return interruptible_; }

  // Whether requests for some signature of it may share a run.
  bool has_batchable() const { return has_batchable_.load(std::memory_order_relaxed); }
  void NoteBatchable() { has_batchable_.store(true, std::memory_order_relaxed); }

  // Whether how long a JSON request takes depends on its length only, whichever signature it names; and what it took.
  bool is_steady_for_json() const { return is_steady_for_json_.load(std::memory_order_relaxed); }
  void NoteUnsteady() { is_steady_for_json_.store(false, std::memory_order_relaxed); }
  QuickRuns& quick_json_runs() { return quick_json_runs_; }

  // How long a request of this model keeps a worker, in microseconds: a moving average; kUnknown before the first one.
  static constexpr uint32_t kUnknown = UINT32_MAX;
  uint32_t typical_micros() const { return typical_micros_.load(std::memory_order_relaxed); }
  void NoteRequest(uint32_t micros);
  const std::string& meta_graph() const { return meta_graph_; }  // serialized MetaGraphDef, see WithoutGraph()
  const std::vector<std::string>& steady_signatures() const { return steady_signatures_; }
  // Whether rows of each signature are independent; empty for TensorFlow Lite, whose models are not looked at.
  const std::vector<RowProof>& row_proofs() const { return row_proofs_; }
  const std::vector<LastingEffect>& lasting_effects() const { return lasting_effects_; }

  // The graph's tensor of that name (`op:0`; no `:index` means `:0`). The role matters for TensorFlow Lite alone.
  // Once another session has taken this one's place, that one's.
  std::optional<GraphTensor> Find(std::string_view tensor_name, TensorRole role) const;

 private:
  Session() = default;
  std::optional<GraphTensor> FindHere(std::string_view tensor_name, TensorRole role) const;
  static std::shared_ptr<Session> LoadGraph(const SessionOptions& options, Status* status);
  // Whether the graph or a function of it has TF1 control flow (Switch, Merge, Enter …), which the single-threaded
  // executor refuses.
  bool HasV1ControlFlow() const;

  TF_Graph* graph_ = nullptr;
  TF_Session* session_ = nullptr;
  std::unique_ptr<PlacedCopy> files_;  // kept where the graph may still read some
  std::unique_ptr<TfliteModel> tflite_;
  std::string meta_graph_;
  std::vector<std::string> steady_signatures_;
  std::vector<RowProof> row_proofs_;
  std::vector<LastingEffect> lasting_effects_;
  bool interruptible_ = false;
  std::unique_ptr<Retreat> retreat_;
  std::atomic<bool> has_batchable_{false};
  std::atomic<bool> is_steady_for_json_{true};
  QuickRuns quick_json_runs_;
  std::atomic<uint32_t> typical_micros_{kUnknown};
};

}  // namespace tensorgate
