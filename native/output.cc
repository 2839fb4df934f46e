#include "output.h"

#include "codec/varint.h"
#include "string_tensor.h"

namespace tensorgate {

namespace {

std::string PackStrings(std::span<const TF_TString> strings) {
  std::string text;
  for (const TF_TString& element : strings) {
    const auto size = static_cast<uint32_t>(ViewOf(element).size());
    for (int shift = 0; shift < 32; shift += 8) text.push_back(static_cast<char>(size >> shift));
  }
  for (const TF_TString& element : strings) text.append(ViewOf(element));
  return text;
}

std::string StringValFields(std::span<const TF_TString> strings) {
  constexpr char kStringValTag = 8 << 3 | 2;  // TensorProto.string_val
  std::string text;
  for (const TF_TString& element : strings) {
    text.push_back(kStringValTag);
    AppendVarint(ViewOf(element).size(), &text);
    text.append(ViewOf(element));
  }
  return text;
}

JsonOutput ToJsonOutput(const SignatureTensor& declared, bool uses_other_names, const TensorSlice& slice) {
  const bool has_other = uses_other_names && !declared.other_names.empty();
  const std::string& name = has_other ? declared.other_names[0] : declared.alias;
  JsonOutput output{name, slice.dtype(), slice.dims(), nullptr, nullptr};
  output.is_bytes = declared.composite.ends_with("_bytes");
  if (slice.dtype() == TF_STRING)
    output.string_at = [strings = slice.strings()](size_t at) { return ViewOf(strings[at]); };
  else
    output.data = slice.bytes().data();
  return output;
}

}  // namespace

Output FormatOutput(TensorSlice slice, OutputFormat format) {
  Output output;
  output.dtype = slice.dtype();
  output.dims = slice.dims();
  if (output.dtype == TF_STRING) {
    output.is_text = true;
    output.text = format == OutputFormat::kRaw ? PackStrings(slice.strings()) : StringValFields(slice.strings());
  } else if (format == OutputFormat::kTypedFields) {
    output.is_text = WriteVarints(output.dtype, slice.bytes().data(), slice.element_count(), &output.text);
  }
  if (!output.is_text) output.slice = std::move(slice);
  return output;
}

Status FormatJsonReply(JsonLayout layout, bool uses_other_names, std::span<const SignatureTensor> outputs,
                       std::span<const TensorSlice> slices, Output* reply) {
  std::vector<JsonOutput> json;
  json.reserve(slices.size());
  for (size_t i = 0; i < slices.size(); i++) json.push_back(ToJsonOutput(outputs[i], uses_other_names, slices[i]));
  reply->dtype = TF_STRING;
  reply->is_text = true;
  CodecError error = PrintJsonReply(layout, json, &reply->text);
  return {error.code, std::move(error.message)};
}

}  // namespace tensorgate
