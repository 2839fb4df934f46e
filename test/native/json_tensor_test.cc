// The JSON codec's behaviour, one sentence per check. Prints the failed ones, then `N passed, N failed`.
#include "codec/json_tensor.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "check.h"
#include "codec/number_text.h"

namespace tensorgate {
namespace {

using Inputs = std::vector<JsonInput>;
using Dims = std::vector<int64_t>;

struct Parsed {
  CodecError error;
  JsonRequest request;

  // Code and message, or the dimensions of the tensors read.
  std::string Text() const {
    if (error) return std::to_string(error.code) + ": " + error.message;
    std::string text = "read";
    for (const HostTensor& tensor : request.inputs) {
      text += " [";
      for (const int64_t dim : tensor.dims) text += std::to_string(dim) + ",";
      text += "] " + std::to_string(tensor.data.size()) + " bytes";
      for (const std::string& value : tensor.strings) text += " '" + value + "'";
    }
    return text;
  }
  bool FailsWith(int code, std::string_view words) const {
    return error.code == code && error.message.find(words) != std::string::npos;
  }
  template <typename T>
  bool Is(const Dims& dims, const std::vector<T>& values, size_t index = 0) const {
    if (error || index >= request.inputs.size()) return false;
    const HostTensor& tensor = request.inputs[index];
    return tensor.dims == dims && tensor.data.size() == values.size() * sizeof(T) &&
           (values.empty() || std::memcmp(tensor.data.data(), values.data(), tensor.data.size()) == 0);
  }
  bool IsStrings(const Dims& dims, const std::vector<std::string>& values, size_t index = 0) const {
    return !error && request.inputs[index].dims == dims && request.inputs[index].strings == values;
  }
};

const Inputs kTwo = {{"a", TF_INT32}, {"b", TF_FLOAT}};

Parsed ParseFor(const Inputs& inputs, std::string_view text) {
  Parsed parsed;
  // A copy without anything behind it, so that a sanitizer sees every byte read too far.
  const std::vector<char> exact(text.begin(), text.end());
  const auto find = [&inputs](std::string_view name) -> const Inputs* {
    if (name == "serving_default") return &inputs;
    return name == "two" ? &kTwo : nullptr;
  };
  parsed.error = ParseJsonRequest({exact.data(), exact.size()}, find, &parsed.request);
  return parsed;
}

Parsed ParseAs(TF_DataType dtype, std::string_view text) { return ParseFor({{"x", dtype}}, text); }

#define READS(sentence, dtype, text, type, dims, ...)                                            \
  do {                                                                                           \
    const Parsed parsed = ParseAs(dtype, text);                                                  \
    CHECK(sentence, (parsed.Is<type>(Dims dims, std::vector<type> __VA_ARGS__)), parsed.Text()); \
  } while (false)
#define READS_STRINGS(sentence, text, dims, ...)                                                         \
  do {                                                                                                   \
    const Parsed parsed = ParseAs(TF_STRING, text);                                                      \
    CHECK(sentence, (parsed.IsStrings(Dims dims, std::vector<std::string> __VA_ARGS__)), parsed.Text()); \
  } while (false)
#define REFUSES(sentence, dtype, text, code, words)                \
  do {                                                             \
    const Parsed parsed = ParseAs(dtype, text);                    \
    CHECK(sentence, parsed.FailsWith(code, words), parsed.Text()); \
  } while (false)
#define REFUSES_FOR(sentence, inputs, text, code, words)           \
  do {                                                             \
    const Parsed parsed = ParseFor(inputs, text);                  \
    CHECK(sentence, parsed.FailsWith(code, words), parsed.Text()); \
  } while (false)

void TestShapes() {
  READS("values are stacked along a new first dimension", TF_FLOAT, R"({"instances": [1, 2.5, -3e2]})", float, ({3}),
        ({1, 2.5, -300}));
  READS("lists become further dimensions", TF_INT32, R"({"instances": [[[1],[2]],[[3],[4]],[[5],[6]]]})", int32_t,
        ({3, 2, 1}), ({1, 2, 3, 4, 5, 6}));
  READS("a scalar is of rank 0 in column form", TF_FLOAT, R"({"inputs": 7})", float, ({}), ({7}));
  READS("a bare list is a tensor in column form", TF_FLOAT, R"({"inputs": [[1,2],[3,4]]})", float, ({2, 2}),
        ({1, 2, 3, 4}));
  READS("an empty list gives a dimension of 0", TF_FLOAT, R"({"inputs": []})", float, ({0}), ({}));
  READS("empty lists within lists give dimensions of 0", TF_FLOAT, R"({"inputs": [[[]],[[]]]})", float, ({2, 1, 0}),
        ({}));
  READS("instances may be empty lists", TF_FLOAT, R"({"instances": [[], []]})", float, ({2, 0}), ({}));
  READS("blanks stand anywhere", TF_INT32, " \r\n\t{ \"instances\" : [ [ 1 , 2 ] , [ 3 ,\n4 ] ] } ", int32_t, ({2, 2}),
        ({1, 2, 3, 4}));
  READS("text behind the document is ignored", TF_INT32, R"({"inputs": 1} } nonsense)", int32_t, ({}), ({1}));
  READS("a byte order mark in front is ignored", TF_INT32, "\xEF\xBB\xBF{\"inputs\": 1}", int32_t, ({}), ({1}));

  std::string deep = std::string(254, '[') + "1" + std::string(254, ']');
  const Parsed most = ParseAs(TF_INT32, "{\"inputs\": " + deep + "}");
  CHECK("254 dimensions are accepted", most.Is<int32_t>(Dims(254, 1), {1}), most.Text());
  REFUSES("a 255th dimension is refused", TF_INT32, "{\"inputs\": [" + deep + "]}", 3, "at most 254 dimensions");
  REFUSES("the stacked dimension counts", TF_INT32, "{\"instances\": [" + deep + "]}", 3, "at most 254 dimensions");

  std::vector<float> many;
  std::string text = "{\"instances\": [";
  for (int i = 0; i < 5000; i++) {
    many.push_back(static_cast<float>(i) / 8);
    text += (i ? "," : "") + std::to_string(static_cast<double>(i) / 8);
  }
  const Parsed long_list = ParseAs(TF_FLOAT, text + "]}");
  CHECK("a tensor may outgrow its first memory", long_list.Is<float>({5000}, many), long_list.Text());
}

void TestRaggedLists() {
  REFUSES("a shorter list is refused by its path", TF_FLOAT,
          R"({"instances": [[[1,2],[1,2]],[[1,2],[1,2]],[[1,2],[1,2,3]]]})", 3,
          "instances[2][1] has 3 elements, but 2");
  REFUSES("a ragged list in the first instance is refused", TF_FLOAT, R"({"instances": [[[1,2],[3]]]})", 3,
          "instances[0][1] has 1 element, but 2 are expected");
  REFUSES("an instance of another shape is refused with both shapes", TF_FLOAT,
          R"({"instances": [[1,2],[1,2],[1,2,3]]})", 3,
          "instances[2] has the shape [3], but instances[0] has the shape [2]");
  REFUSES("an instance of another rank is refused with both shapes", TF_FLOAT, R"({"instances": [1,[1]]})", 3,
          "instances[1] has the shape [1], but instances[0] has the shape []");
  REFUSES("a scalar among lists is refused with both shapes", TF_FLOAT, R"({"instances": [[1,2],3]})", 3,
          "instances[1] has the shape [], but instances[0] has the shape [2]");
  REFUSES("an empty instance among others is refused", TF_FLOAT, R"({"instances": [[1,2],[]]})", 3,
          "instances[1] has the shape [0]");
  REFUSES("a value where a list is expected is refused", TF_FLOAT, R"({"inputs": [[1],2]})", 3,
          "inputs[1] is a number, but a list is expected");
  REFUSES("a list where a value is expected is refused", TF_FLOAT, R"({"inputs": [1,[2]]})", 3,
          "inputs[1] is a list, but a value is expected");
  REFUSES("a list under an empty list is refused", TF_FLOAT, R"({"inputs": [[],[[]]]})", 3, "inputs[1][0] is a list");
  REFUSES("a value in a list that is to be empty is refused", TF_FLOAT, R"({"inputs": [[],[1]]})", 3,
          "inputs[1] has 1 element, but 0 are expected");
}

void TestFloats() {
  const float inf = std::numeric_limits<float>::infinity();
  READS("tokens are infinite", TF_FLOAT, R"({"inputs": [Infinity, -Infinity, Inf, -Inf]})", float, ({4}),
        ({inf, -inf, inf, -inf}));
  for (const char* text : {"{\"inputs\": NaN}", "{\"inputs\": -NaN}"})
    READS("NaN is a number", TF_FLOAT, text, float, ({}), ({std::numeric_limits<float>::quiet_NaN()}));
  READS("a float beyond range becomes infinite", TF_FLOAT, R"({"inputs": [1e39, -3.5e38]})", float, ({2}),
        ({inf, -inf}));
  READS("the largest float is finite", TF_FLOAT, R"({"inputs": 3.4028235e38})", float, ({}),
        ({std::numeric_limits<float>::max()}));
  READS("a float below range becomes zero", TF_FLOAT, R"({"inputs": [1e-60, -1e-999]})", float, ({2}), ({0.f, -0.f}));
  READS("subnormal floats are kept", TF_FLOAT, R"({"inputs": 1e-45})", float, ({}), ({1e-45f}));
  READS("doubles are exact", TF_DOUBLE, R"({"inputs": [0.1, 1e308, 5e-324, 123456789012345678]})", double, ({4}),
        ({0.1, 1e308, 5e-324, 123456789012345678.}));
  READS("a float is rounded once", TF_FLOAT,
        R"({"inputs": [16777217, 1.000000059604644775390625, 1.00000005960464478]})", float, ({3}),
        ({16777216.f, 1.f, std::nextafter(1.f, 2.f)}));
  READS("integers are floats too", TF_DOUBLE, R"({"inputs": [0, -5, 9007199254740993]})", double, ({3}),
        ({0., -5., 9007199254740992.}));
  REFUSES("a number beyond double is refused", TF_DOUBLE, R"({"inputs": [1, 1e309]})", 3, "inputs[1] is 1e309");
  REFUSES("a string is no float", TF_FLOAT, R"({"instances": [1, "2"]})", 3,
          "instances[1] is a string, but input \"x\" is DT_FLOAT and takes a number");
  REFUSES("a boolean is no float", TF_FLOAT, R"({"inputs": [[1], [true]]})", 3, "inputs[1][0] is a boolean");
  REFUSES("null is refused by its place", TF_FLOAT, R"({"inputs": [1, null]})", 3, "inputs[1] is null");
  REFUSES("an object is no float", TF_FLOAT, R"({"inputs": [1, {}]})", 3, "inputs[1] is an object");
  for (const char* bad :
       {"01", "1.", ".5", "+1", "1e", "1e+", "-", "--1", "0x10", "nan", "Infinite", "-I", "1.5.2", "1_0"})
    REFUSES("malformed numbers are refused", TF_FLOAT, "{\"inputs\": [" + std::string(bad) + "]}", 3, "not valid JSON");
}

void TestIntegers() {
  READS("32-bit integers are exact", TF_INT32, R"({"inputs": [-2147483648, 2147483647, -0]})", int32_t, ({3}),
        ({INT32_MIN, INT32_MAX, 0}));
  READS("int8 wraps", TF_INT8, R"({"inputs": [127, 128, -129, 256, 2147483647]})", int8_t, ({5}),
        ({127, -128, 127, 0, -1}));
  READS("uint8 wraps", TF_UINT8, R"({"inputs": [255, 256, -1]})", uint8_t, ({3}), ({255, 0, 255}));
  READS("int16 wraps", TF_INT16, R"({"inputs": [32767, 32768, 65537]})", int16_t, ({3}), ({32767, -32768, 1}));
  READS("int64 is exact", TF_INT64, R"({"inputs": [9223372036854775807, -9223372036854775808, 9007199254740993]})",
        int64_t, ({3}), ({INT64_MAX, INT64_MIN, 9007199254740993}));
  READS("uint64 is exact", TF_UINT64, R"({"inputs": [18446744073709551615, 0]})", uint64_t, ({2}), ({UINT64_MAX, 0}));
  READS("uint32 is exact", TF_UINT32, R"({"inputs": [4294967295]})", uint32_t, ({1}), ({UINT32_MAX}));
  for (const TF_DataType dtype : {TF_INT8, TF_UINT8, TF_INT16, TF_INT32}) {
    REFUSES("no small integer goes beyond 32 bits", dtype, R"({"inputs": 2147483648})", 3, "inputs is 2147483648");
    REFUSES("no small integer goes below 32 bits", dtype, R"({"inputs": -2147483649})", 3, "inputs is -2147483649");
  }
  for (const TF_DataType dtype : {TF_INT8, TF_INT32, TF_INT64, TF_UINT32, TF_UINT64}) {
    REFUSES("an integer has no point", dtype, R"({"inputs": [1, 2.0]})", 3, "inputs[1] is 2.0");
    REFUSES("an integer has no exponent", dtype, R"({"inputs": 1e3})", 3, "inputs is 1e3");
    REFUSES("NaN is no integer", dtype, R"({"inputs": NaN})", 3, "inputs is NaN");
    REFUSES("a boolean is no integer", dtype, R"({"inputs": true})", 3, "is a boolean");
    REFUSES("a long integer is out of range", dtype, R"({"inputs": 123456789012345678901234567890})", 3,
            "integer from");
  }
  REFUSES("int64 has an upper end", TF_INT64, R"({"inputs": 9223372036854775808})", 3, "integer from -92233");
  REFUSES("int64 has a lower end", TF_INT64, R"({"inputs": -9223372036854775809})", 3, "integer from -92233");
  REFUSES("uint64 has an upper end", TF_UINT64, R"({"inputs": 18446744073709551616})", 3, "integer from 0");
  REFUSES("uint64 is not negative", TF_UINT64, R"({"inputs": -1})", 3, "integer from 0");
  REFUSES("uint32 has an upper end", TF_UINT32, R"({"inputs": 4294967296})", 3, "integer from 0");
}

void TestBoolsAndOtherTypes() {
  READS("booleans are true and false", TF_BOOL, R"({"instances": [true, false]})", uint8_t, ({2}), ({1, 0}));
  REFUSES("a number is no boolean", TF_BOOL, R"({"instances": [1]})", 3, "takes true or false");
  REFUSES("a misspelt literal is malformed", TF_BOOL, R"({"instances": [tru]})", 3, "not valid JSON");
  for (const TF_DataType dtype :
       {TF_HALF, TF_BFLOAT16, TF_UINT16, TF_COMPLEX64, TF_COMPLEX128, TF_QINT8, TF_RESOURCE}) {
    REFUSES("JSON does not carry the type in column form", dtype, R"({"inputs": [1]})", 12, DataTypeName(dtype));
    REFUSES("nor in row form", dtype, R"({"instances": [1]})", 3, DataTypeName(dtype));
  }
}

void TestStrings() {
  READS_STRINGS("strings are bytes", R"({"instances": ["a", "", "\u00e9é"]})", ({3}), ({"a", "", "éé"}));
  READS_STRINGS("escapes are decoded", R"({"inputs": "\"\\\/\b\f\n\r\t\u0041\ud83d\uDE00"})", ({}),
                ({"\"\\/\b\f\n\r\tA\U0001F600"}));
  READS_STRINGS("a NUL may be escaped", R"({"inputs": "a\u0000b"})", ({}), ({std::string("a\0b", 3)}));
  READS_STRINGS("invalid UTF-8 is passed as bytes", "{\"inputs\": \"\xFF\xC0\"}", ({}), ({"\xFF\xC0"}));
  READS_STRINGS("b64 objects are values, in row form", R"({"instances": [{"b64": "AQI="}, "x", { "b64" : "" }]})",
                ({3}), ({"\x01\x02", "x", ""}));
  READS_STRINGS("b64 objects are values, in column form", R"({"inputs": {"b64": "/+8="}})", ({}), ({"\xFF\xEF"}));
  READS_STRINGS("b64 takes the URL-safe alphabet without padding", R"({"inputs": [{"b64": "_-8"}, {"b64": "YQ"}]})",
                ({2}), ({"\xFF\xEF", "a"}));
  READS_STRINGS("b64 may have blanks and line breaks anywhere", R"({"inputs": {"b64": "QUJ\nD"}})", ({}), ({"ABC"}));
  READS_STRINGS("b64 has all six ASCII blanks", R"({"inputs": {"b64": " \u000bQ\fU\r\nJ\tD R EVG"}})", ({}),
                ({"ABCDEF"}));
  READS_STRINGS("b64 has blanks among its padding", R"({"inputs": [{"b64": "YQ= \n=\n"}, {"b64": "Y\nQ \t"}]})", ({2}),
                ({"a", "a"}));
  READS_STRINGS("b64 may be of blanks alone", R"({"inputs": {"b64": " \n"}})", ({}), ({""}));
  READS_STRINGS("b64 takes dots as padding", R"({"inputs": [{"b64": "YQ.."}, {"b64": "YWI."}, {"b64": "YQ=."}]})",
                ({3}), ({"a", "ab", "a"}));
  std::string lines, bytes;
  for (int i = 0; i < 1000; i++) {
    lines += i % 19 ? "QUJD" : "QUJD\\r\\n";
    bytes += "ABC";
  }
  READS_STRINGS("b64 may be as long as one likes, in lines", "{\"inputs\": {\"b64\": \"" + lines + "\"}}", ({}),
                ({bytes}));
  READS_STRINGS("long plain text is taken whole", "{\"inputs\": \"" + std::string(1000, 'x') + "\\n\"}", ({}),
                ({std::string(1000, 'x') + "\n"}));
  for (const char* bad : {"A", "AA=", "AAA==", "AA=A", "A A=", "AAAA=", "====", "AAA*", "AA==\\nA", "AA=.=", "A\\n",
                          "AA\\u0000A", "\xC2\xA0"})
    REFUSES("bad base64 is refused", TF_STRING, "{\"inputs\": {\"b64\": \"" + std::string(bad) + "\"}}", 3,
            "not base64");
  REFUSES("a stranger in base64 is told with its place", TF_STRING, R"({"inputs": ["a", {"b64": "AA\nA*"}]})", 3,
          "inputs[1] is for input \"x\" of type DT_STRING, but the text under \"b64\" is not base64: '*' stands at its "
          "place 4.");
  REFUSES("half a byte of base64 is told", TF_STRING, R"({"inputs": {"b64": "AAAAA"}})", 3,
          "not base64: it ends with a single digit of a group of four.");
  REFUSES("wrong padding of base64 is told", TF_STRING, R"({"inputs": {"b64": "AA="}})", 3,
          "not base64: it ends with 1 padding characters, not 2.");
  REFUSES("b64 must be the only key", TF_STRING, R"({"inputs": [{"b64": "AA==", "x": 1}]})", 3,
          "inputs[0] is for input");
  REFUSES("b64 must be a string", TF_STRING, R"({"inputs": [{"b64": 1}]})", 3, "not {\"b64\"");
  REFUSES("an empty object is no string", TF_STRING, R"({"inputs": [{}]})", 3, "not {\"b64\"");
  REFUSES("a number is no string", TF_STRING, R"({"instances": ["a", 1]})", 3, "instances[1] is a number");
  for (const char* bad : {"\\x", "\\u12g4", "\\ud800", "\\ud800\\u0041", "\\udc00", "\n", "\\"})
    REFUSES("bad strings are malformed", TF_STRING, "{\"inputs\": \"" + std::string(bad) + "\"}", 3, "not valid JSON");
}

void TestNamedInputs() {
  Parsed rows = ParseFor(kTwo, R"({"instances": [{"a": 1, "b": [1,2]}, {"b": [3,4], "a": 2}]})");
  CHECK("named items are stacked by name", rows.Is<int32_t>({2}, {1, 2}) && rows.Is<float>({2, 2}, {1, 2, 3, 4}, 1),
        rows.Text());
  Parsed columns = ParseFor(kTwo, R"({"inputs": {"b": [1.5], "more": [{}], "a": 7, "b": "ignored"}})");
  CHECK("column form takes any shapes, ignores other names and later equal ones",
        columns.Is<int32_t>({}, {7}) && columns.Is<float>({1}, {1.5}, 1), columns.Text());
  Parsed twice = ParseFor(kTwo, R"({"instances": [{"a": 1, "b": 2, "a": "ignored"}]})");
  CHECK("the first of equal names counts in row form", twice.Is<int32_t>({1}, {1}), twice.Text());
  Parsed escaped = ParseFor(kTwo, R"({"instances": [{"\u0061": 1, "b": 2}]})");
  CHECK("names may be written with escapes", escaped.Is<int32_t>({1}, {1}), escaped.Text());
  READS("one input may be named in row form", TF_FLOAT, R"({"instances": [{"x": [1]}, {"x": [2]}]})", float, ({2, 1}),
        ({1, 2}));
  READS("one input may be named in column form", TF_FLOAT, R"({"inputs": {"x": [1]}})", float, ({1}), ({1}));
  READS_STRINGS("one string input may be named", R"({"instances": [{"x": {"b64": "YQ=="}}]})", ({1}), ({"a"}));

  REFUSES_FOR("a missing name is refused with its instance", kTwo, R"({"instances": [{"a":1,"b":2}, {"a":1}]})", 3,
              "instances[1] lacks the input \"b\"");
  REFUSES_FOR("an unknown name is refused in row form", kTwo, R"({"instances": [{"a":1,"b":2,"c":3}]})", 3,
              "instances[0] has the name \"c\"");
  REFUSES_FOR("a missing name is refused in column form", kTwo, R"({"inputs": {"a": 1}})", 3, "lacks the input \"b\"");
  REFUSES_FOR("several inputs need names in row form", kTwo, R"({"instances": [1]})", 3, "instances[0] is a number");
  REFUSES_FOR("several inputs need names in column form", kTwo, R"({"inputs": [1]})", 3, "must be an object");
  REFUSES_FOR("objects and values do not mix", kTwo, R"({"instances": [{"a":1,"b":2}, 3]})", 3,
              "instances[1] is a number");
  REFUSES("values and objects do not mix", TF_FLOAT, R"({"instances": [1, {"x": 2}]})", 3, "instances[1] is an object");
  REFUSES_FOR("items of other shapes are refused by name", kTwo,
              R"({"instances": [{"a":1,"b":[2]}, {"a":1,"b":[2,3]}]})", 3,
              "instances[1].b has the shape [2], but instances[0].b has the shape [1]");
  REFUSES_FOR("a wrong type is refused by name", kTwo, R"({"inputs": {"a": [1, 2.5], "b": 1}})", 3,
              "inputs.a[1] is 2.5");
}

void TestDefaults() {
  const Inputs inputs = {{"a", TF_INT32}, {"b", TF_FLOAT, true}};
  const auto leaves_out_b = [](const Parsed& parsed) {
    return !parsed.error && parsed.request.inputs.size() == 2 && !parsed.request.inputs[0].is_left_out &&
           parsed.request.inputs[1].is_left_out;
  };
  Parsed rows = ParseFor(inputs, R"({"instances": [{"a": 1}, {"a": 2}]})");
  CHECK("all items may leave out an input that has a default", leaves_out_b(rows) && rows.Is<int32_t>({2}, {1, 2}),
        rows.Text());
  Parsed columns = ParseFor(inputs, R"({"inputs": {"a": [1, 2]}})");
  CHECK("column form may leave out an input that has a default",
        leaves_out_b(columns) && columns.Is<int32_t>({2}, {1, 2}), columns.Text());
  Parsed given = ParseFor(inputs, R"({"instances": [{"a": 1, "b": 3}, {"b": 4, "a": 2}]})");
  CHECK("a value that is given counts, not the default",
        given.Is<float>({2}, {3, 4}, 1) && !given.request.inputs[1].is_left_out, given.Text());
  Parsed behind = ParseFor(inputs, R"({"inputs": {"a": 1}, "signature_name": "serving_default"})");
  CHECK("what is left out stays so when the signature is named behind", leaves_out_b(behind), behind.Text());
  Parsed only = ParseFor({{"x", TF_FLOAT, true}}, R"({"inputs": {}})");
  CHECK("the only input may be left out", !only.error && only.request.inputs[0].is_left_out, only.Text());
  REFUSES_FOR("an item may not leave out what the one before has", inputs,
              R"({"instances": [{"a": 1, "b": 2}, {"a": 1}]})", 3, "instances[1] lacks the input \"b\"");
  REFUSES_FOR("an item may not have what the one before leaves out", inputs,
              R"({"instances": [{"a": 1}, {"a": 1, "b": 2}]})", 3, "instances[0] lacks the input \"b\"");
  REFUSES_FOR("an input without a default may not be left out", inputs, R"({"inputs": {"b": 1}})", 3,
              "lacks the input \"a\"");
}

void TestOtherNames() {
  const Inputs inputs = {{"a", TF_INT32, false, {"a_x", "a_x:0"}}, {"b", TF_INT32, false, {"b_x"}}};
  const auto read = [&](std::string_view body, bool uses_other_names) {
    const Parsed parsed = ParseFor(inputs, body);
    CHECK("inputs have other names, and the reply has them where no alias was used",
          parsed.Is<int32_t>({1}, {1}) && parsed.Is<int32_t>({1}, {2}, 1) &&
              parsed.request.uses_other_names == uses_other_names,
          parsed.Text());
  };
  read(R"({"inputs": {"a": [1], "b": [2]}})", false);
  read(R"({"inputs": {"b_x": [2], "a_x:0": [1]}})", true);
  read(R"({"inputs": {"a_x": [1], "b": [2]}})", false);
  read(R"({"instances": [{"a_x": 1, "b_x": 2}]})", true);
  read(R"({"inputs": {"a_x": [1], "a": [5], "b_x": [2], "b_x": [6]}})", false);
}

void TestNoInputs() {
  for (const char* body : {"", " \n", "{}", R"({"inputs": {}})", R"({"signature_name": "serving_default", "z": 1})"}) {
    const Parsed none = ParseFor({}, body);
    CHECK("a signature without inputs needs none, and is answered in column form",
          !none.error && none.request.inputs.empty() && none.request.layout == JsonLayout::kColumn, none.Text());
    const Parsed defaults = ParseFor({{"a", TF_FLOAT, true}, {"b", TF_STRING, true}}, body);
    CHECK("inputs that all have defaults may all be left out",
          !defaults.error && defaults.request.inputs.size() == 2 && defaults.request.inputs[0].is_left_out &&
              defaults.request.inputs[1].is_left_out && defaults.request.layout == JsonLayout::kColumn,
          defaults.Text());
  }
  REFUSES_FOR("no inputs make no rows", Inputs{}, R"({"instances": [{}]})", 3, "\"instances\" holds no input");
  REFUSES_FOR("defaults alone make no rows", (Inputs{{"a", TF_FLOAT, true}}), R"({"instances": [{}, {}]})", 3,
              "\"instances\" holds no input");
  REFUSES_FOR("what is sent in vain is refused in row form", Inputs{}, R"({"instances": [{"x": 1}]})", 3,
              "instances[0] has the name \"x\", which the signature has no input of: it has none.");
  REFUSES_FOR("a list is no set of no inputs", Inputs{}, R"({"inputs": []})", 3,
              "\"inputs\" is a list, but must be an empty object, since the signature has no inputs.");
  REFUSES_FOR("a text that is cut off is malformed, whatever it is for", Inputs{}, "{", 3, "not valid JSON");
}

void TestBody() {
  const Parsed plain = ParseAs(TF_INT32, R"({"inputs": 1})");
  CHECK("the signature is serving_default if none is named", plain.request.signature_name == "serving_default",
        plain.Text());
  CHECK("the layout is told", plain.request.layout == JsonLayout::kColumn, plain.Text());
  const Parsed empty = ParseAs(TF_INT32, R"({"signature_name": "", "inputs": 1})");
  CHECK("an empty signature_name is serving_default", empty.request.signature_name == "serving_default", empty.Text());
  const Parsed before = ParseAs(TF_INT32, R"({"signature_name": "two", "instances": [{"a": 1, "b": 2}]})");
  CHECK("signature_name chooses the inputs", before.Is<float>({1}, {2}, 1), before.Text());
  const Parsed behind = ParseAs(TF_INT32, R"({"instances": [{"a": 1, "b": 2}], "signature_name": "two"})");
  CHECK("signature_name may stand behind the tensors", behind.Is<float>({1}, {2}, 1), behind.Text());
  const Parsed first =
      ParseAs(TF_INT32, R"({"inputs": 1, "inputs": "x", "signature_name": "serving_default", "signature_name": 5})");
  CHECK("the first of equal keys counts", first.Is<int32_t>({}, {1}), first.Text());
  const Parsed skipped =
      ParseAs(TF_INT32, R"({"a": [1, {"b": [true, null, "\n", {}]}, []], "inputs": 1, "z": {"y": NaN}})");
  CHECK("other keys are skipped", skipped.Is<int32_t>({}, {1}), skipped.Text());

  REFUSES("signature_name must be a string", TF_INT32, R"({"signature_name": 5, "inputs": 1})", 3, "must be a string");
  REFUSES("an unknown signature is a failed precondition", TF_INT32, R"({"signature_name": "none", "inputs": 1})", 9,
          "Serving signature name: \"none\" not found in signature def");
  REFUSES("an unknown signature behind the tensors too", TF_INT32, R"({"inputs": "?", "signature_name": "none"})", 9,
          "none");
  REFUSES("both forms at once are refused", TF_INT32, R"({"inputs": 1, "instances": [1]})", 3, "both");
  REFUSES("a body with neither form is refused", TF_INT32, R"({})", 3, "neither");
  REFUSES("no instances are refused", TF_INT32, R"({"instances": []})", 3, "empty list");
  REFUSES("instances must be a list", TF_INT32, R"({"instances": 1})", 3, "\"instances\" is a number");
  REFUSES("the body must be an object", TF_INT32, "[1]", 3, "must be a JSON object");
  REFUSES("an empty body lacks the inputs", TF_INT32, "", 3,
          "The request has no body: send the inputs (\"x\") as JSON");
  REFUSES("an empty object lacks the inputs", TF_INT32, "{}", 3,
          "neither \"instances\" nor \"inputs\": send exactly one of them, with the inputs (\"x\")");
  REFUSES("malformed text is told by its position", TF_INT32, R"({"inputs": [1, ?]})", 3, "at byte 15, but \"?\"");
  REFUSES("a byte that cannot be shown is told as a number", TF_INT32, "{\"inputs\": \xC3\xA9}", 3,
          "but 0xC3 stands there");
  REFUSES("malformed text behind a wrong value wins", TF_INT32, R"({"inputs": ["s"], })", 3, "not valid JSON");
  REFUSES("malformed text within a wrong value wins", TF_INT32, R"({"inputs": ["s", ?]})", 3, "not valid JSON");
  for (const char* bad : {"{", "{\"inputs\"", "{\"inputs\":", "{\"inputs\": [1", "{\"inputs\": [1,]}",
                          "{\"inputs\": [1 2]}", "{\"inputs\": 1,}", "{inputs: 1}", "{\"x\": {\"y\"}}", "{\"x\": [}",
                          "{\"x\": nul}", "{\"inputs\": [,1]}", "{\"inputs\": [[1],]}", "{\"x\": [1}}"})
    REFUSES("malformed bodies are refused", TF_INT32, bad, 3, "not valid JSON");

  const std::string brackets(1'000'000, '[');
  REFUSES("a million brackets do not overflow the stack", TF_INT32, "{\"inputs\": " + brackets, 3, "not valid JSON");
  REFUSES("nor where they are skipped", TF_INT32, "{\"x\": " + brackets, 3, "not valid JSON");
  REFUSES("nor with an end", TF_INT32, "{\"inputs\": " + brackets + std::string(1'000'000, ']') + "}", 3, "254");
  const Parsed skipped_deep =
      ParseAs(TF_INT32, "{\"x\": " + brackets + std::string(1'000'000, ']') + ", \"inputs\": 1}");
  CHECK("values of any depth are skipped", skipped_deep.Is<int32_t>({}, {1}), skipped_deep.Text());
}

template <typename T>
struct Output {
  std::string_view alias;
  TF_DataType dtype;
  Dims dims;
  std::vector<T> values;
};

template <typename T>
JsonOutput View(const Output<T>& output) {
  return {output.alias, output.dtype, output.dims, output.values.data(), {}};
}
JsonOutput View(const Output<std::string>& output) {
  return {output.alias, TF_STRING, output.dims, nullptr,
          [&output](size_t index) { return std::string_view(output.values[index]); }};
}

template <typename... T>
std::string Print(JsonLayout layout, const Output<T>&... outputs) {
  const std::vector<JsonOutput> views = {View(outputs)...};
  std::string text = "left over";
  const CodecError error = PrintJsonReply(layout, views, &text);
  if (error) return std::to_string(error.code) + ": " + error.message + text;
  return text;
}

void CheckText(const char* sentence, int line, const std::string& text, std::string_view expected) {
  Check(text == expected, sentence, line, text);
}
#define PRINTS(sentence, text, expected) CheckText(sentence, __LINE__, text, expected)

constexpr JsonLayout kRow = JsonLayout::kRow, kColumn = JsonLayout::kColumn;

void TestRowReplies() {
  PRINTS("one output is printed as bare values on one line",
         Print(kRow, Output<float>{"y", TF_FLOAT, {3}, {2.5, 3, 4.5}}),
         "{\n    \"predictions\": [2.5, 3.0, 4.5\n    ]\n}");
  PRINTS("lists stay on one line", Print(kRow, Output<int32_t>{"y", TF_INT32, {2, 2}, {1, 2, 3, 4}}),
         "{\n    \"predictions\": [[1, 2], [3, 4]\n    ]\n}");
  PRINTS("several outputs are objects by name",
         Print(kRow, Output<int32_t>{"a", TF_INT32, {2}, {7, 8}},
               Output<float>{"b", TF_FLOAT, {2, 2}, {.1f, .2f, .3f, .4f}}),
         R"({
    "predictions": [
        {
            "a": 7,
            "b": [0.1, 0.2]
        },
        {
            "a": 8,
            "b": [0.3, 0.4]
        }
    ]
})");
  PRINTS("lists in an object stay on one line, but for b64 objects in them",
         Print(kRow, Output<int32_t>{"a", TF_INT32, {1, 2, 2}, {1, 2, 3, 4}},
               Output<std::string>{"s", TF_STRING, {1, 2}, {"x", "y"}},
               Output<std::string>{"s_bytes", TF_STRING, {1, 2}, {"a", "\xFF\xEF"}},
               Output<float>{"z", TF_FLOAT, {1, 0}, {}}),
         R"({
    "predictions": [
        {
            "a": [[1, 2], [3, 4]],
            "s": ["x", "y"],
            "s_bytes": [{
                    "b64": "YQ=="
                }, {
                    "b64": "/+8="
                }],
            "z": []
        }
    ]
})");
  PRINTS("names that end in _bytes are b64 objects",
         Print(kRow, Output<std::string>{"s_bytes", TF_STRING, {2}, {"a", "\xFF\xEF"}}),
         "{\n    \"predictions\": [{\n            \"b64\": \"YQ==\"\n        }, {\n            \"b64\": \"/+8=\"\n     "
         "   }\n"
         "    ]\n}");
  PRINTS("no rows are an empty list", Print(kRow, Output<float>{"y", TF_FLOAT, {0}, {}}),
         "{\n    \"predictions\": []\n}");
  PRINTS("no rows of several outputs are an empty list",
         Print(kRow, Output<float>{"y", TF_FLOAT, {0}, {}}, Output<float>{"z", TF_FLOAT, {0, 3}, {}}),
         "{\n    \"predictions\": []\n}");
  PRINTS("empty rows are empty lists", Print(kRow, Output<float>{"y", TF_FLOAT, {2, 0}, {}}),
         "{\n    \"predictions\": [[], []\n    ]\n}");
  const std::string scalar = Print(kRow, Output<float>{"y", TF_FLOAT, {}, {1}});
  CHECK("a scalar has no rows", scalar.starts_with("3: Output \"y\" is a scalar"), scalar);
  const std::string uneven =
      Print(kRow, Output<float>{"y", TF_FLOAT, {1}, {1}}, Output<float>{"z", TF_FLOAT, {2}, {1, 2}});
  CHECK("rows must be as many in all outputs", uneven.starts_with("3: Output \"z\" has 2"), uneven);
  const std::string none = Print(kRow);
  CHECK("no outputs have no rows", none.starts_with("3: "), none);
}

void TestColumnReplies() {
  PRINTS("one element stands on a line", Print(kColumn, Output<float>{"y", TF_FLOAT, {2}, {2.5, 3}}),
         "{\n    \"outputs\": [\n        2.5,\n        3.0\n    ]\n}");
  PRINTS("lists are indented", Print(kColumn, Output<int64_t>{"y", TF_INT64, {2, 1}, {INT64_MIN, INT64_MAX}}),
         "{\n    \"outputs\": [\n        [\n            -9223372036854775808\n        ],\n        [\n"
         "            9223372036854775807\n        ]\n    ]\n}");
  PRINTS("several outputs are an object by name",
         Print(kColumn, Output<int32_t>{"a", TF_INT32, {1}, {1}}, Output<uint64_t>{"b", TF_UINT64, {}, {UINT64_MAX}}),
         "{\n    \"outputs\": {\n        \"a\": [\n            1\n        ],\n        \"b\": 18446744073709551615\n    "
         "}\n}");
  PRINTS("a scalar is bare", Print(kColumn, Output<double>{"y", TF_DOUBLE, {}, {-0.0}}), "{\n    \"outputs\": -0.0\n}");
  PRINTS("an empty tensor is an empty list", Print(kColumn, Output<float>{"y", TF_FLOAT, {0}, {}}),
         "{\n    \"outputs\": []\n}");
  PRINTS("a scalar of bytes is an object", Print(kColumn, Output<std::string>{"y_bytes", TF_STRING, {}, {"abc"}}),
         "{\n    \"outputs\": {\n        \"b64\": \"YWJj\"\n    }\n}");
  PRINTS("bytes in a list are indented objects", Print(kColumn, Output<std::string>{"y_bytes", TF_STRING, {1}, {""}}),
         "{\n    \"outputs\": [\n        {\n            \"b64\": \"\"\n        }\n    ]\n}");
  PRINTS("no outputs are an empty object", Print(kColumn), "{\n    \"outputs\": {}\n}");
  PRINTS("strings are escaped as far as JSON demands",
         Print(kColumn, Output<std::string>{"y", TF_STRING, {}, {std::string("\"\\/\b\f\n\r\t\x1F\0\x7F é\xFF", 15)}}),
         "{\n    \"outputs\": \"\\\"\\\\/\\b\\f\\n\\r\\t\\u001F\\u0000\x7F é\xFF\"\n}");
  PRINTS("names are escaped",
         Print(kColumn, Output<int8_t>{"\"", TF_INT8, {}, {-1}}, Output<uint8_t>{"b", TF_UINT8, {}, {255}}),
         "{\n    \"outputs\": {\n        \"\\\"\": -1,\n        \"b\": 255\n    }\n}");
  PRINTS("booleans are words", Print(kRow, Output<uint8_t>{"y", TF_BOOL, {2}, {1, 0}}),
         "{\n    \"predictions\": [true, false\n    ]\n}");
  for (const TF_DataType dtype :
       {TF_HALF, TF_BFLOAT16, TF_UINT16, TF_COMPLEX64, TF_COMPLEX128, TF_QINT8, TF_RESOURCE}) {
    const std::string text = Print(kColumn, Output<uint64_t>{"y", dtype, {}, {0}});
    CHECK("other types are refused by name",
          text.starts_with("3: Output \"y\" is " + std::string(DataTypeName(dtype))) && !text.ends_with("left over"),
          text);
  }
}

template <typename T>
std::string NumberText(T value) {
  char text[kMaxNumberText];
  return {text, PrintNumber(text, value)};
}

// What the C library prints, as the specification words it.
template <typename T>
std::string ReferenceText(T value) {
  char text[64];
  std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
  const T back =
      sizeof(T) == 4 ? static_cast<T>(std::strtof(text, nullptr)) : static_cast<T>(std::strtod(text, nullptr));
  if (back != value) std::snprintf(text, sizeof text, sizeof(T) == 4 ? "%.9g" : "%.17g", static_cast<double>(value));
  return std::string(text) + (std::strpbrk(text, ".e") ? "" : ".0");
}

template <typename T>
bool PrintsAsReference(T value) {
  if (!std::isfinite(value)) return true;
  const std::string text = NumberText(value);
  const char* at = text.data();
  T back;
  if (text == ReferenceText(value) && ParseNumber(&at, text.data() + text.size(), &back) == NumberStatus::kOk &&
      std::memcmp(&back, &value, sizeof value) == 0)
    return true;
  std::printf("  %a gives %s, not %s\n", static_cast<double>(value), text.c_str(), ReferenceText(value).c_str());
  return false;
}

// One random value of each kind: any bits, subnormal, between 0 and 1, whole, and of six digits at any scale.
template <typename T, typename Bits>
bool RandomsPrintAsReference(std::mt19937_64& random) {
  const auto bits = static_cast<Bits>(random());
  const Bits fraction = (Bits{1} << (sizeof(T) == 4 ? 23 : 52)) - 1;
  const T six =
      static_cast<T>(static_cast<double>(random() % 1'000'000) * std::pow(10., static_cast<int>(random() % 60) - 30));
  return PrintsAsReference(std::bit_cast<T>(bits)) &&
         PrintsAsReference(std::bit_cast<T>(static_cast<Bits>(bits & fraction))) &&
         PrintsAsReference(static_cast<T>(static_cast<double>(random() >> 11) * 0x1p-53)) &&
         PrintsAsReference(static_cast<T>(static_cast<int32_t>(random()))) && PrintsAsReference(six);
}

void TestNumberText() {
  const std::pair<float, const char*> samples[] = {{0.f, "0.0"},
                                                   {-0.f, "-0.0"},
                                                   {1.f, "1.0"},
                                                   {2.5f, "2.5"},
                                                   {0.1f, "0.1"},
                                                   {1e-4f, "0.0001"},
                                                   {1e-5f, "1e-05"},
                                                   {1e6f, "1e+06"},
                                                   {123456.f, "123456.0"},
                                                   {1234567.f, "1234567.0"},
                                                   {6e-7f, "6e-07"},
                                                   {1e10f, "1e+10"},
                                                   {16777216.f, "16777216.0"},
                                                   {1.f / 3, "0.333333343"},
                                                   {3.4028235e38f, "3.40282347e+38"},
                                                   {1e-45f, "1.4013e-45"},
                                                   {999999.5f, "999999.5"},
                                                   {1.5e9f, "1.5e+09"},
                                                   {123456789.f, "123456792.0"}};
  for (const auto& [value, text] : samples) PRINTS("floats have six digits or nine", NumberText(value), text);
  PRINTS("doubles have up to 17 digits", NumberText(1. / 3), "0.33333333333333331");
  PRINTS("long doubles have an exponent of three digits", NumberText(1e-300), "1e-300");
  PRINTS("NaN is a token", NumberText(std::numeric_limits<float>::quiet_NaN()), "NaN");
  PRINTS("the sign of NaN is not told", NumberText(-std::numeric_limits<double>::quiet_NaN()), "NaN");
  PRINTS("infinity is a token", NumberText(std::numeric_limits<float>::infinity()), "Infinity");
  PRINTS("negative infinity is a token", NumberText(-std::numeric_limits<double>::infinity()), "-Infinity");
  std::mt19937_64 random(20240607);
  bool floats = true, doubles = true;
  for (int i = 0; i < 50'000; i++) {
    floats = floats && RandomsPrintAsReference<float, uint32_t>(random);
    doubles = doubles && RandomsPrintAsReference<double, uint64_t>(random);
  }
  CHECK("random floats print as printf prints them, and read back", floats, "");
  CHECK("random doubles print as printf prints them, and read back", doubles, "");
}

}  // namespace
}  // namespace tensorgate

int main() {
  using namespace tensorgate;
  TestShapes();
  TestRaggedLists();
  TestFloats();
  TestIntegers();
  TestBoolsAndOtherTypes();
  TestStrings();
  TestNamedInputs();
  TestDefaults();
  TestOtherNames();
  TestNoInputs();
  TestBody();
  TestRowReplies();
  TestColumnReplies();
  TestNumberText();
  return Conclude();
}
