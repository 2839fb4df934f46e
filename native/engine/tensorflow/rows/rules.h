// Rules, by what they are about; row_rules.cc says which operation has which.
#pragma once

#include "op_call.h"

namespace tensorgate::rows {

// rules_elementwise.cc
Values Elementwise(OpCall& call);  // output elements depend on the input elements at their place, with broadcasting
Values FirstElementwise(OpCall& call);  // as the first input; all others are uniform parameters
Values Add(OpCall& call);
Values Subtract(OpCall& call);
Values Multiply(OpCall& call);
Values Quotient(OpCall& call);
Values FloorDivide(OpCall& call);
Values Modulo(OpCall& call);
Values Maximum(OpCall& call);
Values Minimum(OpCall& call);
Values Negate(OpCall& call);
Values IsEqual(OpCall& call);
Values IsUnequal(OpCall& call);
Values Compare(OpCall& call);  // and what else makes booleans of integers
Values CastType(OpCall& call);
Values SelectByRow(OpCall& call);  // Select, the first version
Values Select(OpCall& call);
Values Pass(OpCall& call);  // each output is the input at its place
Values PassFirst(OpCall& call);
Values DecodeImage(OpCall& call);
Values Bitcast(OpCall& call);
Values Uniform(OpCall& call);  // only for uniform inputs
Values Constant(OpCall& call);
Values Variable(OpCall& call);
Values ReadVariable(OpCall& call);
Values Nothing(OpCall& call);  // no outputs
Values Random(OpCall& call);
Values Unfed(OpCall& call);

// rules_shape.cc
Values ShapeVector(OpCall& call);
Values Rank(OpCall& call);
Values CountElements(OpCall& call);
Values Reshape(OpCall& call);
Values Squeeze(OpCall& call);
Values ExpandDims(OpCall& call);
Values Transpose(OpCall& call);
Values Fill(OpCall& call);
Values Like(OpCall& call);  // ZerosLike, OnesLike
Values Range(OpCall& call);
Values Tile(OpCall& call);
Values BroadcastTo(OpCall& call);
Values BroadcastShapes(OpCall& call);
Values EnsureShape(OpCall& call);

// rules_slices.cc
Values StridedSlice(OpCall& call);
Values Slice(OpCall& call);
Values Concat(OpCall& call);       // axis last
Values ConcatFirst(OpCall& call);  // axis first
Values Pack(OpCall& call);
Values Unpack(OpCall& call);
Values Split(OpCall& call);
Values SplitV(OpCall& call);
Values Pad(OpCall& call);
Values Reverse(OpCall& call);
Values ReverseSequence(OpCall& call);
Values Roll(OpCall& call);

// rules_gather.cc
Values Gather(OpCall& call);
Values GatherV2(OpCall& call);
Values ResourceGather(OpCall& call);
Values GatherNd(OpCall& call);
Values LookUp(OpCall& call);
Values OneHot(OpCall& call);
Values Where(OpCall& call);
Values Unique(OpCall& call);

// rules_linear.cc
Values MatMul(OpCall& call);
Values BatchMatMul(OpCall& call);
Values Einsum(OpCall& call);
Values Convolve(OpCall& call);
Values ConvolveBack(OpCall& call);
Values Pool(OpCall& call);
Values PoolV2(OpCall& call);
Values AddBias(OpCall& call);
Values BatchNorm(OpCall& call);
Values Images(OpCall& call);  // [batch, height, width, channels], each image by itself
Values Resize(OpCall& call);
Values SpaceToDepth(OpCall& call);
Values SpaceToBatch(OpCall& call);
Values BatchToSpace(OpCall& call);
Values Innermost1(OpCall& call);  // works on the last dimension, which it keeps
Values Innermost2(OpCall& call);  // on the last two
Values Innermost3(OpCall& call);
Values SuppressOverlaps(OpCall& call);

// rules_reduce.cc
Values Reduce(OpCall& call);
Values Product(OpCall& call);
Values ArgReduce(OpCall& call);
Values Softmax(OpCall& call);
Values Accumulate(OpCall& call);
Values TopK(OpCall& call);
Values InTopK(OpCall& call);

// rules_ragged.cc
Values StringSplit(OpCall& call);
Values UnicodeDecode(OpCall& call);
Values UnicodeDecodeWithOffsets(OpCall& call);
Values StringNGrams(OpCall& call);
Values DecodeRaw(OpCall& call);
Values DenseBincount(OpCall& call);
Values RaggedBincount(OpCall& call);
Values SparseBincount(OpCall& call);
Values RaggedToTensor(OpCall& call);
Values RaggedToSparse(OpCall& call);
Values SparseToDense(OpCall& call);
Values SparseReshape(OpCall& call);
Values SparseFillEmptyRows(OpCall& call);
Values SparseMatMul(OpCall& call);
Values SegmentReduce(OpCall& call);          // data, owners
Values SparseSegmentReduce(OpCall& call);    // data, places, owners (, number)
Values UnsortedSegmentReduce(OpCall& call);  // data, owners, number

// rules_examples.cc
Values ParseExample(OpCall& call);
Values ParseExampleV2(OpCall& call);

// rules_lists.cc
Values ListFromTensor(OpCall& call);
Values ListReserve(OpCall& call);
Values EmptyList(OpCall& call);
Values ListGet(OpCall& call);
Values ListSet(OpCall& call);
Values ListPush(OpCall& call);
Values ListPop(OpCall& call);
Values ListStack(OpCall& call);
Values ListGather(OpCall& call);
Values ListLength(OpCall& call);

// control_flow.cc
Values CallFunction(OpCall& call);
Values If(OpCall& call);
Values Case(OpCall& call);
Values While(OpCall& call);

}  // namespace tensorgate::rows
