// Reads nested JSON lists into the memory of one tensor, in one pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json_reader.h"
#include "json_tensor.h"

namespace tensorgate {

// Where a value stands in the request: `inputs`, `inputs.image`, `instances[3]`, `instances[3].image`.
struct JsonPlace {
  int64_t instance = -1;    // -1: column form
  std::string_view member;  // empty: the value is not a member of an object
  std::string Text() const;
};

class JsonTensorReader {
 public:
  // All three must outlive the reader.
  JsonTensorReader(JsonReader* json, const JsonInput* input, JsonLayout layout);

  // Reads the next value: in column form the whole tensor, in row form the next of equally shaped items. False: the
  // error is noted in the JsonReader.
  bool Read(const JsonPlace& place);

  // How often Read() has succeeded.
  int64_t items() const { return items_; }

  // The tensor read, in row form with the number of items as its first dimension. Ends the reader.
  HostTensor Finish();

 private:
  using ReadRun = bool (JsonTensorReader::*)();
  static ReadRun FindReadRun(TF_DataType dtype);

  bool OpenList();
  bool CloseList();
  bool CloseLists(bool* more);
  bool SettleRank();

  // Reads what stands in an innermost list up to its end, or a lone value.
  template <typename Stored, typename Parsed>
  bool ReadNumbers();
  bool ReadBools();
  bool ReadStrings();
  template <typename ReadOne>
  bool ReadEach(ReadOne read_one);
  bool ReadBase64();
  template <typename Stored>
  void Append(Stored value);
  void Grow();

  std::string Path(size_t depth) const;
  bool RefuseHere(const std::string& what);
  bool RefuseKind();
  bool RefuseLength(int64_t length);
  bool RefuseNumber(const char* number);
  bool RefuseDepth(const char* found, const char* expected);
  bool RefuseShape();

  JsonReader* json_;
  const JsonInput* input_;
  JsonLayout layout_;
  ReadRun read_run_;
  size_t max_rank_;

  std::vector<int64_t> dims_;    // of one item; -1: no list of that depth has ended yet
  bool rank_known_ = false;      // dims_ has its final length
  std::vector<int64_t> counts_;  // values read in each open list, the innermost last
  int64_t items_ = 0;

  JsonPlace place_;
  const char* start_ = nullptr;  // of the item being read

  Slab data_;
  uint8_t* next_ = nullptr;   // where the next element goes
  uint8_t* limit_ = nullptr;  // the end of data_
  std::vector<std::string> strings_;
  std::string scratch_;
};

}  // namespace tensorgate
