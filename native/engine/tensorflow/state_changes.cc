#include "state_changes.h"

#include <unordered_set>

namespace tensorgate {

namespace {

using Names = std::unordered_set<std::string_view>;

// Stateful for TensorFlow, so that they are not folded or merged, or since they have a handle of a resource; but all
// that they do is over with the run, or has been done by the time that the model is loaded.
const Names& Harmless() {
  // clang-format off
  static const auto* names = new Names{
      // Calls: what counts are the operations of their functions.
      "PartitionedCall", "StatefulPartitionedCall", "If", "While", "Case", "RemoteCall", "XlaLaunch", "XlaCallModule",
      "_If", "_While", "_Arg", "_Retval",
      // Handles, and what only reads behind them.
      "Variable", "VariableV2", "VarHandleOp", "_VarHandlesOp", "ReadVariableOp", "_ReadVariablesOp", "VariableShape",
      "VarIsInitializedOp", "IsVariableInitialized", "ResourceGather", "ResourceGatherNd", "DisableCopyOnRead",
      "HashTable", "HashTableV2", "AnonymousHashTable", "MutableHashTable", "MutableHashTableV2",
      "AnonymousMutableHashTable", "MutableHashTableOfTensors", "MutableHashTableOfTensorsV2",
      "AnonymousMutableHashTableOfTensors", "MutableDenseHashTable", "MutableDenseHashTableV2",
      "AnonymousMutableDenseHashTable", "LookupTableFind", "LookupTableFindV2", "LookupTableSize",
      "LookupTableSizeV2", "LookupTableExport", "LookupTableExportV2",
      "FIFOQueue", "FIFOQueueV2", "PaddingFIFOQueue", "PaddingFIFOQueueV2", "PriorityQueue", "PriorityQueueV2",
      "RandomShuffleQueue", "RandomShuffleQueueV2", "QueueSize", "QueueSizeV2", "QueueIsClosed", "QueueIsClosedV2",
      "BoostedTreesEnsembleResourceHandleOp", "BoostedTreesPredict", "BoostedTreesExampleDebugOutputs",
      "BoostedTreesQuantileStreamResourceHandleOp", "BoostedTreesQuantileStreamResourceGetBucketBoundaries",
      "RefIdentity", "RefSwitch", "RefMerge", "RefEnter", "RefExit", "RefNextIteration", "RefSelect",
      // TensorArrays: they end with the run.
      "TensorArray", "TensorArrayWrite", "TensorArrayRead", "TensorArrayPack", "TensorArrayUnpack",
      "TensorArrayGather", "TensorArrayScatter", "TensorArrayConcat", "TensorArraySplit", "TensorArraySize",
      "TensorArrayClose", "TensorArrayV2", "TensorArrayV3", "TensorArrayWriteV3", "TensorArrayReadV3",
      "TensorArrayGatherV3", "TensorArrayScatterV3", "TensorArrayConcatV3", "TensorArraySplitV3", "TensorArraySizeV3",
      "TensorArrayCloseV3",
      // Checks, the log, the clock, files that are read.
      "Assert", "CheckNumerics", "CheckNumericsV2", "Print", "PrintV2", "Timestamp", "GuaranteeConst", "Empty", "DeepCopy",
      "Restore", "RestoreV2", "RestoreSlice", "LoadAndRemapMatrix", "DeviceIndex", "GraphDefVersion",
      "IsTensorFloat32Enabled", "StatelessRandomGetAlg", "NonDeterministicInts",
      // Of TensorFlow Text and TensorFlow Decision Forests: handles of models that do not change.
      "SentencepieceOp", "SentencepieceTokenizeOp", "SentencepieceTokenizeWithOffsetsOp", "SentencepieceDetokenizeOp",
      "SentencepieceVocabSizeOp", "SentencepieceIdToStringOp", "SentencepieceStringToIdOp",
      "SimpleMLCreateModelResource", "SimpleMLInferenceOp", "SimpleMLInferenceOpWithHandle",
      "SimpleMLInferenceLeafIndexOpWithHandle",
  };
  // clang-format on
  return *names;
}

// Without a seed nobody can tell that numbers have been drawn before.
const Names& RandomOps() {
  // clang-format off
  static const auto* names = new Names{
      "RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal", "ParameterizedTruncatedNormal",
      "RandomGamma", "RandomPoisson", "RandomPoissonV2", "RandomShuffle", "RandomCrop", "Multinomial",
      "SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2", "UniformCandidateSampler",
      "LogUniformCandidateSampler", "FixedUnigramCandidateSampler", "AllCandidateSampler",
      "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3",
  };
  // clang-format on
  return *names;
}

}  // namespace

bool ChangesState(std::string_view op, const OpTraits& traits, const NodeTraits& node) {
  if (traits.is_known && !traits.is_stateful && !traits.takes_reference) return false;
  if (RandomOps().contains(op)) return node.has_seed;
  return !Harmless().contains(op) || node.prints_to_file;
}

}  // namespace tensorgate
