/** The text of a float as TensorFlow Serving's REST answers have it; tensors are printed natively by the same rules. */

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

/** C's %g: an exponent if it is below -4 or as large as the number of digits; zeros at the end are left out. */
function generalFormat(value: number, digits: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa = '', power = ''] = roundedExponential(Math.abs(value), digits - 1).split('e');
  const exponent = Number(power);
  const sign = value < 0 ? '-' : '';
  if (exponent < -4 || exponent >= digits) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${withoutZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const figures = mantissa.replace('.', '');
  if (exponent < 0) return `${sign}${withoutZeros(`0.${'0'.repeat(-exponent - 1)}${figures}`)}`;
  return `${sign}${withoutZeros(`${figures.slice(0, exponent + 1)}.${figures.slice(exponent + 1)}`)}`;
}

/** More decimals than any float's that lies in the middle between two numbers of nine digits. */
const ALL_DECIMALS = 60;

/** toExponential() rounds what lies just in the middle up; C rounds it to the even digit. */
function roundedExponential(value: number, decimals: number): string {
  const rounded = value.toExponential(decimals);
  if (!value.toExponential(decimals + 1).includes('5e')) return rounded;
  const [all = '', power = ''] = value.toExponential(ALL_DECIMALS).split('e');
  const kept = all.slice(0, decimals + 2);
  const isMiddle = /^50*$/.test(all.slice(decimals + 2));
  return isMiddle && Number(kept.at(-1)) % 2 === 0 ? `${kept}e${power}` : rounded;
}

/** `text` has a point. */
function withoutZeros(text: string): string {
  return text.replace(/\.?0*$/, '');
}
