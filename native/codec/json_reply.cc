#include <algorithm>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "json_base64.h"
#include "json_reader.h"
#include "json_tensor.h"
#include "json_writer.h"
#include "number_text.h"

namespace tensorgate {
namespace {

constexpr int kInvalidArgument = 3, kResourceExhausted = 8;
constexpr size_t kIndent = 4;
constexpr size_t kUsualNumber = 14;  // bytes of a number with its separator, to make room for

// "\n" and the blanks of that level.
std::string LineBreak(size_t level) { return "\n" + std::string(level * kIndent, ' '); }

size_t CountElements(std::span<const int64_t> dims) {
  size_t count = 1;
  for (const int64_t dim : dims) count *= static_cast<size_t>(dim);
  return count;
}

// Prints one output's elements. All levels count the brackets around what is printed.
class ValuesPrinter {
 public:
  ValuesPrinter(JsonWriter* out, const JsonOutput* output, JsonLayout layout)
      : out_(out), output_(output), layout_(layout), print_run_(FindPrintRun(*output)) {}

  static bool CanPrint(const JsonOutput& output) { return FindPrintRun(output) != nullptr; }

  // The next elements, as a value of these dimensions.
  void PrintValue(std::span<const int64_t> dims, size_t level) {
    if (dims.empty()) return (this->*print_run_)(1, {}, level);
    out_->Put("[");
    PrintItems(dims, level);
    if (dims[0] > 0) out_->Put(Closing(level));
    out_->Put("]");
  }

  // As PrintValue, without the brackets.
  void PrintItems(std::span<const int64_t> dims, size_t level) {
    if (dims[0] == 0) return;
    const bool one_line = layout_ == JsonLayout::kRow;
    const std::string opening = one_line ? "" : LineBreak(level + 1);
    const std::string separator = one_line ? ", " : "," + opening;
    out_->Put(opening);
    if (dims.size() == 1) return (this->*print_run_)(static_cast<size_t>(dims[0]), separator, level + 1);
    for (int64_t i = 0; i < dims[0]; i++) {
      if (i > 0) out_->Put(separator);
      PrintValue(dims.subspan(1), level + 1);
    }
  }

 private:
  using PrintRun = void (ValuesPrinter::*)(size_t count, std::string_view separator, size_t level);

  std::string Closing(size_t level) const { return layout_ == JsonLayout::kRow ? "" : LineBreak(level); }

  template <typename Stored, typename Printed>
  void PrintNumbers(size_t count, std::string_view separator, size_t) {
    const auto* from = static_cast<const uint8_t*>(output_->data) + next_ * sizeof(Stored);
    next_ += count;
    for (size_t i = 0; i < count; i++, from += sizeof(Stored)) {
      Stored value;
      std::memcpy(&value, from, sizeof value);
      char* at = out_->Room(separator.size() + kMaxNumberText);
      if (i > 0) at = std::copy(separator.begin(), separator.end(), at);
      out_->Advance(PrintNumber<Printed>(at, value));
    }
  }

  void PrintBools(size_t count, std::string_view separator, size_t) {
    for (size_t i = 0; i < count; i++) {
      if (i > 0) out_->Put(separator);
      out_->Put(static_cast<const uint8_t*>(output_->data)[next_++] ? "true" : "false");
    }
  }

  void PrintTexts(size_t count, std::string_view separator, size_t) {
    for (size_t i = 0; i < count; i++) {
      if (i > 0) out_->Put(separator);
      out_->PutString(output_->string_at(next_++));
    }
  }

  void PrintBytes(size_t count, std::string_view separator, size_t level) {
    std::string text;
    for (size_t i = 0; i < count; i++) {
      text.assign(i > 0 ? separator : "").append("{").append(LineBreak(level + 1)).append("\"b64\": \"");
      AppendBase64(output_->string_at(next_++), &text);
      text.append("\"").append(LineBreak(level)).append("}");
      out_->Put(text);
    }
  }

  static PrintRun FindPrintRun(const JsonOutput& output) {
    switch (output.dtype) {
      case TF_FLOAT:
        return &ValuesPrinter::PrintNumbers<float, float>;
      case TF_DOUBLE:
        return &ValuesPrinter::PrintNumbers<double, double>;
      case TF_INT8:
        return &ValuesPrinter::PrintNumbers<int8_t, int32_t>;
      case TF_UINT8:
        return &ValuesPrinter::PrintNumbers<uint8_t, int32_t>;
      case TF_INT16:
        return &ValuesPrinter::PrintNumbers<int16_t, int32_t>;
      case TF_INT32:
        return &ValuesPrinter::PrintNumbers<int32_t, int32_t>;
      case TF_INT64:
        return &ValuesPrinter::PrintNumbers<int64_t, int64_t>;
      case TF_UINT32:
        return &ValuesPrinter::PrintNumbers<uint32_t, uint32_t>;
      case TF_UINT64:
        return &ValuesPrinter::PrintNumbers<uint64_t, uint64_t>;
      case TF_BOOL:
        return &ValuesPrinter::PrintBools;
      case TF_STRING:
        return output.is_bytes || output.alias.ends_with("_bytes") ? &ValuesPrinter::PrintBytes
                                                                   : &ValuesPrinter::PrintTexts;
      default:
        return nullptr;
    }
  }

  JsonWriter* out_;
  const JsonOutput* output_;
  JsonLayout layout_;
  PrintRun print_run_;
  size_t next_ = 0;  // element
};

CodecError CheckTypes(std::span<const JsonOutput> outputs) {
  for (const JsonOutput& output : outputs) {
    if (ValuesPrinter::CanPrint(output)) continue;
    return {kInvalidArgument, "Output " + Quoted(output.alias) + " is " + DataTypeName(output.dtype) +
                                  ", which JSON cannot carry here: ask for it by gRPC."};
  }
  return {};
}

CodecError CheckRows(std::span<const JsonOutput> outputs) {
  static const std::string kRemedy = ": send the request with \"inputs\" in place of \"instances\".";
  if (outputs.empty()) return {kInvalidArgument, "There are no outputs to answer with as \"predictions\"" + kRemedy};
  for (const JsonOutput& output : outputs) {
    if (output.dims.empty()) {
      return {kInvalidArgument, "Output " + Quoted(output.alias) +
                                    " is a scalar, and cannot be split into one prediction per instance" + kRemedy};
    }
    if (output.dims[0] != outputs[0].dims[0]) {
      return {kInvalidArgument, "Output " + Quoted(output.alias) + " has " + std::to_string(output.dims[0]) +
                                    " as its first dimension, but output " + Quoted(outputs[0].alias) + " has " +
                                    std::to_string(outputs[0].dims[0]) +
                                    ", so that they cannot be split into one prediction per instance" + kRemedy};
    }
  }
  return {};
}

class ReplyPrinter {
 public:
  ReplyPrinter(JsonLayout layout, std::span<const JsonOutput> outputs, std::string* text)
      : outputs_(outputs), out_(text, ExpectedSize(layout, outputs)) {
    printers_.reserve(outputs.size());
    for (const JsonOutput& output : outputs) printers_.emplace_back(&out_, &output, layout);
  }

  // RapidJSON's layouts, as TF Serving switches them: values stand in one line, objects begin on lines of their own,
  // and the list is closed on one of its own.
  void PrintPredictions() {
    out_.Put("{\n    \"predictions\": [");
    if (outputs_.size() == 1) {
      printers_[0].PrintItems(outputs_[0].dims, 1);
    } else {
      for (int64_t item = 0; item < outputs_[0].dims[0]; item++) {
        out_.Put((item > 0 ? "," : "") + LineBreak(2));
        PrintNamed(1, 2);
      }
    }
    out_.Put(outputs_[0].dims[0] > 0 ? "\n    ]\n}" : "]\n}");
    out_.Finish();
  }

  void PrintOutputs() {
    out_.Put("{\n    \"outputs\": ");
    if (outputs_.size() == 1) {
      printers_[0].PrintValue(outputs_[0].dims, 1);
    } else {
      PrintNamed(0, 1);
    }
    out_.Put("\n}");
    out_.Finish();
  }

 private:
  // An object of the outputs' next elements; the first `skipped` dimensions are split off.
  void PrintNamed(size_t skipped, size_t level) {
    const std::string line = LineBreak(level + 1);
    out_.Put("{");
    for (size_t i = 0; i < outputs_.size(); i++) {
      if (i > 0) out_.Put(",");
      out_.Put(line);
      out_.PutString(outputs_[i].alias);
      out_.Put(": ");
      printers_[i].PrintValue(outputs_[i].dims.subspan(skipped), level + 1);
    }
    if (!outputs_.empty()) out_.Put(LineBreak(level));
    out_.Put("}");
  }

  static size_t ExpectedSize(JsonLayout layout, std::span<const JsonOutput> outputs) {
    size_t size = 256;
    for (const JsonOutput& output : outputs) {
      const size_t indent = layout == JsonLayout::kColumn ? (output.dims.size() + 2) * kIndent : 0;
      size += CountElements(output.dims) * (kUsualNumber + indent);
    }
    return size;
  }

  std::span<const JsonOutput> outputs_;
  JsonWriter out_;
  std::vector<ValuesPrinter> printers_;
};

}  // namespace

CodecError PrintJsonReply(JsonLayout layout, std::span<const JsonOutput> outputs, std::string* text) try {
  text->clear();
  CodecError error = CheckTypes(outputs);
  if (!error && layout == JsonLayout::kRow) error = CheckRows(outputs);
  if (error) return error;
  ReplyPrinter printer(layout, outputs, text);
  if (layout == JsonLayout::kRow) {
    printer.PrintPredictions();
  } else {
    printer.PrintOutputs();
  }
  return {};
} catch (const std::exception&) {  // std::bad_alloc, or std::length_error
  text->clear();
  return {kResourceExhausted, "There is no memory left for the reply's text: ask for fewer outputs, or by gRPC."};
}

}  // namespace tensorgate
