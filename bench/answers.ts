/** Whether two servers gave the same answer. */
import type { Answer, Answers, Value } from '../test/support/door-clients.js';

/** Of the larger value; other orders of summation differ by less, a wrong value by more. */
const TOLERANCE = 1e-4;
/** Below this a value is rounding noise. */
const NOISE = 1e-7;

/** What is wrong with an answer, as a clause; undefined if nothing is. Outputs that are missing or too many are wrong. */
export function differenceOf(answers: Answers, expected: Answers): string | undefined {
  const [names, wanted] = [answers, expected].map((outputs) => Object.keys(outputs).sort().join(', '));
  if (names !== wanted) return `its outputs are ${names}, not ${wanted}`;
  return Object.keys(expected)
    .map((name) => outputDifference(name, answers[name] as Answer, expected[name] as Answer))
    .find((difference) => difference !== undefined);
}

function outputDifference(name: string, { shape, values }: Answer, expected: Answer): string | undefined {
  if (String(shape) !== String(expected.shape)) return `${name} has the shape [${shape}], not [${expected.shape}]`;
  if (values.length !== expected.values.length)
    return `${name} has ${values.length} values, not ${expected.values.length}`;
  const wrong = expected.values.findIndex((value, i) => !isClose(values[i] as Value, value));
  return wrong < 0 ? undefined : `${name}[${wrong}] is ${values[wrong]}, not ${expected.values[wrong]}`;
}

function isClose(a: Value, b: Value): boolean {
  if (typeof a !== 'number' || typeof b !== 'number') return a === b;
  return Math.abs(a - b) <= Math.max(NOISE, TOLERANCE * Math.max(Math.abs(a), Math.abs(b)));
}
