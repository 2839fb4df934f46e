/** Calls of the bundled models with the answers that they must give. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, PredictCall, Value } from './door-clients.js';
import { modelPath } from './models.js';

interface Samples {
  readonly images: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
}

const samples = JSON.parse(readFileSync(join(modelPath('digits'), 'samples.json'), 'utf8')) as Samples;
export const SAMPLE_COUNT: number = samples.images.length;

export interface KnownCall {
  readonly call: PredictCall;
  readonly expected: Readonly<Record<string, Answer>>;
}

/** `count` of the sample images from `first` on, with the scores that Python's TensorFlow gave. */
export function digitsCall(first: number, count: number): KnownCall {
  const images = samples.images.slice(first, first + count);
  const scores = samples.scores.slice(first, first + count);
  return {
    call: {
      model: 'digits',
      inputs: { images: { dtype: 'float', shape: [count, 64], values: images.flat() } },
      outputs: ['scores', 'classes'],
    },
    expected: {
      scores: { shape: [count, 10], values: scores.flat() },
      classes: { shape: [count], values: scores.map((row) => row.indexOf(Math.max(...row))) },
    },
  };
}

/** y = 0.5 x + 2. */
export function halfPlusTwoCall(values: readonly number[]): KnownCall {
  const shape = [values.length];
  return {
    call: { model: 'half_plus_two', inputs: { x: { dtype: 'float', shape, values } }, outputs: ['y'] },
    expected: { y: { shape, values: values.map((value) => 0.5 * value + 2) } },
  };
}

/** The signature with no batch dimension at all: product = a * n. */
export function scalarCall(a: number, n: number): KnownCall {
  return {
    call: {
      model: 'multi_io',
      signature: 'scalar',
      inputs: { a: { dtype: 'float', shape: [], values: [a] }, n: { dtype: 'int32', shape: [], values: [n] } },
      outputs: ['product'],
    },
    expected: { product: { shape: [], values: [a * n] } },
  };
}

/** What differs between an answer and what was expected, as a sentence; undefined if nothing does. Extra outputs are allowed. */
export function differenceOf(
  answers: Readonly<Record<string, Answer>>,
  expected: KnownCall['expected'],
  tolerance = 1e-5,
): string | undefined {
  for (const [name, { shape, values }] of Object.entries(expected)) {
    const answer = answers[name];
    if (answer === undefined) return `there is no output ${name} but ${Object.keys(answers).join(', ')}`;
    if (String(answer.shape) !== String(shape)) return `${name} has the shape [${answer.shape}], not [${shape}]`;
    if (answer.values.length !== values.length)
      return `${name} has ${answer.values.length} values, not ${values.length}`;
    const wrong = values.findIndex((value, i) => !isClose(answer.values[i] as Value, value, tolerance));
    if (wrong >= 0) return `${name}[${wrong}] is ${answer.values[wrong]}, not ${values[wrong]}`;
  }
  return undefined;
}

function isClose(a: Value, b: Value, tolerance: number): boolean {
  return typeof a === 'number' && typeof b === 'number' ? Math.abs(a - b) <= tolerance : a === b;
}
