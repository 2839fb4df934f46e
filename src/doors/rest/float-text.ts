/** The text of a float as TensorFlow Serving's REST answers have it; tensors are printed natively by the same rules. */
import { generalFormat } from '../../formats/general-format.js';

const SHORT_DIGITS = 6;
const EXACT_DIGITS = 9;

/**
 * Six significant digits if they are the number exactly, else nine, as C's %g prints them; `.0` behind whole ones that have no
 * exponent. NaN, Infinity and -Infinity by these names. `value` must be a float.
 */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const short = generalFormat(value, SHORT_DIGITS);
  const text = Math.fround(Number(short)) === value ? short : generalFormat(value, EXACT_DIGITS);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
