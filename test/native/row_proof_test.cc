// The proof that rows are independent, on graphs made for one rule each, and on graphs that nobody should have made.
#include "engine/tensorflow/rows/row_proof.h"

#include <random>
#include <string>
#include <vector>

#include "check.h"
#include "engine/tensorflow/rows/row_value.h"
#include "engine/tensorflow/rows/size.h"
#include "meta_graph_writer.h"

namespace tensorgate {
namespace {

using rows::Size;
using Graph = MetaGraphWriter;

// What is said of the signature: `proven`, or why not.
std::string Said(const Graph& graph) {
  const auto proofs = ProveRows(graph.Bytes());
  if (proofs.size() != 1) return "another number of signatures";
  if (proofs[0].proven != proofs[0].reason.empty()) return "a reason that does not fit";
  return proofs[0].proven ? "proven" : proofs[0].reason;
}

void ExpectProven(const char* sentence, const Graph& graph, int line) {
  const std::string said = Said(graph);
  Check(said == "proven", sentence, line, said);
}
void ExpectRefused(const char* sentence, const Graph& graph, std::string_view words, int line) {
  const std::string said = Said(graph);
  Check(said.find(words) != std::string::npos, sentence, line, said);
}
#define PROVEN(sentence, graph) ExpectProven(sentence, (graph), __LINE__)
#define REFUSED(sentence, graph, words) ExpectRefused(sentence, (graph), words, __LINE__)

const Size kOne = Size::Const(1), kBatch = Size::Extent(rows::kBatch), kLength = Size::Symbol(2),
           kWidth = Size::Symbol(4);

void TestSizes() {
  CHECK("products do not depend on the order", kBatch * kLength * kWidth == kWidth * kBatch * kLength, "");
  CHECK("a product divides by its factors", Divide(kBatch * kLength, kLength) == kBatch, "");
  CHECK("a product does not divide by anything else", !Divide(kBatch * kLength, kWidth), "");
  CHECK("constants divide without a remainder only", !Divide(Size::Const(7), Size::Const(2)), "");
  CHECK("nothing divides by 0", !Divide(kBatch, Size::Const(0)), "");
  CHECK("the smallest integer divides by nothing", !Divide(Size::Const(INT64_MIN), Size::Const(-1)), "");
  CHECK("the batch times itself depends on it", (kBatch * kBatch).kind() == Size::Kind::kTainted, "");
  CHECK("what overflows is not known", (Size::Const(INT64_MAX) * Size::Const(2)).kind() == Size::Kind::kUniform, "");
  CHECK("sums overflow, too", (Size::Const(INT64_MAX) + kOne).kind() == Size::Kind::kUniform, "");
  CHECK("what overflows with the batch depends on it",
        (Size::Const(INT64_MAX) * (Size::Const(3) * kBatch)).kind() == Size::Kind::kTainted, "");
  CHECK("adding and taking away is nothing", kBatch + kOne - kOne == kBatch, "");
  CHECK("what is taken from itself is 0", (kLength - kLength).IsConst(0), "");
  CHECK("0 times anything is 0", (Size::Const(0) * Size::Tainted()).IsConst(0), "");
  CHECK("a limit cuts off what was raised to it", Min(kBatch, Max(kBatch, Size::Tainted())) == kBatch, "");
  CHECK("another limit does not", Min(kLength, Max(kBatch, Size::Tainted())).kind() == Size::Kind::kTainted, "");
  CHECK("two unknown integers are not equal", !(Join(kLength, kWidth) == kLength), "");
  CHECK(
      "many symbols are not followed",
      [] {
        Size product = kOne;
        for (uint32_t i = 2; i < 40; i += 2) product = product * Size::Symbol(i);
        return product.kind() == Size::Kind::kUniform;
      }(),
      "");
}

Graph Reshaped(const Dims& from, const Dims& to) {
  return Graph().In("x", from).Add(IntsNode("shape", to)).Add("y", "Reshape", {"x", "shape"}).Out("y:0");
}

// x → [batch · length, width] → a product of matrices → [batch, length, width], the sizes taken from x's shape.
Graph DenseOnSequences(const std::string& first, const std::string& second) {
  Graph graph = Graph().In("x", {-1, -1, 8}).Add("shape", "Shape", {"x"});
  for (int i = 0; i < 3; i++) graph.Add(IntsNode("n" + std::to_string(i), {i}, true));
  graph.Add(IntsNode("axis", {0}, true)).Add(IntsNode("flat", {-1, 8})).Add(FloatsNode("w", {8, 8}));
  for (int i = 0; i < 2; i++)
    graph.Add("d" + std::to_string(i), "GatherV2", {"shape", "n" + std::to_string(i), "axis"});
  graph.Add(IntsNode("eight", {8}, true)).Add("wanted", "Pack", {first, second, "eight"}, {Int("N", 3)});
  graph.Add("x2", "Reshape", {"x", "flat"}).Add("m", "MatMul", {"x2", "w"}).Add("y", "Reshape", {"m", "wanted"});
  return graph.Out("y:0");
}

void TestReshape() {
  PROVEN("images are made flat", Reshaped({-1, 4, 6}, {-1, 24}));
  PROVEN("and put up again", Reshaped({-1, 24}, {-1, 4, 6}));
  REFUSED("two slices for each row are no rows", Reshaped({-1, 4, 6}, {-1, 6}), "several slices for each row");
  REFUSED("two rows do not become one", Reshaped({-1, 6}, {-1, 12}), "Reshape \"y\" reshapes so that rows");
  REFUSED("a number of rows is not fixed", Reshaped({-1, 6}, {4, 6}), "Reshape");
  REFUSED("two inferred dimensions are an error", Reshaped({-1, 6}, {-1, -1}), "infers two");
  REFUSED("rows do not move to another axis", Reshaped({-1, 6}, {6, -1}), "Reshape");
  REFUSED("a dimension of 0 proves nothing", Reshaped({-1, 0}, {-1, 5}), "Reshape");
  REFUSED("nor does a negative one", Reshaped({-1, 6}, {-1, -6}), "Reshape");
  PROVEN("sequences are made flat and put up again", DenseOnSequences("d0", "d1"));
  REFUSED("with length and batch swapped they are not", DenseOnSequences("d1", "d0"), "Reshape \"y\"");
}

Graph Unary(const std::string& op, const Dims& shape, const std::vector<Attribute>& attributes = {}) {
  return Graph().In("x", shape).Add("y", op, {"x"}, attributes).Out("y:0");
}
// With a second input that is constant integers.
Graph WithInts(const std::string& op, const Dims& shape, const Dims& values, bool is_scalar = false,
               const std::vector<Attribute>& attributes = {}) {
  return Graph().In("x", shape).Add(IntsNode("n", values, is_scalar)).Add("y", op, {"x", "n"}, attributes).Out("y:0");
}
Graph Sum(const Dims& x, const Dims& y) {
  return Graph().In("x", x).Add(FloatsNode("c", y)).Add("y", "AddV2", {"x", "c"}).Out("y:0");
}
Graph SumOfInputs(const Dims& x, const Dims& y) {
  return Graph().In("a", x).In("b", y).Add("y", "AddV2", {"a", "b"}).Out("y:0");
}

void TestAlongAxes() {
  PROVEN("a softmax over the last axis keeps rows apart", Unary("Softmax", {-1, 3}));
  REFUSED("over the only axis it does not", Unary("Softmax", {-1}), "Softmax \"y\" normalises over the batch axis");
  PROVEN("a sum over the last axis keeps rows apart", WithInts("Sum", {-1, 3}, {-1}));
  REFUSED("counted from the end it can be the batch axis", WithInts("Sum", {-1, 3}, {-2}), "reduces over the batch");
  REFUSED("axes beyond the last are refused", WithInts("Sum", {-1, 3}, {2}), "not known");
  REFUSED("one of several axes is enough", WithInts("Max", {-1, 3, 4}, {1, 0}), "reduces over the batch");
  PROVEN("no axes are no reduction", WithInts("Mean", {-1, 3}, {}));
  REFUSED("cumulative sums", WithInts("Cumsum", {-1, 3}, {0}, true), "accumulates along the batch axis");
  PROVEN("cumulative sums of each row", WithInts("Cumsum", {-1, 3}, {1}, true));
  REFUSED("the highest of all", WithInts("TopKV2", {-1}, {3}, true), "sorts along the batch axis");
  PROVEN("the highest of each", WithInts("TopKV2", {-1, 9}, {3}, true));
  REFUSED("rows from last to first", WithInts("ReverseV2", {-1, 3}, {0}), "turns around the batch axis");
  REFUSED("every dimension of 1 is dropped", Unary("Squeeze", {-1, 1}), "which the batch axis is for a single row");
  PROVEN("a named one may be", Unary("Squeeze", {-1, 1}, {Ints("squeeze_dims", {1})}));
  REFUSED("the batch axis may not", Unary("Squeeze", {-1, 1}, {Ints("squeeze_dims", {-2})}), "drops the batch axis");
  REFUSED("rows end along another axis", WithInts("Transpose", {-1, 3}, {1, 0}), "has its rows along axis 1");
  PROVEN("a shape is asked for", Unary("EnsureShape", {-1, -1}, {ShapeAttr("shape", {-1, 3})}));
  REFUSED("a number of rows is", Unary("EnsureShape", {-1, 3}, {ShapeAttr("shape", {1, 3})}), "certain number of rows");
  PROVEN("time first and back again", Graph()
                                          .In("x", {-1, -1, 2})
                                          .Add(IntsNode("p", {1, 0, 2}))
                                          .Add("t", "Transpose", {"x", "p"})
                                          .Add("s", "Softmax", {"t"})
                                          .Add("y", "Transpose", {"s", "p"})
                                          .Out("y:0"));
  REFUSED("rows are filled up",
          Graph()
              .In("x", {-1, 3})
              .Add("flat", "Const", {})
              .Add(IntsNode("n", {1, 0, 0, 0}))
              .Add(IntsNode("s", {2, 2}))
              .Add("p", "Reshape", {"n", "s"})
              .Add("y", "Pad", {"x", "p"})
              .Out("y:0"),
          "fills up the batch axis");
  REFUSED("batches are normalised in training, which is the default",
          Graph()
              .In("x", {-1, 4, 4, 3})
              .Add(FloatsNode("c", {3}))
              .Add("y", "FusedBatchNormV3", {"x", "c", "c", "c", "c"})
              .Out("y:0"),
          "normalises by the mean of the whole batch");
  PROVEN("and not when serving",
         Graph()
             .In("x", {-1, 4, 4, 3})
             .Add(FloatsNode("c", {3}))
             .Add("y", "FusedBatchNormV3", {"x", "c", "c", "c", "c"}, {Flag("is_training", false)})
             .Out("y:0"));
}

void TestBroadcasting() {
  PROVEN("a bias is added to each row", Sum({-1, 3}, {3}));
  PROVEN("a single row is added to each", Sum({-1, 3}, {1, 3}));
  REFUSED("several rows are not", Sum({-1, 3}, {2, 3}), "combines the batch axis");
  REFUSED("a vector meets the last axis, which is the batch's", Sum({-1}, {5}), "combines the batch axis");
  PROVEN("rows meet the same rows", SumOfInputs({-1, 3}, {-1, 1}));
  REFUSED("[batch] and [batch, 1] are pairs of rows", SumOfInputs({-1}, {-1, 1}), "combines the batch axis");
  REFUSED("an axis that may be of any length is no 1", SumOfInputs({-1}, {-1, -1}), "combines the batch axis");
  REFUSED("unknown ranks are refused",
          Graph()
              .In("x", {-1, 3})
              .Add("c", "VarHandleOp", {})
              .Add("r", "ReadVariableOp", {"c"})
              .Add("y", "Mul", {"x", "r"})
              .Out("y:0"),
          "unknown rank");
}

Graph Product(const Dims& a, const Dims& b, const std::vector<Attribute>& attributes) {
  return Graph().In("x", a).Add(FloatsNode("w", b)).Add("y", "MatMul", {"x", "w"}, attributes).Out("y:0");
}

void TestProducts() {
  PROVEN("rows times a matrix", Product({-1, 3}, {3, 4}, {}));
  REFUSED("a sum over rows", Product({-1, 3}, {3, 4}, {Flag("transpose_a", true)}), "sums over the batch axis");
  PROVEN("rows times a matrix on its side", Product({-1, 3}, {4, 3}, {Flag("transpose_b", true)}));
  REFUSED("rows times rows",
          Graph().In("x", {-1, 3}).Add("y", "MatMul", {"x", "x"}, {Flag("transpose_b", true)}).Out("y:0"),
          "combines each row with other rows");
  PROVEN("each row's own product",
         Graph().In("x", {-1, 5, 3}).Add("y", "BatchMatMulV2", {"x", "x"}, {Flag("adj_y", true)}).Out("y:0"));
  const auto einsum = [](const char* equation) {
    return Graph()
        .In("x", {-1, 5, 3})
        .Add("y", "Einsum", {"x", "x"}, {Text("equation", equation), Int("N", 2)})
        .Out("y:0");
  };
  PROVEN("each row's own product, by letters", einsum("bij,bkj->bik"));
  PROVEN("and by dots", einsum("...ij,...kj->...ik"));
  REFUSED("rows by other rows, by letters", einsum("bij,ckj->bcik"), "combines each row with other rows");
  REFUSED("a sum over rows, by letters", einsum("bij,bkj->ik"), "sums over the batch axis");
  REFUSED("a sum over rows, by dots that are left out", einsum("...ij,...kj->ik"), "sums over the batch axis");
  REFUSED("diagonals are refused", einsum("bii,bkj->bik"), "diagonal");
}

void TestNumberOfRows() {
  const auto graph = [] {
    return Graph()
        .In("x", {-1, 3})
        .Add("shape", "Shape", {"x"})
        .Add(IntsNode("i", {0}, true))
        .Add(IntsNode("axis", {0}, true))
        .Add("n", "GatherV2", {"shape", "i", "axis"});
  };
  REFUSED("the number of rows is no value",
          graph()
              .Add("f", "Cast", {"n"}, {Type("SrcT", kInt32), Type("DstT", kFloat)})
              .Add("y", "Mul", {"x", "f"})
              .Out("y:0"),
          "makes a value of the number of rows");
  PROVEN("it may be a shape", graph()
                                  .Add(IntsNode("c", {7}, true))
                                  .Add("s", "Pack", {"n", "c"}, {Int("N", 2)})
                                  .Add(FloatsNode("v", {}))
                                  .Add("y", "Fill", {"s", "v"})
                                  .Out("y:0"));
  REFUSED("but not the value that fills one",
          graph().Add("s", "Pack", {"n"}, {Int("N", 1)}).Add("y", "Fill", {"s", "n"}).Out("y:0"),
          "fills a tensor with what");
  REFUSED("numbers of rows are no values",
          graph()
              .Add(IntsNode("one", {1}, true))
              .Add("r", "Range", {"i", "n", "one"})
              .Add("y", "Cast", {"r"}, {Type("SrcT", kInt32), Type("DstT", kFloat)})
              .Out("y:0"),
          "numbers or places of rows");
  REFUSED("a branch by the number of rows",
          graph()
              .Add(IntsNode("one", {1}, true))
              .Add("many", "Greater", {"n", "one"})
              .Add("y", "If", {"many", "x"}, {Func("then_branch", "same"), Func("else_branch", "same")})
              .Function(FunctionDef("same", {"a"}, {}, {"a"}))
              .Out("y:0"),
          "chooses by what depends on rows");
}

Graph Loop(const std::string& condition_input, const std::string& step) {
  return Graph()
      .In("x", {-1, 3})
      .Add(IntsNode("zero", {0}, true))
      .Add("loop", "While", {"zero", "x"}, {Func("cond", "cond"), Func("body", "body")})
      .Function(FunctionDef(
          "cond", {"i", "a"},
          {IntsNode("axes", {0, 1}), IntsNode("limit", {5}, true), NodeDef("top", "Max", {"a", "axes:output:0"}),
           NodeDef("less", "Less", {condition_input, "limit:output:0"})},
          {"less:z:0"}))
      .Function(FunctionDef(
          "body", {"i", "a"},
          {IntsNode("one", {1}, true), IntsNode("axes", {0}), NodeDef("next", "AddV2", {"i", "one:output:0"}),
           NodeDef("own", "Softmax", {"a"}), NodeDef("all", "Sum", {"a", "axes:output:0"}, {Flag("keep_dims", true)}),
           NodeDef("mixed", "Sub", {"a", "all:output:0"})},
          {"next:z:0", step}))
      .Out("loop:1");
}

// map_fn over the rows of x: element `read` of each pass's list goes through Softmax into element `write` of another.
struct RowLoopText {
  std::string read = "i", write = "i", condition = "both:z:0", first = "zero", stacked = "loop:3";
};
Graph RowLoopOf(const RowLoopText& text) {
  const Attribute less_type = Type("T", kInt32);
  return Graph()
      .In("x", {-1, 3})
      .Add("shape", "Shape", {"x"})
      .Add(IntsNode("axis", {0}, true))
      .Add(IntsNode("zero", {0}, true))
      .Add(IntsNode("one", {1}, true))
      .Add(IntsNode("form", {3}))
      .Add("rows", "GatherV2", {"shape", "zero", "axis"})
      .Add("from", "TensorListFromTensor", {"x", "form"})
      .Add("to", "TensorListReserve", {"form", "rows"})
      .Add("loop", "While", {text.first, text.first, "rows", "to", "from"},
           {Func("cond", "cond"), Func("body", "body")})
      .Function(FunctionDef(
          "cond", {"n", "i", "rows", "to", "from"},
          {NodeDef("a", "Less", {"i", "rows"}, {less_type}), NodeDef("b", "Less", {"n", "rows"}, {less_type}),
           IntsNode("five", {5}, true), NodeDef("c", "Less", {"n", "five:output:0"}, {less_type}),
           NodeDef("both", "LogicalAnd", {"a:z:0", "b:z:0"})},
          {text.condition}))
      .Function(FunctionDef(
          "body", {"n", "i", "rows", "to", "from"},
          {IntsNode("one", {1}, true), IntsNode("zero", {0}, true), IntsNode("form", {3}),
           NodeDef("next", "AddV2", {"i", "one:output:0"}), NodeDef("count", "AddV2", {"n", "one:output:0"}),
           NodeDef("item", "TensorListGetItem", {"from", text.read, "form:output:0"}),
           NodeDef("own", "Softmax", {"item:item:0"}),
           NodeDef("set", "TensorListSetItem", {"to", text.write, "own:softmax:0"}),
           NodeDef("open", "TensorListStack", {"set:output_handle:0", "form:output:0"})},
          {"count:z:0", "next:z:0", "rows", "set:output_handle:0", "from"}))
      .Add("y", "TensorListStack", {text.stacked, "form"})
      .Out("y:0");
}

void TestRowLoops() {
  PROVEN("a loop over rows keeps them apart", RowLoopOf({}));
  REFUSED("one that reads the next row does not", RowLoopOf({.read = "next:z:0"}), "While \"loop\" ends by");
  REFUSED("nor one that reads the first", RowLoopOf({.read = "zero:output:0"}), "While \"loop\" ends by");
  REFUSED("nor one that writes another row", RowLoopOf({.write = "next:z:0"}), "While \"loop\" ends by");
  REFUSED("nor one that ends early", RowLoopOf({.condition = "c:z:0"}), "takes a row by its place");
  REFUSED("nor one that begins late", RowLoopOf({.first = "one"}), "While \"loop\" ends by");
  PROVEN("what goes in comes out again", RowLoopOf({.stacked = "loop:4"}));
}

void TestFunctions() {
  PROVEN("a loop that counts", Loop("i", "own:softmax:0"));
  REFUSED("a loop that goes by values", Loop("top:output:0", "own:softmax:0"), "Max \"top\" in function \"cond\"");
  REFUSED("a loop that mixes rows in its second pass, too", Loop("i", "mixed:z:0"), "Sum \"all\" in function \"body\"");
  const std::string counter = NodeDef("add", "AssignAddVariableOp", {"v", "x"});
  REFUSED("what changes something in a function is run though nobody looks",
          Graph()
              .In("x", {-1, 3})
              .Add("v", "VarHandleOp", {})
              .Add("y", "StatefulPartitionedCall", {"x", "v"}, {Func("f", "f")})
              .Function(FunctionDef("f", {"x", "v"}, {counter}, {"x"}))
              .Out("y:0"),
          "AssignAddVariableOp \"add\" in function \"f\" changes a variable");
  PROVEN("what changes something in the graph is run only if it is reached",
         Graph()
             .In("x", {-1, 3})
             .Add("v", "VarHandleOp", {})
             .Add("add", "AssignAddVariableOp", {"v", "x"})
             .Add("y", "Relu", {"x"})
             .Out("y:0"));
  REFUSED("it is reached by order of execution, too",
          Graph()
              .In("x", {-1, 3})
              .Add("v", "VarHandleOp", {})
              .Add("add", "AssignAddVariableOp", {"v", "x"})
              .Add("y", "Relu", {"x", "^add"})
              .Out("y:0"),
          "changes a variable");
  REFUSED("a library's function is meant where an operation has its name",
          Graph()
              .In("x", {-1, 3})
              .Add("y", "Relu", {"x"})
              .Out("y:0")
              .Function(FunctionDef("Relu", {"x"}, {NodeDef("s", "RandomShuffle", {"x"})}, {"s:output:0"})),
          "draws random numbers");
  PROVEN("a graph is cut where it is fed",
         Graph().In("x", {-1, 3}).Add("v", "VarHandleOp", {}).Add("y", "Relu", {"x"}).Out("y:0"));
  REFUSED("outputs are told apart by name",
          Graph()
              .In("x", {-1})
              .Add("y", "PartitionedCall", {"x"}, {Func("f", "f")})
              .Out("y:0")
              .Function(FunctionDef("f", {"x"}, {NodeDef("u", "Unique", {"x"}, {Type("T", kInt64)})}, {"u:idx:0"})),
          "depends on the number of rows");
}

void TestSignatures() {
  REFUSED("a fixed first dimension counts no rows", Unary("Relu", {4, 3}), "no first dimension of any size");
  REFUSED("what does not depend on rows has none", Graph().In("x", {-1}).Add(FloatsNode("c", {3})).Out("c:0"),
          "does not depend on rows");
  REFUSED("no inputs", Graph().Add(FloatsNode("c", {3})).Out("c:0"), "no inputs");
  REFUSED("an input that is not fed",
          Graph().In("x", {-1}).Add("p", "Placeholder", {}).Add("y", "Add", {"x", "p"}).Out("y:0"), "is not an input");
  PROVEN("an output that is an input", Graph().In("x", {-1, 2}).Out("x:0"));
  REFUSED("operations without a rule are named", Unary("MyOwnOp", {-1}),
          "MyOwnOp \"y\" is an operation without a rule");
}

// ---- What nobody should have made

void TestHostileGraphs() {
  REFUSED("a cycle", Graph().In("x", {-1}).Add("a", "Add", {"x", "b"}).Add("b", "Relu", {"a"}).Out("b:0"),
          "waits for itself");
  REFUSED("TF1's loops are named, not the cycle",
          Graph().In("x", {-1}).Add("m", "Merge", {"x", "n"}).Add("n", "NextIteration", {"m"}).Out("m:0"),
          "control flow of TF1");
  REFUSED("an input that there is not", Graph().In("x", {-1}).Add("y", "Relu", {"gone"}).Out("y:0"), "has an input");
  REFUSED("fewer inputs than the operation has", Graph().In("x", {-1}).Add("y", "MatMul", {"x"}).Out("y:0"),
          "multiplies rows by a tensor of unknown rank");
  REFUSED("an output beyond the last", Graph().In("x", {-1}).Add("y", "Relu", {"x"}).Out("y:7"), "not known");
  REFUSED("a function that calls itself",
          Graph()
              .In("x", {-1})
              .Add("y", "PartitionedCall", {"x"}, {Func("f", "f")})
              .Out("y:0")
              .Function(
                  FunctionDef("f", {"x"}, {NodeDef("c", "PartitionedCall", {"x"}, {Func("f", "f")})}, {"c:output:0"})),
          "functions within functions");
  Graph twice = Graph().In("x", {-1}).Add("y", "PartitionedCall", {"x"}, {Func("f", "f0")}).Out("y:0");
  for (int i = 0; i < 60; i++) {
    const std::string next = "f" + std::to_string(i + 1);
    twice.Function(FunctionDef("f" + std::to_string(i), {"x"},
                               {NodeDef("a", "PartitionedCall", {"x"}, {Func("f", next)}),
                                NodeDef("b", "PartitionedCall", {"a:output:0"}, {Func("f", next)})},
                               {"b:output:0"}));
  }
  twice.Function(FunctionDef("f60", {"x"}, {}, {"x"}));
  REFUSED("functions that call two each, 60 deep", twice, "too large to be looked through");
  Graph chain = Graph().In("x", {-1});
  for (int i = 0; i < 50'000; i++) chain.Add("n" + std::to_string(i), "Relu", {i ? "n" + std::to_string(i - 1) : "x"});
  PROVEN("a chain of 50,000 nodes needs no stack", chain.Out("n49999:0"));
  REFUSED("dimensions that overflow", Reshaped({-1, int64_t{1} << 40, int64_t{1} << 40}, {-1, 1 << 30}),
          "rows are not known to stay apart");
  Graph pieces = Graph().In("x", {-1, 4}).Add(IntsNode("axis", {1}, true));
  for (int i = 0; i < 100'000; i++)
    pieces.Add("s" + std::to_string(i), "Split", {"axis", "x"}, {Int("num_split", 1000)});
  std::vector<std::string> all;
  for (int i = 0; i < 100'000; i++) all.push_back("s" + std::to_string(i));
  pieces.Add("y", "AddN", all).Out("y:0");
  REFUSED("more pieces than there is memory for", pieces, "too large to be looked through");
}

std::string Sample() {
  Graph graph = Loop("i", "own:softmax:0");
  graph.Add(IntsNode("flat", {-1, 3})).Add("z", "Reshape", {"loop:1", "flat"}).Out("z:0");
  return graph.Bytes();
}

void TestDamagedBytes() {
  const std::string whole = Sample();
  std::mt19937 random(20261129);
  size_t said = 0;
  for (int i = 0; i < 30'000; i++) {
    std::string bytes = whole;
    for (uint32_t changes = 1 + random() % 4; changes > 0; changes--) {
      const size_t place = random() % bytes.size();
      if (random() % 4 == 0)
        bytes.erase(place, 1 + random() % 3);
      else
        bytes[place] = static_cast<char>(random());
      if (bytes.empty()) break;
    }
    for (const RowProof& proof : ProveRows(bytes)) said += proof.reason.size() + proof.proven;
  }
  for (size_t length = 0; length < whole.size(); length++) said += ProveRows(whole.substr(0, length)).size();
  CHECK("damaged graphs are looked through, too", said > 0, "");
}

}  // namespace
}  // namespace tensorgate

int main() {
  using namespace tensorgate;
  TestSizes();
  TestReshape();
  TestAlongAxes();
  TestBroadcasting();
  TestProducts();
  TestNumberOfRows();
  TestFunctions();
  TestRowLoops();
  TestSignatures();
  TestHostileGraphs();
  TestDamagedBytes();
  return Conclude();
}
