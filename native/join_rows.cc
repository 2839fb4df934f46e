#include "join_rows.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string_view>

#include "string_tensor.h"

namespace tensorgate {

namespace {

using Dims = std::span<const int64_t>;

int64_t CountOf(Dims dims) {
  int64_t count = 1;
  for (const int64_t dim : dims) count *= dim;
  return count;
}

// Copies a block of elements into the corner of one that is at least as large in each dimension.
void CopyBlock(const uint8_t* source, Dims source_dims, uint8_t* target, Dims target_dims, size_t element_size) {
  if (std::equal(source_dims.begin(), source_dims.end(), target_dims.begin())) {
    const size_t size = CountOf(source_dims) * element_size;
    if (size > 0) std::memcpy(target, source, size);
    return;
  }
  const size_t source_step = CountOf(source_dims.subspan(1)) * element_size;
  const size_t target_step = CountOf(target_dims.subspan(1)) * element_size;
  for (int64_t i = 0; i < source_dims[0]; i++)
    CopyBlock(source + i * source_step, source_dims.subspan(1), target + i * target_step, target_dims.subspan(1),
              element_size);
}

// A tensor as a block of elements of one size; of strings, views of them.
struct Block {
  explicit Block(const TF_Tensor* tensor) : dims(DimsOf(tensor)), element_size(DataTypeSize(tf.TF_TensorType(tensor))) {
    data = static_cast<const uint8_t*>(tf.TF_TensorData(tensor));
    if (tf.TF_TensorType(tensor) != TF_STRING) return;
    for (const TF_TString& element : StringElements(tensor)) views.push_back(ViewOf(element));
    data = reinterpret_cast<const uint8_t*>(views.data());
    element_size = sizeof(std::string_view);
  }
  Dims inner() const { return Dims(dims).subspan(1); }

  std::vector<int64_t> dims;
  size_t element_size;
  std::vector<std::string_view> views;
  const uint8_t* data;
};

std::vector<int64_t> LargestDims(std::span<const Block> blocks, int64_t rows) {
  std::vector<int64_t> dims = blocks[0].dims;
  for (const Block& block : blocks)
    for (size_t axis = 1; axis < dims.size(); axis++) dims[axis] = std::max(dims[axis], block.dims[axis]);
  dims[0] = rows;
  return dims;
}

// Rows one after the other into a larger block.
class RowWriter {
 public:
  RowWriter(uint8_t* target, Dims inner, size_t element_size)
      : target_(target), inner_(inner), element_size_(element_size), step_(CountOf(inner) * element_size) {}

  void Write(const Block& block, int64_t begin, int64_t end) {
    const size_t source_step = CountOf(block.inner()) * element_size_;
    const uint8_t* source = block.data + begin * source_step;
    if (source_step == step_) {
      if (end > begin && step_ > 0) std::memcpy(target_, source, (end - begin) * step_);
      target_ += (end - begin) * step_;
      return;
    }
    for (int64_t row = begin; row < end; row++, source += source_step, target_ += step_)
      CopyBlock(source, block.inner(), target_, inner_, element_size_);
  }

 private:
  uint8_t* target_;
  Dims inner_;
  size_t element_size_;
  size_t step_;
};

void WriteRange(std::span<const Block> blocks, const RowRange& range, RowWriter* writer) {
  int64_t first = 0;
  for (const Block& block : blocks) {
    const int64_t after = first + block.dims[0];
    const int64_t begin = std::max(range.begin, first);
    const int64_t end = std::min(range.end, after);
    if (begin < end) writer->Write(block, begin - first, end - first);
    first = after;
  }
  for (int64_t row = range.end - range.begin; row < range.padded; row++) writer->Write(blocks.back(), 0, 1);
}

bool SameInner(const TensorSlice& a, const TensorSlice& b) {
  return !a.dims().empty() && a.dims().size() == b.dims().size() &&
         std::equal(a.dims().begin() + 1, a.dims().end(), b.dims().begin() + 1);
}

TensorPtr JoinBytes(std::span<const TensorSlice> pieces, std::span<const int64_t> dims) {
  size_t size = 0;
  for (const TensorSlice& piece : pieces) size += piece.bytes().size();
  Slab joined(size);
  uint8_t* target = joined.data();
  for (const TensorSlice& piece : pieces) {
    const std::string_view bytes = piece.bytes();
    if (!bytes.empty()) std::memcpy(target, bytes.data(), bytes.size());
    target += bytes.size();
  }
  return WrapSlab(pieces[0].dtype(), dims, std::move(joined));
}

TensorPtr JoinStrings(std::span<const TensorSlice> pieces, std::span<const int64_t> dims) {
  std::vector<std::string_view> views;
  for (const TensorSlice& piece : pieces)
    for (const TF_TString& element : piece.strings()) views.push_back(ViewOf(element));
  return MakeStringTensor(dims, views.size(), views);
}

}  // namespace

TensorPtr GatherRows(std::span<TF_Tensor* const> tensors, const RowRange& range) {
  const std::vector<Block> blocks(tensors.begin(), tensors.end());
  const std::vector<int64_t> dims = LargestDims(blocks, range.padded);
  const TF_DataType dtype = tf.TF_TensorType(tensors[0]);
  const size_t element_size = blocks[0].element_size;
  const int64_t size = ByteSize(dims, element_size);
  if (size < 0) throw std::bad_alloc();
  const Dims inner = Dims(dims).subspan(1);
  if (dtype == TF_STRING) {
    // Before the tensor itself is: a few elements filled up to the longest of them may be more than there is memory
    // for.
    const MemoryReservation reserved(size);
    std::vector<std::string_view> views(size / sizeof(std::string_view));
    RowWriter writer(reinterpret_cast<uint8_t*>(views.data()), inner, element_size);
    WriteRange(blocks, range, &writer);
    return MakeStringTensor(dims, views.size(), views);
  }
  Slab joined(size);
  const bool same = std::all_of(blocks.begin(), blocks.end(), [&](const Block& block) {
    return std::equal(inner.begin(), inner.end(), block.inner().begin());
  });
  if (!same && size > 0) std::memset(joined.data(), 0, size);
  RowWriter writer(joined.data(), inner, element_size);
  WriteRange(blocks, range, &writer);
  return WrapSlab(dtype, dims, std::move(joined));
}

std::optional<TensorSlice> JoinSlices(std::span<const TensorSlice> pieces) {
  if (pieces.size() == 1) return pieces[0];
  int64_t rows = 0;
  for (const TensorSlice& piece : pieces) {
    if (!SameInner(pieces[0], piece)) return std::nullopt;
    rows += piece.dims()[0];
  }
  std::vector<int64_t> dims = pieces[0].dims();
  dims[0] = rows;
  const bool is_string = pieces[0].dtype() == TF_STRING;
  TensorPtr whole = is_string ? JoinStrings(pieces, dims) : JoinBytes(pieces, dims);
  if (!whole) throw std::bad_alloc();
  return TensorSlice(std::move(whole));
}

}  // namespace tensorgate
