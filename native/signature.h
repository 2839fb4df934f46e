// A prepared call: what to feed and what to fetch, resolved once at load, run many times.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "codec/json_tensor.h"
#include "encoded_input.h"
#include "quick_runs.h"
#include "status.h"
#include "tensor.h"
#include "tf_api.h"

namespace tensorgate {

class Session;

// An input or output: the name that clients use and the graph's tensor behind it.
struct SignatureTensor {
  std::string alias;
  std::string tensor_name;
  std::optional<std::vector<int64_t>> shape;  // as declared: -1 is an unknown dimension; none: unknown rank
  std::optional<EncodedInput> fallback;       // an input's default, until Prepare() has made a tensor of it
  std::vector<std::string> other_names;       // what JSON requests may call it as well
  std::string composite;                      // of a component: the alias of what it belongs to …
  std::string composite_kind;                 // … and what that is, e.g. `sparse tensor`
  TF_Output output{nullptr, 0};
  TF_DataType dtype = TF_FLOAT;
  Status refusal{};  // of an output: why it cannot be fetched
};

// What is known of a signature's runs beforehand.
struct SignatureTraits {
  bool batchable;  // all inputs and outputs have a first dimension that counts rows
  bool steady;     // how long a run takes depends on shapes only, not on values
};

// Immutable once it is in the table, shared by the tables and by each request in flight; keeps its session alive. Any
// thread.
class Signature {
 public:
  // Resolves the tensors in the session's graph. Where there is none of that name, or its dtype cannot cross the C API
  // (RESOURCE and VARIANT hold raw pointers), what needs it is refused with an error that names the tensor: for an
  // input the whole signature, for an output the requests that ask for it.
  static std::shared_ptr<Signature> Prepare(std::shared_ptr<Session> session, std::string name,
                                            std::vector<SignatureTensor> inputs, std::vector<SignatureTensor> outputs,
                                            SignatureTraits traits);

  // Whether requests may share a run: declared so, and not found out to be otherwise.
  bool batchable() const { return batchable_.load(std::memory_order_relaxed); }
  void MarkUnbatchable() const { batchable_.store(false, std::memory_order_relaxed); }

  bool steady() const { return steady_; }
  QuickRuns& quick_runs() const { return quick_runs_; }

  // Why the signature cannot be run; good for one that can.
  const Status& refusal() const { return refusal_; }
  // Why the outputs of `wanted` (indexes; empty: all) must not be fetched. To be looked at before each run.
  const Status& RefusalOf(std::span<const uint32_t> wanted) const;
  // Why requests cannot be split into rows: an input or output is made of several tensors, whose rows are no examples.
  Status RefusalOfRows() const;
  const std::shared_ptr<Session>& session() const { return session_; }
  const std::string& name() const { return name_; }
  // Its number in the table, which JavaScript knows it by; 0 until it is there.
  int number() const { return number_; }
  std::span<const SignatureTensor> inputs() const { return inputs_; }
  std::span<const SignatureTensor> outputs() const { return outputs_; }
  const std::vector<TF_Output>& feeds() const { return feeds_; }
  const std::vector<TF_Output>& fetches() const { return fetches_; }  // one for each output

  // The same tensors in the graph of the session that has taken its own one's place.
  struct GraphTensors {
    std::vector<TF_Output> feeds, fetches;
  };
  const GraphTensors& TensorsIn(const Session& general) const;

  // Whether the lean executor has refused to run it.
  bool is_refused() const { return is_refused_.load(std::memory_order_relaxed); }
  void MarkRefused() const { is_refused_.store(true, std::memory_order_relaxed); }
  // The input whose tensor the output is, so that a request has its value already; none for what has to be fetched.
  std::optional<size_t> PassedInput(size_t output) const { return passed_inputs_[output]; }
  const std::vector<JsonInput>& json_inputs() const { return json_inputs_; }
  // What an input is where a request leaves it out, shared by all requests; null if it has no default.
  const TensorPtr& DefaultOf(size_t input) const { return defaults_[input]; }

  // Which outputs to fetch for a client that wants those of `wanted` (indexes, ascending, no duplicates, not refused).
  // TensorFlow keeps an executor for each set of fetches for good, so after kMostFetchSets different ones all outputs
  // that can be are fetched.
  std::span<const uint32_t> FetchSet(std::span<const uint32_t> wanted) const;

 private:
  friend class SignatureTable;
  static constexpr size_t kMostFetchSets = 32;

  Signature() = default;
  Status refusal_;
  std::shared_ptr<Session> session_;
  std::string name_;
  int number_ = 0;
  std::vector<SignatureTensor> inputs_;
  std::vector<SignatureTensor> outputs_;
  std::vector<TF_Output> feeds_;
  std::vector<TF_Output> fetches_;
  mutable std::once_flag moved_once_;
  mutable GraphTensors moved_;
  mutable std::atomic<bool> is_refused_{false};
  std::vector<std::optional<size_t>> passed_inputs_;  // by output
  std::vector<JsonInput> json_inputs_;
  std::vector<TensorPtr> defaults_;    // by input
  std::vector<uint32_t> all_outputs_;  // that are not refused
  bool steady_ = false;
  mutable QuickRuns quick_runs_;
  mutable std::atomic<bool> batchable_{false};
  mutable std::mutex fetch_sets_mutex_;
  mutable std::set<std::vector<uint32_t>> fetch_sets_;
};

// The process' signatures by number, and by (session, name) for requests that name theirs in a JSON body. Locked, never
// destroyed.
class SignatureTable {
 public:
  static SignatureTable& Get();
  // A signature with an empty name can be found by its number only.
  int Add(int session_id, std::shared_ptr<Signature> signature);
  void Remove(int id);
  std::shared_ptr<Signature> Find(int id);
  std::shared_ptr<Signature> FindByName(int session_id, const std::string& name);
  // The names of a session's signatures, in order, for messages.
  std::vector<std::string> NamesOf(int session_id);

 private:
  using Key = std::pair<int, std::string>;  // session, name
  struct Entry {
    Key key;
    std::shared_ptr<Signature> signature;
  };
  std::mutex mutex_;
  std::unordered_map<int, Entry> entries_;
  // Servables of one folder share its session: each has signatures of its own, of the same names.
  std::multimap<Key, std::shared_ptr<Signature>> by_name_;
  int next_id_ = 1;
};

}  // namespace tensorgate
