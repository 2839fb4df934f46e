/**
 * Whether the time that a run takes depends on the shapes of its inputs only, not on their values. Small runs of such a
 * signature may be done on the event loop: what was quick once for a shape stays quick for it.
 */
import { decodeMessage, type MessageType } from '../protobuf.js';

/** The parts of a GraphDef that are looked at; constants, which can be large, are passed over. */
interface Node {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: ReadonlyMap<string, { readonly func: { readonly name: string } | undefined }>;
}
interface FunctionDef {
  readonly signature: { readonly name: string } | undefined;
  readonly node_def: readonly Node[];
}
interface Graph {
  readonly node: readonly Node[];
  readonly library: { readonly function: readonly FunctionDef[] } | undefined;
}

const Named: MessageType<{ readonly name: string }> = {
  name: 'tensorflow.NameAttrList',
  fields: [{ name: 'name', number: 1, type: 'string' }],
};
const AttrValue: MessageType<{ readonly func: { readonly name: string } | undefined }> = {
  name: 'tensorflow.AttrValue',
  fields: [{ name: 'func', number: 10, type: () => Named }],
};
const NodeDef: MessageType<Node> = {
  name: 'tensorflow.NodeDef',
  fields: [
    { name: 'name', number: 1, type: 'string' },
    { name: 'op', number: 2, type: 'string' },
    { name: 'input', number: 3, type: 'string', rule: 'repeated' },
    { name: 'attr', number: 5, type: () => AttrValue, key: 'string' },
  ],
};
const FunctionDef: MessageType<FunctionDef> = {
  name: 'tensorflow.FunctionDef',
  fields: [
    { name: 'signature', number: 1, type: () => Named },
    { name: 'node_def', number: 3, type: () => NodeDef, rule: 'repeated' },
  ],
};
const Library: MessageType<{ readonly function: readonly FunctionDef[] }> = {
  name: 'tensorflow.FunctionDefLibrary',
  fields: [{ name: 'function', number: 1, type: () => FunctionDef, rule: 'repeated' }],
};
const GraphDef: MessageType<Graph> = {
  name: 'tensorflow.GraphDef',
  fields: [
    { name: 'node', number: 1, type: () => NodeDef, rule: 'repeated' },
    { name: 'library', number: 2, type: () => Library },
  ],
};
const MetaGraphDef: MessageType<{ readonly graph_def: Graph | undefined }> = {
  name: 'tensorflow.MetaGraphDef',
  fields: [{ name: 'graph_def', number: 2, type: () => GraphDef }],
};

/**
 * Operations whose work follows from the shapes of their inputs. Left out on purpose: loops and branches, strings, tables,
 * files, random numbers, Python, and whatever makes a shape out of a value (Fill, Tile, Range, BroadcastTo, Where …).
 */
const STEADY_OPS: ReadonlySet<string> = new Set(
  `Placeholder PlaceholderWithDefault Const VariableV2 VarHandleOp ReadVariableOp Identity IdentityN NoOp StopGradient
  PreventGradient PartitionedCall StatefulPartitionedCall
  Add AddV2 AddN Sub Mul Div RealDiv DivNoNan FloorDiv FloorMod Maximum Minimum Neg Abs Sign Square Sqrt Rsqrt Pow Exp
  Expm1 Log Log1p Erf Erfc Sin Cos Tanh Sigmoid Relu Relu6 LeakyRelu Elu Selu Softplus Softsign Softmax LogSoftmax
  SquaredDifference Reciprocal Round Rint Floor Ceil ClipByValue Cast Equal NotEqual Less LessEqual Greater GreaterEqual
  LogicalAnd LogicalOr LogicalNot Select SelectV2 IsNan IsFinite IsInf
  MatMul BatchMatMul BatchMatMulV2 BatchMatMulV3 Einsum BiasAdd BiasAddV1 Conv1D Conv2D Conv3D DepthwiseConv2dNative
  MaxPool MaxPoolV2 AvgPool MaxPool3D AvgPool3D FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LRN
  Mean Sum Max Min Prod All Any ArgMax ArgMin TopKV2 L2Loss
  Reshape Squeeze ExpandDims Transpose Shape ShapeN Rank Size Concat ConcatV2 Pack Unpack Split SplitV Slice StridedSlice
  Gather GatherV2 GatherNd ResourceGather Pad PadV2 MirrorPad ReverseV2 ZerosLike OnesLike`.match(/\S+/g),
);

/** The signature's share of a question to SteadyCosts: names of graph tensors. */
interface FeedsAndFetches {
  readonly inputs: readonly { readonly tensorName: string }[];
  readonly outputs: readonly { readonly tensorName: string }[];
}

/** Answers for the signatures of one loaded meta graph. */
export class SteadyCosts {
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #functions: ReadonlyMap<string, readonly Node[]>;
  /** Of functions; one that is being looked at counts as not steady, which ends recursion. */
  readonly #known = new Map<string, boolean>();

  /** @param metaGraph serialized MetaGraphDef. Throws INVALID_ARGUMENT if it is malformed. */
  constructor(metaGraph: Uint8Array) {
    const { graph_def: graph } = decodeMessage(MetaGraphDef, metaGraph);
    this.#nodes = new Map(graph?.node.map((node) => [node.name, node]));
    this.#functions = new Map(graph?.library?.function.map((each) => [each.signature?.name ?? '', each.node_def]));
  }

  /** Looks at all that lies between the signature's inputs and outputs. */
  isSteady({ inputs, outputs }: FeedsAndFetches): boolean {
    const seen = new Set(inputs.map(({ tensorName }) => nodeOf(tensorName)));
    const toVisit = outputs.map(({ tensorName }) => nodeOf(tensorName));
    for (let name = toVisit.pop(); name !== undefined; name = toVisit.pop()) {
      if (seen.has(name)) continue;
      seen.add(name);
      const node = this.#nodes.get(name);
      if (node === undefined || !this.#isSteadyNode(node)) return false;
      toVisit.push(...node.input.map(nodeOf));
    }
    return true;
  }

  #isSteadyNode({ op, attr }: Node): boolean {
    if (!STEADY_OPS.has(op)) return false;
    return [...attr.values()].every(({ func }) => func === undefined || this.#isSteadyFunction(func.name));
  }

  #isSteadyFunction(name: string): boolean {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    this.#known.set(name, false);
    const nodes = this.#functions.get(name);
    const steady = nodes?.every((node) => this.#isSteadyNode(node)) ?? false;
    this.#known.set(name, steady);
    return steady;
  }
}

/** The node of `name:1` or `^name`. */
function nodeOf(tensor: string): string {
  return tensor.replace(/^\^/, '').replace(/:\d+$/, '');
}
