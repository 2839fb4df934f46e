/** What the models of test/models/rows can be asked: calls with made-up rows, the same in every run. */
import { createRandom } from '../../bench/random.js';
import type { PredictCall, TensorValue, Value } from './door-clients.js';

type Random = () => number;

interface RowInput {
  readonly dtype: TensorValue['dtype'];
  /** Of one row; undefined is a size that each call chooses. */
  readonly shape: readonly (number | undefined)[];
  readonly value: (random: Random) => Value;
}

export interface RowModel {
  /** Its folder below test/models, `rows/independent/…` or `rows/dependent/…`. */
  readonly path: string;
  readonly name: string;
  readonly signature?: string;
  readonly inputs: Readonly<Record<string, RowInput>>;
  readonly outputs: readonly string[];
  /** Its answers depend on when it is run: whether these can be a run's of that call alone. Undefined: they do not. */
  readonly isPlausible?: (x: readonly number[], y: readonly number[]) => boolean;
}

type Parts = Omit<RowModel, 'path' | 'name'>;

const below = (random: Random, limit: number) => Math.floor(random() * limit);
const pick = <T>(random: Random, items: readonly T[]) => items[below(random, items.length)] as T;

const real = (...shape: (number | undefined)[]): RowInput => ({
  dtype: 'float',
  shape,
  value: (random) => Math.fround(4 * random() - 2),
});
const whole = (from: number, to: number, ...shape: number[]): RowInput => ({
  dtype: 'int32',
  shape,
  value: (random) => from + below(random, to - from),
});
const words = (list: readonly string[], separator: string): RowInput => ({
  dtype: 'string',
  shape: [],
  value: (random) => Array.from({ length: below(random, 8) }, () => pick(random, list)).join(separator),
});

const WORDS = ['the', 'a', 'Cat', 'dog', 'sat!', 'ran,', 'on', 'mat', 'table', 'good', 'very', 'unknown'];

/** A Feature's list of values, in a tf.Example of few bytes: all lengths fit into one. */
function feature(name: string, kind: 'bytes' | 'float', values: readonly string[]): string {
  const field = (number: number, text: string) => String.fromCharCode((number << 3) | 2, text.length) + text;
  const list = values.map((value) => field(1, value)).join('');
  return field(1, field(1, name) + field(2, field(kind === 'bytes' ? 1 : 2, list)));
}

function example(random: Random): string {
  // The upper two of a float32's bytes, both below 128, so that it passes as text everywhere.
  const ages = ['\x10\x41', '\x40\x41', '\x00\x42', '\x60\x42'].map((bytes) => `\0\0${bytes}`);
  const tags = Array.from({ length: below(random, 4) }, () => pick(random, ['a', 'b', 'one', 'two']));
  const features = [
    random() < 0.7 ? feature('age', 'float', [pick(random, ages)]) : '',
    random() < 0.7 ? feature('colour', 'bytes', [pick(random, ['red', 'blue', 'mauve'])]) : '',
    feature('words', 'bytes', tags),
  ].join('');
  return String.fromCharCode(10, features.length) + features;
}

const INDEPENDENT: Readonly<Record<string, Parts>> = {
  mlp: { inputs: { x: real(16) }, outputs: ['classes', 'scores'] },
  wide_deep: {
    inputs: { dense: real(6), user: whole(0, 50), item: whole(0, 40), tags: whole(0, 30, 3) },
    outputs: ['probability'],
  },
  mobilenet_like: { inputs: { images: real(12, 12, 3) }, outputs: ['scores'] },
  se_residual: { inputs: { images: real(12, 12, 3) }, outputs: ['scores'] },
  cnn_1d: { inputs: { x: real(24, 4) }, outputs: ['scores'] },
  lstm: { inputs: { tokens: whole(0, 40, 9) }, outputs: ['scores'] },
  gru: { inputs: { x: real(undefined, 4) }, outputs: ['scores'] },
  transformer: { inputs: { tokens: whole(0, 40, 8) }, outputs: ['scores'] },
  masked_sequence: { inputs: { tokens: whole(0, 40, 7) }, outputs: ['scores'] },
  text: {
    inputs: {
      text: words(WORDS, ' '),
      language: { dtype: 'string', shape: [], value: (random) => pick(random, ['de', 'en', 'fr', 'xx']) },
    },
    outputs: ['label', 'scores'],
  },
  ragged_lookup: { inputs: { tags: words(WORDS, ',') }, outputs: ['count', 'first', 'sum'] },
  estimator: {
    signature: 'predict',
    inputs: { examples: { dtype: 'string', shape: [], value: example } },
    outputs: ['class_ids', 'logits'],
  },
};

const four: Parts = { inputs: { x: real(4) }, outputs: ['y'] };

const DEPENDENT: Readonly<Record<string, Parts>> = {
  softmax_rows: four,
  batch_norm_training: four,
  in_batch_attention: four,
  cumsum_rows: four,
  sort_rows: four,
  top_k_rows: four,
  unique_rows: four,
  longest_row: { inputs: { text: { ...words(WORDS, ' '), value: sentence } }, outputs: ['y'] },
  value_dependent: { inputs: { x: { ...real(4), value: (random) => below(random, 6) } }, outputs: ['y'] },
  listwise: { inputs: { x: real(64) }, outputs: ['y'] },
  counter: {
    inputs: { x: { ...real(), value: (random) => below(random, 100) } },
    outputs: ['y'],
    isPlausible: (x, y) =>
      y.every((value, i) => value - (x[i] ?? 0) === (y[0] ?? 0) - (x[0] ?? 0) && value > (x[i] ?? 0)),
  },
  dropout: {
    ...four,
    isPlausible: (x, y) => y.every((value, i) => value === 0 || Math.fround(value) === 2 * (x[i] ?? 0)),
  },
};

/** One word at least: a mean over no words is not a number. */
function sentence(random: Random): string {
  return Array.from({ length: 1 + below(random, 7) }, () => pick(random, WORDS)).join(' ');
}

const modelsOf = (folder: string, table: Readonly<Record<string, Parts>>): readonly RowModel[] =>
  Object.entries(table).map(([name, parts]) => ({ name, path: `rows/${folder}/${name}`, ...parts }));

export const INDEPENDENT_MODELS = modelsOf('independent', INDEPENDENT);
export const DEPENDENT_MODELS = modelsOf('dependent', DEPENDENT);

/** A call of that many rows, all of them made from `seed`. */
export function rowsCall(model: RowModel, rows: number, seed: number): PredictCall {
  const random = createRandom(seed);
  const size = 3 + below(random, 2);
  const tensor = ({ dtype, shape, value }: RowInput): TensorValue => {
    const whole = [rows, ...shape.map((dim) => dim ?? size)];
    const count = whole.reduce((product, dim) => product * dim, 1);
    return { dtype, shape: whole, values: Array.from({ length: count }, () => value(random)) };
  };
  return {
    model: model.name,
    ...(model.signature === undefined ? {} : { signature: model.signature }),
    inputs: Object.fromEntries(Object.entries(model.inputs).map(([name, input]) => [name, tensor(input)])),
    outputs: model.outputs,
  };
}
