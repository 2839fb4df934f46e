/** SavedModels of graphs that a test puts together, node by node: one graph, in it as many signatures as there are cases. */
import { encodeMessage, type Init } from '../../src/formats/protobuf.js';
import type { SignatureDef, TensorInfo, TensorProto } from '../../src/gen/messages.js';
import { DataType } from '../../src/tensor/dtype.js';
import { type AttrValue, type FunctionDef, MetaGraphDef, type NodeDef, SavedModelBytes } from './graph-messages.js';

export type TypeName = Lowercase<Exclude<keyof typeof DataType, 'RESOURCE'>> | 'resource';
export type Values = readonly (number | boolean | string)[];

/** What an attribute is: numbers are integers. */
export type Attr =
  | number
  | boolean
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly type: TypeName }
  | { readonly types: readonly TypeName[] }
  | { readonly shape: readonly number[] | undefined }
  | { readonly shapes: readonly (readonly number[])[] }
  | { readonly strings: readonly string[] }
  | { readonly floats: readonly number[] }
  | { readonly func: string }
  | { readonly funcs: readonly string[] }
  | { readonly tensor: Init<TensorProto> };
export type Attrs = Readonly<Record<string, Attr>>;

/** An output of a node. */
export interface Node {
  /** As other nodes of the same graph or function name it. */
  readonly ref: string;
  readonly dtype: TypeName;
}

/** The placeholder of a signature's input, with one row's shape. */
export interface InputNode extends Node {
  readonly alias: string;
  readonly rowShape: readonly number[];
}

export const dtypeOf = (name: TypeName): DataType => DataType[name.toUpperCase() as keyof typeof DataType];
/** The attribute T of an operation that has its first input's type. */
export const T = (node: Node): { readonly T: Attr } => ({ T: { type: node.dtype } });

/** Nodes, of a graph or of a function's body. */
export class NodeList {
  readonly nodes: Init<NodeDef>[] = [];
  readonly #prefix: string;

  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  /** Adds a node; `dtypes` are its outputs'. */
  add(op: string, inputs: readonly Node[], attrs: Attrs, dtypes: readonly TypeName[]): readonly Node[] {
    const name = this.name(op);
    const attr = new Map(Object.entries(attrs).map(([key, value]) => [key, attrValue(value)]));
    this.nodes.push({ name, op, input: inputs.map(({ ref }) => ref), attr });
    return dtypes.map((dtype, index) => ({ ref: this.output(name, op, index), dtype }));
  }

  /** Adds a node of one output, whose type is the first input's unless it is named. */
  op(op: string, inputs: readonly Node[], attrs: Attrs = {}, dtype = inputs[0]?.dtype): Node {
    const [output] = this.add(op, inputs, attrs, [dtype as TypeName]);
    return output as Node;
  }

  constant(dtype: TypeName, shape: readonly number[], values: Values): Node {
    return this.op(
      'Const',
      [],
      { dtype: { type: dtype }, value: { tensor: tensorProto(dtype, shape, values) } },
      dtype,
    );
  }

  protected name(op: string): string {
    return `${this.#prefix}${op}_${this.nodes.length}`;
  }

  protected output(name: string, _op: string, index: number): string {
    return index === 0 ? name : `${name}:${index}`;
  }
}

/** A function's body; its nodes are named as functions' are, by the name of the operation's output. */
class Body extends NodeList {
  protected override output(name: string, op: string, index: number): string {
    return `${name}:${FIRST_OUTPUTS[op] ?? 'output'}:${index}`;
  }
}

/** TensorFlow's own name of the signature whose output is run when the model has been loaded. */
const INITIALIZER = '__saved_model_init_op';

/** Names of the outputs of operations that are used in functions; `output` else. */
const FIRST_OUTPUTS: Readonly<Record<string, string>> = {
  Add: 'z',
  AddV2: 'z',
  Cast: 'y',
  Greater: 'z',
  Less: 'z',
  Maximum: 'z',
  MatMul: 'product',
  Mul: 'z',
  Neg: 'y',
  Softmax: 'softmax',
  Sub: 'z',
  Tanh: 'y',
  Transpose: 'y',
  TensorListGetItem: 'item',
  TensorListSetItem: 'output_handle',
  TensorListReserve: 'handle',
  Cumsum: 'out',
};

export class GraphModel extends NodeList {
  readonly #signatures = new Map<string, { inputs: readonly InputNode[]; outputs: readonly Node[] }>();
  readonly #functions: Init<FunctionDef>[] = [];
  readonly #initializers: string[] = [];
  /** Those that are being built counted. */
  #functionCount = 0;

  /** Has an operation done once, when the model is loaded: it fills a table or sets a variable. */
  initialize(op: string, inputs: readonly Node[], attrs: Attrs): void {
    this.#initializers.push(this.op(op, inputs, attrs, 'float').ref);
  }

  /** A placeholder of rows of this shape. */
  input(dtype: TypeName, rowShape: readonly number[]): InputNode {
    const shape = { shape: [-1, ...rowShape] };
    const node = this.op('Placeholder', [], { dtype: { type: dtype }, shape }, dtype);
    return { ...node, alias: node.ref.toLowerCase(), rowShape };
  }

  /** A function for While, If and calls; `build` gets its arguments and gives its results. Returns its name. */
  function(
    args: readonly TypeName[],
    build: (body: NodeList, args: readonly Node[]) => readonly Node[],
  ): { func: string } {
    const name = `function_${this.#functionCount++}`;
    const body = new Body();
    const results = build(
      body,
      args.map((dtype, i) => ({ ref: `arg_${i}`, dtype })),
    );
    this.#functions.push({
      signature: {
        name,
        input_arg: args.map((dtype, i) => ({ name: `arg_${i}`, type: dtypeOf(dtype) })),
        output_arg: results.map(({ dtype }, i) => ({ name: `result_${i}`, type: dtypeOf(dtype) })),
      },
      node_def: body.nodes,
      ret: new Map(results.map(({ ref }, i) => [`result_${i}`, ref])),
    });
    return { func: name };
  }

  /** Its outputs are `output_0` and so on, of rows of any rank. */
  signature(name: string, inputs: readonly InputNode[], outputs: readonly Node[]): void {
    this.#signatures.set(name, { inputs, outputs });
  }

  metaGraph(): Uint8Array {
    const initializer = { name: 'init', op: 'NoOp', input: this.#initializers.map((name) => `^${name}`) };
    return encodeMessage(MetaGraphDef, {
      meta_info_def: { tags: ['serve'] },
      graph_def: {
        node: [...this.nodes, initializer],
        versions: { producer: 1882 },
        library: { function: this.#functions },
      },
      signature_def: new Map([
        ...this.#signatureDefs(),
        [INITIALIZER, { outputs: new Map([[INITIALIZER, { name: 'init' }]]) }],
      ]),
    });
  }

  #signatureDefs(): [string, Init<SignatureDef>][] {
    return [...this.#signatures].map(([name, { inputs, outputs }]) => [
      name,
      {
        inputs: new Map(inputs.map((input) => [input.alias, tensorInfo(input, [-1, ...input.rowShape])])),
        outputs: new Map(outputs.map((output, i) => [`output_${i}`, tensorInfo(output, undefined)])),
        method_name: 'tensorflow/serving/predict',
      },
    ]);
  }

  savedModel(): Uint8Array {
    return encodeMessage(SavedModelBytes, { saved_model_schema_version: 1n, meta_graphs: [this.metaGraph()] });
  }
}

function tensorInfo({ ref, dtype }: Node, shape: readonly number[] | undefined): Init<TensorInfo> {
  return { name: ref.includes(':') ? ref : `${ref}:0`, dtype: dtypeOf(dtype), tensor_shape: shapeProto(shape) };
}

function shapeProto(shape: readonly number[] | undefined): { dim: { size: bigint }[]; unknown_rank?: boolean } {
  if (shape === undefined) return { dim: [], unknown_rank: true };
  return { dim: shape.map((size) => ({ size: BigInt(size) })) };
}

function attrValue(attr: Attr): Init<AttrValue> {
  if (typeof attr === 'number') return { i: BigInt(attr) };
  if (typeof attr === 'boolean') return { b: attr };
  if (typeof attr === 'string') return { s: Buffer.from(attr) };
  if ('float' in attr) return { f: attr.float };
  if ('type' in attr) return { type: dtypeOf(attr.type) };
  if ('types' in attr) return { list: { type: attr.types.map(dtypeOf) } };
  if ('shape' in attr) return { shape: shapeProto(attr.shape) };
  if ('shapes' in attr) return { list: { shape: attr.shapes.map(shapeProto) } };
  if ('strings' in attr) return { list: { s: attr.strings.map((text) => Buffer.from(text)) } };
  if ('floats' in attr) return { list: { f: attr.floats } };
  if ('funcs' in attr) return { list: { func: attr.funcs.map((name) => ({ name })) } };
  if ('func' in attr) return { func: { name: attr.func } };
  if ('tensor' in attr) return { tensor: attr.tensor };
  return { list: { i: attr.map(BigInt) } };
}

function tensorProto(dtype: TypeName, shape: readonly number[], values: Values): Init<TensorProto> {
  return { dtype: dtypeOf(dtype), tensor_shape: shapeProto(shape), ...protoValues(dtype, values) };
}

function protoValues(dtype: TypeName, values: Values): Init<TensorProto> {
  if (dtype === 'string') return { string_val: values.map((value) => Buffer.from(String(value))) };
  if (dtype === 'bool') return { bool_val: values.map(Boolean) };
  if (dtype === 'int64') return { int64_val: values.map((value) => BigInt(value as number)) };
  if (dtype === 'float') return { float_val: values as number[] };
  if (dtype === 'double') return { double_val: values as number[] };
  return { int_val: values as number[] };
}
