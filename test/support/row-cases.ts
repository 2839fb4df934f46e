/** Small graphs whose rows are run together and alone, beside what the proof says of them. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRandom } from '../../bench/random.js';
import { binding, type RowProof } from '../../src/native/binding.js';
import type { SavedModel } from '../../src/servables/saved-model.js';
import { byteSizeOf } from '../../src/tensor/dtype.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import {
  type Attrs,
  dtypeOf,
  GraphModel,
  type InputNode,
  type Node,
  T,
  type TypeName,
  type Values,
} from './graph-model.js';
import {
  copyOutputs,
  loaderOf,
  type TestInput,
  type TestOutput,
  testRequest,
  unpackStrings,
} from './in-process-model.js';

type Scalar = number | string;

/** Values that an input is given; the default suits its type. */
export interface InputValues {
  /** Numbers from `from` up to, not including, `to`. */
  readonly from?: number;
  readonly to?: number;
  readonly words?: readonly string[];
}

interface CaseInput {
  readonly node: InputNode;
  readonly values: InputValues;
}

/** What a case builds its nodes in: the graph that all cases share, and the case's own inputs. */
export class CaseGraph {
  readonly graph: GraphModel;
  readonly inputs: CaseInput[] = [];

  constructor(graph: GraphModel) {
    this.graph = graph;
  }

  op(op: string, inputs: readonly Node[], attrs: Attrs = {}, dtype?: TypeName): Node {
    return this.graph.op(op, inputs, attrs, dtype);
  }

  /** A node of several outputs, of these types. */
  ops(op: string, inputs: readonly Node[], attrs: Attrs, dtypes: readonly TypeName[]): readonly Node[] {
    return this.graph.add(op, inputs, attrs, dtypes);
  }

  constant(dtype: TypeName, shape: readonly number[], values: Values): Node {
    return this.graph.constant(dtype, shape, values);
  }

  /** A constant of floats between 0 and 1.25, so many as the shape says. */
  weights(shape: readonly number[]): Node {
    const count = shape.reduce((product, size) => product * size, 1);
    return this.constant(
      'float',
      shape,
      Array.from({ length: count }, (_, i) => ((7 * i) % 11) / 8),
    );
  }

  int(value: number): Node {
    return this.constant('int32', [], [value]);
  }

  ints(...values: number[]): Node {
    return this.constant('int32', [values.length], values);
  }

  longs(...values: number[]): Node {
    return this.constant('int64', [values.length], values);
  }

  transposed(node: Node, ...permutation: number[]): Node {
    return this.op('Transpose', [node, this.ints(...permutation)], T(node));
  }

  shape(node: Node): Node {
    return this.op('Shape', [node], T(node), 'int32');
  }

  /** The number of rows of a node that has them in its first dimension. */
  count(node: Node): Node {
    return this.slice(this.shape(node), [0], [1], { shrink_axis_mask: 1 });
  }

  slice(node: Node, from: readonly number[], to: readonly number[], masks: Attrs = {}): Node {
    const steps = this.ints(...from.map(() => 1));
    const attrs = { ...T(node), Index: { type: 'int32' }, ...masks } as const;
    return this.op('StridedSlice', [node, this.ints(...from), this.ints(...to), steps], attrs);
  }

  /** The node with its rows the other way round: a row's values are now another's. */
  mixed(node: Node): Node {
    return this.op('ReverseV2', [node, this.ints(0)], T(node));
  }

  /** An input of rows of this shape. */
  rows(dtype: TypeName, rowShape: readonly number[] = [], values: InputValues = {}): InputNode {
    const node = this.graph.input(dtype, rowShape);
    this.inputs.push({ node, values });
    return node;
  }
}

export interface RowCase {
  readonly name: string;
  /** Adds the case's nodes and returns its outputs, whose first dimension should count rows. */
  readonly build: (graph: CaseGraph) => Node | readonly Node[];
  /** With so many sets of values, until one shows a difference; default 1. */
  readonly tries?: number;
}

export interface CaseResult {
  readonly name: string;
  readonly proof: RowProof;
  /** How the answer for all rows together differs from those for parts of them; undefined: it does not. */
  readonly difference: string | undefined;
  /** Why all rows together are refused, where parts are answered: a server that sees this runs the parts alone. */
  readonly refusedTogether: string | undefined;
  /** Why some of the rows alone are refused, if they are: what else there is to compare is equal then. */
  readonly refusedAlone: string | undefined;
}

const ROWS = 5;
/** How many of them are asked at a time, in place of all. */
const PARTS = [
  [1, 1, 1, 1, 1],
  [2, 3],
];
/** Of the larger of 1 and the value; for sums that are added up in another order. */
const TOLERANCE = 1e-4;

/** Signatures of one model: TensorFlow copies the whole graph for the first run of each. */
const CASES_OF_A_MODEL = 50;

/** Loads the cases as signatures of models below `folder`, and runs each. Rejects if TensorFlow refuses a graph. */
export async function runCases(
  cases: readonly RowCase[],
  pool: WorkerPool,
  folder: string,
  seed = 1,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (let first = 0; first < cases.length; first += CASES_OF_A_MODEL) {
    const some = cases.slice(first, first + CASES_OF_A_MODEL);
    results.push(...(await runModel(some, pool, folder, seed + first)));
  }
  return results;
}

async function runModel(
  cases: readonly RowCase[],
  pool: WorkerPool,
  folder: string,
  seed: number,
): Promise<CaseResult[]> {
  const graph = new GraphModel();
  const inputs = cases.map(({ build }, i) => {
    const own = new CaseGraph(graph);
    const outputs = [build(own)].flat();
    graph.signature(
      `case_${i}`,
      own.inputs.map(({ node }) => node),
      outputs,
    );
    return own.inputs;
  });
  const proofs = new Map(binding.proveRows(graph.metaGraph()).map((proof) => [proof.signature, proof]));
  return withLoaded(graph, pool, folder, async (model) => {
    const results: CaseResult[] = [];
    for (const [i, { name, tries = 1 }] of cases.entries()) {
      const signature = `case_${i}`;
      const outcome = await compareSeveral(tries, model, signature, inputs[i] ?? [], createRandom(seed + i));
      results.push({ name, proof: proofs.get(signature) as RowProof, ...outcome });
    }
    return results;
  });
}

async function withLoaded<R>(
  graph: GraphModel,
  pool: WorkerPool,
  folder: string,
  use: (model: SavedModel) => Promise<R>,
): Promise<R> {
  const version = join(folder, '1');
  await rm(version, { recursive: true, force: true });
  await mkdir(version, { recursive: true });
  await writeFile(join(version, 'saved_model.pb'), graph.savedModel());
  const loader = loaderOf(version, pool, ['serve'], { name: 'cases' });
  const model = await loader.load();
  try {
    return await use(model);
  } finally {
    await loader.unload();
  }
}

type Outcome = Pick<CaseResult, 'difference' | 'refusedAlone' | 'refusedTogether'>;

const NOTHING: Outcome = { difference: undefined, refusedAlone: undefined, refusedTogether: undefined };

async function compareSeveral(tries: number, ...args: Parameters<typeof compare>): ReturnType<typeof compare> {
  const outcome = await compare(...args);
  return tries > 1 && outcome === NOTHING ? compareSeveral(tries - 1, ...args) : outcome;
}

async function compare(
  model: SavedModel,
  signature: string,
  inputs: readonly CaseInput[],
  random: () => number,
): Promise<Outcome> {
  const columns = inputs.map((input) => Array.from({ length: ROWS }, () => makeRow(input, random)));
  const ask = (first: number, count: number) =>
    answer(model, signature, inputs, columns, first, count).catch((error: unknown) => String(error));
  const together = await ask(0, ROWS);
  let refusedAlone: string | undefined;
  for (const counts of PARTS) {
    const parts = await askParts(counts, ask);
    if (typeof parts === 'string') refusedAlone ??= parts;
    else {
      if (typeof together === 'string') return { ...NOTHING, refusedTogether: together };
      const difference = differenceOf(together, parts, counts);
      if (difference !== undefined) return { ...NOTHING, difference };
    }
  }
  return refusedAlone === undefined ? NOTHING : { ...NOTHING, refusedAlone };
}

/** The answers for parts of the rows, or why one is refused. */
async function askParts(
  counts: readonly number[],
  ask: (first: number, count: number) => Promise<Answer[] | string>,
): Promise<Answer[][] | string> {
  const parts: Answer[][] = [];
  let first = 0;
  for (const count of counts) {
    const answers = await ask(first, count);
    if (typeof answers === 'string') return answers;
    parts.push(answers);
    first += count;
  }
  return parts;
}

interface Answer {
  readonly shape: readonly number[];
  readonly values: readonly Scalar[];
}

async function answer(
  model: SavedModel,
  signatureName: string,
  inputs: readonly CaseInput[],
  columns: readonly (readonly (readonly Scalar[])[])[],
  first: number,
  count: number,
): Promise<Answer[]> {
  const tensors = inputs.map(({ node }, i) =>
    testInput(node, count, columns[i]?.slice(first, first + count).flat() ?? []),
  );
  const outputs = await model.predict(testRequest(tensors, { signatureName }), copyOutputs);
  return outputs.map((output) => ({ shape: output.shape, values: valuesOf(output) }));
}

function differenceOf(
  together: readonly Answer[],
  parts: readonly (readonly Answer[])[],
  counts: readonly number[],
): string | undefined {
  for (const [i, { shape, values }] of together.entries()) {
    const apart = parts.map((answers) => answers[i] as Answer);
    for (const [k, part] of apart.entries()) {
      if (part.shape[0] !== counts[k]) return `output ${i} of ${counts[k]} rows alone has the shape [${part.shape}]`;
      if (String(part.shape.slice(1)) !== String(shape.slice(1)) || shape[0] !== ROWS)
        return `output ${i} has the shape [${shape}], that of ${counts[k]} rows alone [${part.shape}]`;
    }
    const wanted = apart.flatMap((one) => one.values);
    const wrong = values.findIndex((value, k) => !isSame(value, wanted[k] as Scalar));
    if (wrong >= 0) return `output ${i} has ${values[wrong]} at place ${wrong}, not ${wanted[wrong]}`;
  }
  return undefined;
}

function isSame(a: Scalar, b: Scalar): boolean {
  if (typeof a === 'string' || typeof b === 'string') return a === b;
  return Object.is(a, b) || Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(b));
}

const WORDS = ['', 'a', 'b c', 'The cat', 'zz top a', '12', '-3'];

function makeRow({ node: { dtype, rowShape }, values }: CaseInput, random: () => number): Scalar[] {
  const {
    from = dtype === 'float' || dtype === 'double' ? -2 : 0,
    to = dtype === 'bool' ? 2 : 3,
    words = WORDS,
  } = values;
  const count = rowShape.reduce((product, size) => product * size, 1);
  return Array.from({ length: count }, () => {
    if (dtype === 'string') return words[Math.floor(random() * words.length)] as string;
    const value = from + random() * (to - from);
    return dtype === 'float' || dtype === 'double' ? Math.fround(value) : Math.floor(value);
  });
}

/** How values of a type lie in a tensor. */
const ARRAYS: Partial<Record<TypeName, new (values: number[]) => { readonly buffer: ArrayBufferLike }>> = {
  float: Float32Array,
  double: Float64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  int8: Int8Array,
  bool: Uint8Array,
};

function testInput({ alias, dtype, rowShape }: InputNode, rows: number, values: readonly Scalar[]): TestInput {
  const common = { name: alias, dtype: dtypeOf(dtype), shape: [rows, ...rowShape] };
  if (dtype === 'string') return { ...common, strings: values.map((value) => Buffer.from(value as string)) };
  if (dtype === 'int64')
    return { ...common, bytes: new Uint8Array(BigInt64Array.from(values as number[], BigInt).buffer) };
  const Values = ARRAYS[dtype];
  if (Values === undefined) throw new Error(`No values of type ${dtype} can be made.`);
  return { ...common, bytes: new Uint8Array(new Values(values as number[]).buffer) };
}

function valuesOf({ dtype, shape, bytes }: TestOutput): readonly Scalar[] {
  const count = shape.reduce((product, size) => product * size, 1);
  if (dtype === dtypeOf('string')) return unpackStrings(bytes, count).map((text) => text.toString('latin1'));
  const size = byteSizeOf(dtype);
  return Array.from({ length: count }, (_, i) => READERS[dtype]?.(bytes, i * size) ?? bytes.readUIntLE(i * size, size));
}

const READERS: Readonly<Record<number, (bytes: Buffer, at: number) => number>> = {
  [dtypeOf('float')]: (bytes, at) => bytes.readFloatLE(at),
  [dtypeOf('double')]: (bytes, at) => bytes.readDoubleLE(at),
  [dtypeOf('int32')]: (bytes, at) => bytes.readInt32LE(at),
  [dtypeOf('int64')]: (bytes, at) => Number(bytes.readBigInt64LE(at)),
};
