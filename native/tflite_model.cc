#include "tflite_model.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "tflite_tensor.h"

namespace tensorgate {

namespace {

constexpr std::string_view kSignatureDefs = "signature_defs_metadata";
constexpr int kAmbiguous = -2;

// Into memory rather than mapped: a file that is cut off while it is mapped ends the process. Returns why it cannot be
// read, empty if it was.
std::string ReadFile(const std::string& path, std::vector<char>* bytes) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);  // of a folder, too, an error
  if (error) return error.message();
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::strerror(errno);
  bytes->resize(size);
  if (size > 0 && !file.read(bytes->data(), static_cast<std::streamsize>(size))) return "It ends too soon";
  return "";
}

std::vector<TfliteTensorInfo> Describe(const std::vector<const TfLiteTensor*>& tensors) {
  std::vector<TfliteTensorInfo> infos;
  for (const TfLiteTensor* tensor : tensors) {
    const char* name = tflite.TfLiteTensorName(tensor);
    infos.push_back({name ? name : "", DataTypeOf(tensor), DimsOf(tensor), tensor});
  }
  return infos;
}

std::string_view WithoutIndex(std::string_view name) {
  if (name.ends_with(":0")) name.remove_suffix(2);
  return name;
}

}  // namespace

// One interpreter, taken for a run and given back at its end.
class TfliteModel::Lease {
 public:
  explicit Lease(TfliteModel* model) : model_(model) {
    std::unique_lock<std::mutex> lock(model->mutex_);
    model->returned_.wait(lock, [&] { return !model->idle_.empty(); });
    interpreter_ = model->idle_.back();
    model->idle_.pop_back();
  }
  ~Lease() {
    {
      std::lock_guard<std::mutex> lock(model_->mutex_);
      model_->idle_.push_back(interpreter_);
    }
    model_->returned_.notify_one();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  TfliteInterpreter* operator->() const { return interpreter_; }

 private:
  TfliteModel* model_;
  TfliteInterpreter* interpreter_;
};

std::unique_ptr<TfliteModel> TfliteModel::Load(const std::string& path, int interpreters, Status* status) {
  if (!tflite.TfLiteVersion) {
    *status = {code::kFailedPrecondition, "The library of TensorFlow Lite is not open."};
    return nullptr;
  }
  std::unique_ptr<TfliteModel> model(new TfliteModel);
  if (const std::string reason = ReadFile(path, &model->file_); !reason.empty()) {
    *status = {code::kFailedPrecondition, path + " cannot be read: " + reason + "."};
    return nullptr;
  }
  // Checks each offset of the flatbuffer; null for what is none, or of another schema.
  model->model_ = tflite.TfLiteModelCreate(model->file_.data(), model->file_.size());
  if (!model->model_) {
    *status = {code::kInvalidArgument,
               path + " is damaged, or is no TensorFlow Lite model. Copy or convert the model again."};
    return nullptr;
  }
  for (int i = 0; i < interpreters; i++) {
    std::string error;
    model->interpreters_.push_back(TfliteInterpreter::Create(model->model_, &error));
    if (!model->interpreters_.back()) {
      *status = {code::kInvalidArgument,
                 "TensorFlow Lite " + std::string(tflite.TfLiteVersion()) + " cannot run " + path + ": " + error};
      return nullptr;
    }
    model->idle_.push_back(model->interpreters_.back().get());
  }
  model->inputs_ = Describe(model->interpreters_[0]->inputs());
  model->outputs_ = Describe(model->interpreters_[0]->outputs());
  if (model->HasConstantInput()) {
    *status = {code::kInvalidArgument, path + " has an input whose values stand in the file. Convert the model again."};
    return nullptr;
  }
  return model;
}

bool TfliteModel::HasConstantInput() const {
  const std::vector<const TfLiteTensor*> inputs = interpreters_[0]->inputs();
  return std::any_of(inputs.begin(), inputs.end(), [&](const TfLiteTensor* input) {
    const auto* data = static_cast<const char*>(tflite.TfLiteTensorData(input));
    return data >= file_.data() && data < file_.data() + file_.size();
  });
}

TfliteModel::~TfliteModel() {
  interpreters_.clear();  // before what they read
  if (model_) tflite.TfLiteModelDelete(model_);
}

std::string_view TfliteModel::signature_defs() const { return FindMetadata(file(), kSignatureDefs); }

int TfliteModel::Find(const std::vector<TfliteTensorInfo>& tensors, std::string_view name) {
  const auto place_of = [&](auto&& fits) {
    int place = -1;
    for (size_t i = 0; i < tensors.size(); i++) {
      if (!fits(tensors[i])) continue;
      if (place < 0) place = static_cast<int>(i);
      if (tensors[i].identity != tensors[place].identity) return kAmbiguous;
    }
    return place;
  };
  int place = place_of([&](const TfliteTensorInfo& tensor) { return tensor.name == name; });
  if (place == -1)
    place = place_of([&](const TfliteTensorInfo& each) { return WithoutIndex(each.name) == WithoutIndex(name); });
  return std::max(place, -1);
}

Status TfliteModel::CheckFeeds(std::span<const TF_Output> feeds) const {
  std::vector<int> times(inputs_.size(), 0);
  for (const TF_Output& feed : feeds) times[feed.index]++;
  for (size_t i = 0; i < times.size(); i++) {
    if (times[i] == 1) continue;
    return {code::kInvalidArgument, "The input '" + inputs_[i].name + "' of the TensorFlow Lite model is " +
                                        (times[i] == 0 ? "left out" : "given more than once") +
                                        ". Such a model needs each of its inputs once."};
  }
  return {};
}

Status TfliteModel::Run(std::span<const TF_Output> feeds, std::span<TF_Tensor* const> values,
                        std::span<const TF_Output> fetches, std::vector<TensorSlice>* results) {
  return Lease(this)->Run(feeds, values, fetches, results);
}

}  // namespace tensorgate
