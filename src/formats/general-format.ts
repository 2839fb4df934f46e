/** A number's text as C's `%.<digits>g` has it: what TensorFlow Serving prints floats and bucket bounds by. */

/** An exponent if it is below -4 or as large as the number of digits; zeros at the end are left out. `value` is finite. */
export function generalFormat(value: number, digits: number): string {
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
