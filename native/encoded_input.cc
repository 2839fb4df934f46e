#include "encoded_input.h"

#include <cstring>
#include <string>

#include "codec/varint.h"
#include "string_tensor.h"

namespace tensorgate {

namespace {

Status Misfit(std::string_view alias, const EncodedInput& input, const std::string& got) {
  return {code::kInvalidArgument, "tensor parsing error: " + std::string(alias) + ": shape " + FormatDims(input.dims) +
                                      " of " + DataTypeName(input.dtype) + " needs " +
                                      std::to_string(ElementCount(input.dims)) + " values, but the request has " + got +
                                      "."};
}

// Repeats the element before `from` up to `count`; zeros if there is none.
void Fill(uint8_t* data, size_t element_size, int64_t from, int64_t count) {
  if (from == 0) {
    std::memset(data, 0, count * element_size);
    return;
  }
  // Doubling copies: each one repeats all that has been repeated so far.
  const size_t start = (from - 1) * element_size;
  const size_t end = count * element_size;
  for (size_t done = element_size; start + done < end;) {
    const size_t step = std::min(done, end - start - done);
    std::memcpy(data + start + done, data + start, step);
    done += step;
  }
}

Status DecodeRaw(std::string_view alias, EncodedInput* input, int64_t count, TensorPtr* tensor) {
  const size_t element_size = DataTypeSize(input->dtype);
  const size_t have = input->bytes.size();
  const size_t need = count * element_size;
  if (have % element_size || have > need || (have < need && !input->fill))
    return Misfit(alias, *input, std::to_string(have) + " bytes (an element is " + std::to_string(element_size) + ")");
  if (have < need) {
    input->bytes.Grow(need);
    Fill(input->bytes.data(), element_size, static_cast<int64_t>(have / element_size), count);
  }
  *tensor = WrapSlab(input->dtype, input->dims, std::move(input->bytes));
  return {};
}

Status DecodeVarints(std::string_view alias, EncodedInput* input, int64_t count, TensorPtr* tensor) {
  const size_t element_size = DataTypeSize(input->dtype);
  Slab values(count * element_size);
  const int64_t read = ReadVarints(input->dtype, {input->bytes.data(), input->bytes.size()}, values.data(), count);
  if (read < 0) return Misfit(alias, *input, "more, or bytes that are no varints");
  if (read < count && !input->fill) return Misfit(alias, *input, std::to_string(read));
  if (read < count) Fill(values.data(), element_size, read, count);
  *tensor = WrapSlab(input->dtype, input->dims, std::move(values));
  return {};
}

Status DecodeStrings(std::string_view alias, EncodedInput* input, int64_t count, TensorPtr* tensor) {
  const int64_t have = static_cast<int64_t>(input->string_ranges.size() / 2);
  if (have > count || (have < count && !input->fill)) return Misfit(alias, *input, std::to_string(have));
  std::vector<std::string_view> views(have);
  const char* bytes = reinterpret_cast<const char*>(input->bytes.data());
  for (int64_t i = 0; i < have; i++) {
    const uint64_t begin = input->string_ranges[2 * i];
    views[i] = {bytes + begin, input->string_ranges[2 * i + 1] - begin};
  }
  *tensor = MakeStringTensor(input->dims, count, views);
  return {};
}

}  // namespace

bool EncodedInput::IsTensorAlready() const {
  if (encoding != Encoding::kRaw || dtype == TF_STRING) return false;
  const int64_t size = ByteSize(dims, DataTypeSize(dtype));
  return size >= 0 && bytes.size() == static_cast<size_t>(size);
}

Status DecodeInput(std::string_view alias, EncodedInput input, TensorPtr* tensor) {
  if (input.dims.size() > kMaxRank)
    return {code::kInvalidArgument, "Input '" + std::string(alias) + "' has " + std::to_string(input.dims.size()) +
                                        " dimensions, but a tensor has at most " + std::to_string(kMaxRank) + "."};
  const int64_t count = ElementCount(input.dims);
  const bool is_string = input.dtype == TF_STRING;
  if (ByteSize(input.dims, is_string ? sizeof(TF_TString) : DataTypeSize(input.dtype)) < 0)
    return {code::kInvalidArgument, "The shape " + FormatDims(input.dims) + " of input '" + std::string(alias) +
                                        "' has a negative dimension or more elements than memory can hold."};
  const bool fits_encoding = is_string ? input.encoding == Encoding::kStrings
                                       : input.encoding != Encoding::kStrings && DataTypeSize(input.dtype) > 0;
  if (!fits_encoding)
    return {code::kInvalidArgument, "The values of input '" + std::string(alias) + "' are not in a form that " +
                                        DataTypeName(input.dtype) + " can be sent in."};
  Status status;
  switch (input.encoding) {
    case Encoding::kRaw:
      status = DecodeRaw(alias, &input, count, tensor);
      break;
    case Encoding::kVarint:
      status = DecodeVarints(alias, &input, count, tensor);
      break;
    case Encoding::kStrings:
      status = DecodeStrings(alias, &input, count, tensor);
      break;
  }
  if (status.ok() && !*tensor)
    return {code::kInternal, "TensorFlow did not take the tensor '" + std::string(alias) + "'."};
  return status;
}

}  // namespace tensorgate
