#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "json_reader.h"
#include "json_tensor.h"
#include "json_tensor_reader.h"

namespace tensorgate {
namespace {

constexpr int kInvalidArgument = 3, kResourceExhausted = 8, kFailedPrecondition = 9;
constexpr std::string_view kDefaultSignature = "serving_default";

std::string ListOf(const std::vector<JsonInput>& inputs) {
  std::string list;
  for (const JsonInput& input : inputs) list += (list.empty() ? "" : ", ") + Quoted(input.alias);
  return list;
}

// Finds a signature's inputs by name, and notes which were seen in the current object.
class InputNames {
 public:
  explicit InputNames(const std::vector<JsonInput>* inputs) : inputs_(inputs), seen_(inputs->size(), kNever) {}

  // Whether there is such an input; *first: and the object has not had it before.
  bool Find(std::string_view key, int64_t object, size_t* index, bool* first) {
    // Clients write the names in one order: the one behind the last is the likeliest.
    for (size_t tries = 0; tries < inputs_->size(); tries++, next_++) {
      if (next_ >= inputs_->size()) next_ = 0;
      const bool is_alias = (*inputs_)[next_].alias == key;
      if (!is_alias && !HasOtherName((*inputs_)[next_], key)) continue;
      (is_alias ? uses_aliases_ : uses_other_names_) = true;
      *index = next_++;
      *first = seen_[*index] != object;
      seen_[*index] = object;
      return true;
    }
    return false;
  }

  // Whether no input that was found was called by its alias.
  bool uses_other_names() const { return uses_other_names_ && !uses_aliases_; }

  // The first input that the object did not have and that nothing stands in for, or nullptr. A default stands in for
  // an input that no object has had.
  const JsonInput* FindMissing(int64_t object) const {
    for (size_t i = 0; i < seen_.size(); i++)
      if (seen_[i] != object && !((*inputs_)[i].has_default && seen_[i] == kNever)) return &(*inputs_)[i];
    return nullptr;
  }

 private:
  static constexpr int64_t kNever = -1;

  static bool HasOtherName(const JsonInput& input, std::string_view name) {
    return std::find(input.other_names.begin(), input.other_names.end(), name) != input.other_names.end();
  }

  const std::vector<JsonInput>* inputs_;
  std::vector<int64_t> seen_;  // the last object that had the input
  size_t next_ = 0;
  bool uses_aliases_ = false, uses_other_names_ = false;
};

// Reads the value of `instances` or `inputs` for a signature.
class TensorsReader {
 public:
  TensorsReader(JsonReader* json, const std::vector<JsonInput>* inputs, JsonLayout layout)
      : json_(json), inputs_(inputs), names_(inputs) {
    readers_.reserve(inputs->size());
    for (const JsonInput& input : *inputs) readers_.emplace_back(json, &input, layout);
  }

  bool ReadInstances() {
    if (json_->Peek() != '[') return RefuseKind("\"instances\"", "a list of one item or more");
    json_->Take('[');
    if (json_->Peek() == ']')
      return json_->Refuse(kInvalidArgument, "\"instances\" is an empty list: send one item or more.");
    const bool named = NextIsNamed();
    if (!named && inputs_->size() != 1) return RefuseKind("instances[0]", ObjectOfAll());
    int64_t instance = 0;
    do {
      if (!(named ? ReadNamedInstance(instance) : readers_[0].Read({instance, {}}))) return false;
      instance++;
    } while (json_->Take(','));
    return (json_->Take(']') || json_->Fail("',' or ']'")) && CountsRows();
  }

  bool ReadInputs() {
    if (NextIsNamed()) return ReadNamedInputs();
    if (inputs_->size() != 1) return RefuseKind("\"inputs\"", ObjectOfAll());
    return readers_[0].Read({});
  }

  bool uses_other_names() const { return names_.uses_other_names(); }

  std::vector<HostTensor> Finish() {
    std::vector<HostTensor> tensors;
    tensors.reserve(readers_.size());
    for (JsonTensorReader& reader : readers_) {
      if (reader.items() > 0)
        tensors.push_back(reader.Finish());
      else
        tensors.emplace_back().is_left_out = true;
    }
    return tensors;
  }

 private:
  // Whether the next value is an object with inputs' names, as opposed to one that is itself a string tensor's value.
  bool NextIsNamed() {
    if (json_->Peek() != '{') return false;
    return inputs_->size() != 1 || inputs_->front().dtype != TF_STRING || !json_->AtBase64Object();
  }

  bool ReadNamedInstance(int64_t instance) {
    const std::string place = "instances[" + std::to_string(instance) + "]";
    if (json_->Peek() != '{') return RefuseKind(place, ObjectOfAll());
    const bool read = json_->ReadObject([&](std::string_view key) {
      size_t index;
      bool first;
      if (!names_.Find(key, instance, &index, &first)) return RefuseUnknown(place, key);
      if (!first) return json_->SkipValue();
      // Items before this one were content with the default.
      if (readers_[index].items() < instance) return RefuseMissing("instances[0]", (*inputs_)[index]);
      return readers_[index].Read({instance, (*inputs_)[index].alias});
    });
    return read && HasAll(place, instance);
  }

  bool ReadNamedInputs() {
    const bool read = json_->ReadObject([&](std::string_view key) {
      size_t index;
      bool first;
      if (!names_.Find(key, 0, &index, &first) || !first) return json_->SkipValue();
      return readers_[index].Read({-1, (*inputs_)[index].alias});
    });
    return read && HasAll("\"inputs\"", 0);
  }

  // How many rows to answer is told by the inputs alone: defaults have shapes of their own.
  bool CountsRows() {
    for (const JsonTensorReader& reader : readers_)
      if (reader.items() > 0) return true;
    return json_->Refuse(kInvalidArgument,
                         "\"instances\" holds no input, so that there are no rows to answer: leave it out, or send "
                         "\"inputs\" in its place.");
  }

  std::string ObjectOfAll() const {
    if (inputs_->empty()) return "an empty object, since the signature has no inputs";
    return "an object with the signature's inputs (" + ListOf(*inputs_) + ")";
  }

  bool RefuseKind(const std::string& place, const std::string& expected) {
    const char* found = json_->KindOfNext();
    if (!found) return json_->Fail("a value");
    return json_->Refuse(kInvalidArgument, place + " is " + found + ", but must be " + expected + ".");
  }

  bool RefuseUnknown(const std::string& place, std::string_view key) {
    const std::string known = inputs_->empty() ? "it has none" : "its inputs are " + ListOf(*inputs_);
    return json_->Refuse(kInvalidArgument, place + " has the name " + Quoted(key) +
                                               ", which the signature has no input of: " + known + ".");
  }

  bool HasAll(const std::string& place, int64_t object) {
    const JsonInput* missing = names_.FindMissing(object);
    return !missing || RefuseMissing(place, *missing);
  }

  bool RefuseMissing(const std::string& place, const JsonInput& missing) {
    return json_->Refuse(kInvalidArgument, place + " lacks the input " + Quoted(missing.alias) +
                                               ": the signature's inputs are " + ListOf(*inputs_) + ".");
  }

  JsonReader* json_;
  const std::vector<JsonInput>* inputs_;
  InputNames names_;
  std::vector<JsonTensorReader> readers_;
};

// The body as a whole. Tensors are read at once, for the signature named so far; if another name comes behind them,
// they are read a second time.
class RequestReader {
 public:
  RequestReader(std::string_view text, const FindJsonSignature& find) : json_(text), find_(find) {}

  CodecError Read(JsonRequest* request) {
    // No body at all says as much as one that holds nothing.
    if (json_.Peek() == '\0' && json_.at() == json_.end()) {
      is_empty_ = true;
      return Settle(request);
    }
    if (json_.Peek() != '{') {
      if (!json_.SkipValue()) return json_.error();
      return {kInvalidArgument, "The body must be a JSON object with \"instances\" or \"inputs\"."};
    }
    if (!json_.ReadObject([&](std::string_view key) { return ReadMember(key, request); })) return json_.error();
    return Settle(request);
  }

 private:
  bool ReadMember(std::string_view key, JsonRequest* request) {
    if (key == "signature_name" && !name_) return ReadName();
    if (key == "instances" && !instances_) return ReadTensors(JsonLayout::kRow, &instances_, request);
    if (key == "inputs" && !inputs_) return ReadTensors(JsonLayout::kColumn, &inputs_, request);
    return json_.SkipValue();
  }

  bool ReadName() {
    if (json_.Peek() != '"') {
      name_.emplace();
      name_error_ = {kInvalidArgument, "\"signature_name\" must be a string."};
      return json_.SkipValue();
    }
    std::string scratch;
    std::string_view value;
    if (!json_.ReadString(&scratch, &value)) return false;
    name_.emplace(value);
    return true;
  }

  std::string_view Name() const { return name_ && !name_->empty() ? std::string_view(*name_) : kDefaultSignature; }

  bool ReadTensors(JsonLayout layout, const char** start, JsonRequest* request) {
    const bool alone = !instances_ && !inputs_;
    json_.Peek();
    *start = json_.at();
    const std::vector<JsonInput>* signature = alone && !name_error_ ? find_(Name()) : nullptr;
    if (!signature) return json_.SkipValue();
    read_for_ = Name();
    return ReadFor(*signature, layout, *start, request);
  }

  // Reads the tensors; false only if the text is malformed. Another error waits: the text behind may still be
  // malformed, or name another signature.
  bool ReadFor(const std::vector<JsonInput>& signature, JsonLayout layout, const char* start, JsonRequest* request) {
    json_.Seek(start);
    TensorsReader reader(&json_, &signature, layout);
    if (layout == JsonLayout::kRow ? reader.ReadInstances() : reader.ReadInputs()) {
      request->inputs = reader.Finish();
      request->layout = layout;
      request->uses_other_names = reader.uses_other_names();
      return true;
    }
    if (json_.malformed()) return false;
    tensors_error_ = json_.Forgive();
    json_.Seek(start);
    return json_.SkipValue();
  }

  CodecError Settle(JsonRequest* request) {
    if (name_error_) return name_error_;
    const std::vector<JsonInput>* signature = find_(Name());
    if (!signature) {
      return {kFailedPrecondition, "Serving signature name: " + Quoted(Name()) + " not found in signature def."};
    }
    request->signature_name = Name();
    if (instances_ && inputs_) {
      return {kInvalidArgument, "The body has both \"instances\" and \"inputs\": send exactly one of them."};
    }
    if (!instances_ && !inputs_) return SettleWithoutInputs(*signature, request);
    if (read_for_ == Name()) return tensors_error_;
    tensors_error_ = {};
    const JsonLayout layout = instances_ ? JsonLayout::kRow : JsonLayout::kColumn;
    if (!ReadFor(*signature, layout, instances_ ? instances_ : inputs_, request)) return json_.error();
    return tensors_error_;
  }

  // A body that sends no inputs is for a signature that needs none. Without rows it is answered in column form.
  CodecError SettleWithoutInputs(const std::vector<JsonInput>& signature, JsonRequest* request) {
    if (!std::all_of(signature.begin(), signature.end(), [](const JsonInput& input) { return input.has_default; })) {
      const std::string lack = is_empty_
                                   ? "The request has no body: send the inputs (" + ListOf(signature) + ") as JSON"
                                   : "The body has neither \"instances\" nor \"inputs\": send exactly one of "
                                     "them, with the inputs (" +
                                         ListOf(signature) + ")";
      return {kInvalidArgument,
              lack + ", for example {\"instances\": [1.0, 2.0]} or {\"inputs\": {\"x\": [1.0, 2.0]}}."};
    }
    request->layout = JsonLayout::kColumn;
    request->uses_other_names = false;
    request->inputs.resize(signature.size());
    for (HostTensor& input : request->inputs) input.is_left_out = true;
    return {};
  }

  JsonReader json_;
  const FindJsonSignature& find_;
  bool is_empty_ = false;
  std::optional<std::string> name_;  // the first signature_name
  const char* instances_ = nullptr;  // where the first value of that name begins
  const char* inputs_ = nullptr;
  std::optional<std::string> read_for_;  // the signature for which request->inputs or tensors_error_ holds
  CodecError name_error_, tensors_error_;
};

}  // namespace

CodecError ParseJsonRequest(std::string_view text, const FindJsonSignature& find, JsonRequest* request) try {
  CodecError error = RequestReader(text, find).Read(request);
  if (error) request->inputs.clear();
  return error;
} catch (const std::bad_alloc&) {  // also the budget for tensors
  request->inputs.clear();
  return {kResourceExhausted,
          "There is no memory left for the request's tensors: send fewer instances at once, or retry later."};
}

}  // namespace tensorgate
