/** What each model is asked. Values are made from a fixed seed, so that all runs and all servers get the same. */
import type { Answers, PredictCall } from '../test/support/door-clients.js';
import { createRandom } from './random.js';

export interface BenchModel {
  /** Rows of a request, unless --batch says other ones. */
  readonly batches: readonly number[];
  /** The only input, by its alias, and the shape of one row. */
  readonly input: string;
  readonly rowShape: readonly number[];
  /** All outputs, in the order of their aliases. */
  readonly outputs: readonly string[];
  /** The only output's value for each value of the input, where that is so simple. */
  readonly expected?: (value: number) => number;
}

/** half_plus_two is committed, the other ones are made by scripts/models/bench.py: see model-folders.ts. */
export const MODELS: Readonly<Record<string, BenchModel>> = {
  half_plus_two: { batches: [1], input: 'x', rowShape: [], outputs: ['y'], expected: (x) => 0.5 * x + 2 },
  mlp: { batches: [1, 32], input: 'images', rowShape: [784], outputs: ['classes', 'scores'] },
  spectra: { batches: [50, 300], input: 'x', rowShape: [1025], outputs: ['y'] },
  echo: { batches: [1, 32], input: 'x', rowShape: [1000], outputs: ['y'], expected: (x) => x },
  mobilenet: { batches: [1], input: 'images', rowShape: [224, 224, 3], outputs: ['output_0'] },
};

/** A call with random rows. Throws an Error with a sentence if the bench does not know the model. */
export function createCall(model: string, batch: number): PredictCall {
  const known = MODELS[model];
  if (known === undefined) throw new Error(`The bench does not know what to ask of ${model}.`);
  const shape = [batch, ...known.rowShape];
  const random = createRandom();
  const count = shape.reduce((product, size) => product * size, 1);
  // Rounded to float32, so that the text of a JSON request says the same values as the bytes of the other doors.
  const values = Array.from({ length: count }, () => Math.fround(random()));
  return { model, inputs: { [known.input]: { dtype: 'float', shape, values } }, outputs: known.outputs };
}

/** What must be answered, where that can be said beforehand. */
export function expectedAnswers({ model, inputs }: PredictCall): Answers | undefined {
  const { input, outputs, expected } = MODELS[model] ?? {};
  const tensor = inputs[input ?? ''];
  if (expected === undefined || tensor === undefined) return undefined;
  return { [outputs?.[0] ?? '']: { shape: tensor.shape, values: tensor.values.map((x) => expected(x as number)) } };
}
