#include "signature.h"

#include <algorithm>
#include <new>

#include "session.h"

namespace tensorgate {

namespace {

// `sparse tensor 'sp'`
std::string DescribeComposite(const SignatureTensor& component) {
  return component.composite_kind + " '" + component.composite + "'";
}

// `input 'x' (tensor 'x:0')`
std::string Describe(const SignatureTensor& tensor, TensorRole role) {
  return std::string(role == TensorRole::kInput ? "input '" : "output '") + tensor.alias + "' (tensor '" +
         tensor.tensor_name + "'" + (tensor.composite.empty() ? ")" : ", of the " + DescribeComposite(tensor) + ")");
}

Status Resolve(const Session& session, SignatureTensor* tensor, TensorRole role) {
  const char* role_name = role == TensorRole::kInput ? "input" : "output";
  const auto found = session.Find(tensor->tensor_name, role);
  if (!found)
    return {code::kInvalidArgument, std::string("Could not find ") + role_name + " '" + tensor->alias +
                                        "': the graph has no tensor '" + tensor->tensor_name + "'."};
  if (!IsServable(found->dtype))
    return {code::kInvalidArgument, "The " + Describe(*tensor, role) + " is of type " + DataTypeName(found->dtype) +
                                        ", which cannot be sent over a wire."};
  tensor->output = found->output;
  tensor->dtype = static_cast<TF_DataType>(found->dtype);
  return {};
}

Status ResolveInputs(const Session& session, std::vector<SignatureTensor>* inputs) {
  for (SignatureTensor& input : *inputs) {
    Status status = Resolve(session, &input, TensorRole::kInput);
    if (status.ok()) continue;
    status.message += " Use a signature without it.";
    return status;
  }
  return {};
}

// Outputs that are inputs. In a TensorFlow Lite model, whose tensors have no operation, the library sees to those.
std::vector<std::optional<size_t>> FindPassedInputs(std::span<const TF_Output> feeds,
                                                    std::span<const SignatureTensor> outputs) {
  std::vector<std::optional<size_t>> passed;
  for (const SignatureTensor& output : outputs) {
    const auto found = std::find_if(feeds.begin(), feeds.end(), [&](const TF_Output& feed) {
      return feed.oper && feed.oper == output.output.oper && feed.index == output.output.index;
    });
    passed.push_back(found == feeds.end() ? std::nullopt : std::optional<size_t>(found - feeds.begin()));
  }
  return passed;
}

// An output that cannot be fetched keeps the others from nothing: its refusal names them.
void ResolveOutputs(const Session& session, std::vector<SignatureTensor>* outputs) {
  std::string others;
  for (SignatureTensor& output : *outputs) {
    output.refusal = Resolve(session, &output, TensorRole::kOutput);
    if (output.refusal.ok()) others += (others.empty() ? "" : ", ") + output.alias;
  }
  const std::string remedy = others.empty() ? " Use a signature without it."
                                            : " Ask for the others by name, over gRPC (output_filter) or GraphPipe "
                                              "(output names): " +
                                                  others + ".";
  for (SignatureTensor& output : *outputs)
    if (!output.refusal.ok()) output.refusal.message += remedy;
}

// The tensor of the input's default. Null if it has none, or one that does not fit its type: then requests must have
// the input.
TensorPtr MakeDefault(SignatureTensor* input) {
  TensorPtr tensor;
  if (!input->fallback) return tensor;
  input->fallback->dtype = input->dtype;
  try {
    if (!DecodeInput(input->alias, std::move(*input->fallback), &tensor).ok()) tensor.reset();
  } catch (const std::bad_alloc&) {  // a shape that is filled up with one value can be of any size
  }
  input->fallback.reset();
  return tensor;
}

}  // namespace

std::shared_ptr<Signature> Signature::Prepare(std::shared_ptr<Session> session, std::string name,
                                              std::vector<SignatureTensor> inputs, std::vector<SignatureTensor> outputs,
                                              SignatureTraits traits) {
  std::shared_ptr<Signature> signature(new Signature);
  signature->refusal_ = ResolveInputs(*session, &inputs);
  ResolveOutputs(*session, &outputs);
  signature->batchable_ = traits.batchable;
  signature->steady_ = traits.steady;
  if (traits.batchable) session->NoteBatchable();
  // JSON requests can name those that have a name.
  if (!traits.steady && !name.empty()) session->NoteUnsteady();
  signature->session_ = std::move(session);
  signature->name_ = std::move(name);
  signature->inputs_ = std::move(inputs);
  signature->outputs_ = std::move(outputs);
  for (SignatureTensor& input : signature->inputs_) {
    signature->feeds_.push_back(input.output);
    signature->defaults_.push_back(MakeDefault(&input));
    signature->json_inputs_.push_back(
        {input.alias, input.dtype, signature->defaults_.back() != nullptr, input.other_names});
  }
  signature->passed_inputs_ = FindPassedInputs(signature->feeds_, signature->outputs_);
  for (uint32_t i = 0; i < signature->outputs_.size(); i++) {
    signature->fetches_.push_back(signature->outputs_[i].output);
    if (signature->outputs_[i].refusal.ok()) signature->all_outputs_.push_back(i);
  }
  if (const TfliteModel* model = signature->session_->tflite(); model && signature->refusal_.ok())
    signature->refusal_ = model->CheckFeeds(signature->feeds_);
  return signature;
}

const Signature::GraphTensors& Signature::TensorsIn(const Session& general) const {
  std::call_once(moved_once_, [&] {
    for (const SignatureTensor& input : inputs_)
      moved_.feeds.push_back(general.Find(input.tensor_name, TensorRole::kInput).value_or(GraphTensor{}).output);
    for (const SignatureTensor& output : outputs_)
      moved_.fetches.push_back(general.Find(output.tensor_name, TensorRole::kOutput).value_or(GraphTensor{}).output);
  });
  return moved_;
}

const Status& Signature::RefusalOf(std::span<const uint32_t> wanted) const {
  static const Status good;
  if (all_outputs_.size() == outputs_.size()) return good;
  for (size_t i = 0; i < (wanted.empty() ? outputs_.size() : wanted.size()); i++)
    if (const Status& refusal = outputs_[wanted.empty() ? i : wanted[i]].refusal; !refusal.ok()) return refusal;
  return good;
}

Status Signature::RefusalOfRows() const {
  for (const auto* tensors : {&inputs_, &outputs_})
    for (const SignatureTensor& tensor : *tensors)
      if (!tensor.composite.empty())
        return {code::kInvalidArgument,
                "Signature \"" + name_ + "\" has the " + DescribeComposite(tensor) +
                    ", whose components cannot be split into instances: send the request with \"inputs\" in place of "
                    "\"instances\"."};
  return {};
}

std::span<const uint32_t> Signature::FetchSet(std::span<const uint32_t> wanted) const {
  if (wanted.empty() || wanted.size() == all_outputs_.size()) return all_outputs_;
  std::vector<uint32_t> set(wanted.begin(), wanted.end());
  std::lock_guard<std::mutex> lock(fetch_sets_mutex_);
  auto known = fetch_sets_.find(set);
  if (known == fetch_sets_.end()) {
    if (fetch_sets_.size() == kMostFetchSets) return all_outputs_;
    known = fetch_sets_.insert(std::move(set)).first;
  }
  return *known;  // never erased: the span stays good for as long as the signature lives
}

SignatureTable& SignatureTable::Get() {
  static auto* table = new SignatureTable;
  return *table;
}

int SignatureTable::Add(int session_id, std::shared_ptr<Signature> signature) {
  std::lock_guard<std::mutex> lock(mutex_);
  const int id = next_id_++;
  signature->number_ = id;
  Key key{session_id, signature->name()};
  if (!signature->name().empty()) by_name_.emplace(key, signature);
  entries_[id] = {std::move(key), std::move(signature)};
  return id;
}

void SignatureTable::Remove(int id) {
  std::shared_ptr<Signature> last;  // dies after the lock: it may hold the last reference to its session
  std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = entries_.find(id);
  if (entry == entries_.end()) return;
  const auto [begin, end] = by_name_.equal_range(entry->second.key);
  const auto named = std::find_if(begin, end, [&](const auto& each) { return each.second == entry->second.signature; });
  if (named != end) by_name_.erase(named);
  last = std::move(entry->second.signature);
  entries_.erase(entry);
}

std::shared_ptr<Signature> SignatureTable::Find(int id) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = entries_.find(id);
  return entry == entries_.end() ? nullptr : entry->second.signature;
}

std::shared_ptr<Signature> SignatureTable::FindByName(int session_id, const std::string& name) {
  std::lock_guard<std::mutex> lock(mutex_);
  const auto named = by_name_.find({session_id, name});
  return named == by_name_.end() ? nullptr : named->second;
}

std::vector<std::string> SignatureTable::NamesOf(int session_id) {
  std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> names;
  for (auto named = by_name_.lower_bound({session_id, ""}); named != by_name_.end(); ++named) {
    if (named->first.first != session_id) break;
    if (names.empty() || names.back() != named->first.second) names.push_back(named->first.second);
  }
  return names;
}

}  // namespace tensorgate
