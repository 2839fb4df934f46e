/** Plots as SVG: with named places along x, or with both axes logarithmic. */

export interface Series {
  readonly name: string;
  /** One value for each place along x; NaN leaves a gap. */
  readonly values: readonly number[];
}

export interface Plot {
  readonly title: string;
  /** Names of the places along x, evenly spaced. */
  readonly places: readonly string[];
  readonly unit: string;
  readonly series: readonly Series[];
}

export interface PointSeries {
  readonly name: string;
  /** Joined by a line in this order. Those that are not above 0 are left out. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface PointPlot {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly PointSeries[];
}

const SIZE = { width: 640, height: 320, left: 70, right: 170, top: 34, bottom: 34 };
const COLOURS = ['#1565c0', '#2e7d32', '#ef6c00', '#c62828', '#6a1b9a', '#00acc1', '#9e9d24', '#212121', '#ec407a'];
/** From the plot's right edge to the names of the series, and what a character of theirs takes. */
const [LEGEND_OFFSET, CHARACTER_WIDTH] = [32, 6.5];

/** The y axis is logarithmic, in whole powers of ten. */
export function linePlot({ title, places, unit, series }: Plot): string {
  const y = verticalAxis(series.flatMap(({ values }) => values));
  const x = (place: number) => SIZE.left + ((place + 0.5) / places.length) * (SIZE.width - SIZE.left - SIZE.right);
  const ticks = places.map((name, i) => text(x(i), SIZE.height - 12, name, 'text-anchor="middle"'));
  const curves = series.map(({ name, values }) => {
    return { name, points: values.map((value, place) => ({ x: x(place), y: value })) };
  });
  return frame(`${title}, ${unit}`, y, ticks, curves);
}

/** Both axes are logarithmic, the y axis in whole powers of ten. */
export function pointPlot({ title, unit, series }: PointPlot): string {
  const points = series.map(({ points }) => points.filter(({ x, y }) => x > 0 && y > 0));
  const xs = points.flat().map(({ x }) => x);
  const [low, high] = [Math.min(...xs) / 1.1, Math.max(...xs) * 1.1];
  const part = (value: number) => Math.log(value / low) / Math.log(high / low);
  const x = (value: number) => SIZE.left + part(value) * (SIZE.width - SIZE.left - SIZE.right);
  const ticks = tickNumbers(low, high, x).map((value) =>
    text(x(value), SIZE.height - 12, value.toLocaleString('en'), 'text-anchor="middle"'),
  );
  const y = verticalAxis(points.flat().map((point) => point.y));
  const curves = series.map(({ name }, i) => ({
    name,
    points: (points[i] ?? []).map((at) => ({ x: x(at.x), y: at.y })),
  }));
  return frame(`${title}, ${unit}`, y, ticks, curves);
}

const multiples = (step: number): number[] => Array.from({ length: Math.round(9 / step) }, (_, i) => 1 + i * step);

/** What powers of ten may be multiplied by to be written at an axis, the most first. */
const FACTORS: readonly (readonly number[])[] = [multiples(0.1), multiples(0.5), multiples(1), [1, 2, 5], [1]];

/** Round numbers between the two: as many as can be read beside each other. */
function tickNumbers(low: number, high: number, x: (value: number) => number): readonly number[] {
  const powers = Array.from({ length: 30 }, (_, i) => 10 ** (i - 12));
  const choices = [
    ...FACTORS.map((factors) => powers.flatMap((power) => factors.map((factor) => factor * power))),
    ...[2, 3, 6].map((step) => powers.filter((_, i) => i % step === 0)),
  ].map((values) => values.filter((value) => value >= low && value <= high));
  const halfWidth = (value: number) => ((value.toLocaleString('en').length + 1) * CHARACTER_WIDTH) / 2;
  const fits = (values: readonly number[]) =>
    values.every((value, i) => {
      const before = values[i - 1];
      return before === undefined || x(value) - x(before) >= halfWidth(before) + halfWidth(value);
    });
  return choices.find(fits) ?? [];
}

interface VerticalAxis {
  readonly powers: readonly number[];
  /** In pixels from the top. */
  at(value: number): number;
}

function verticalAxis(values: readonly number[]): VerticalAxis {
  const known = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...known, 1e9)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...known, 10 ** low))));
  const at = (value: number) => {
    const part = (Math.log10(value) - low) / (high - low);
    return SIZE.height - SIZE.bottom - part * (SIZE.height - SIZE.top - SIZE.bottom);
  };
  return { powers: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)), at };
}

/** The x of the series' points are pixels already. */
function frame(title: string, y: VerticalAxis, ticks: readonly string[], series: readonly PointSeries[]): string {
  const colour = (i: number) => COLOURS[i % COLOURS.length] as string;
  const longest = Math.max(0, ...series.map(({ name }) => name.length));
  const width = Math.max(SIZE.width, SIZE.width - SIZE.right + LEGEND_OFFSET + longest * CHARACTER_WIDTH);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${SIZE.height}" role="img">`,
    text(SIZE.left, 18, title, 'font-weight="bold"'),
    ...y.powers.map((power) => gridLine(y.at(power), power)),
    ...ticks,
    ...series.map(({ points }, i) => curve(points, colour(i), y)),
    ...series.map(({ name }, i) => legend(name, colour(i), SIZE.top + 18 * i)),
    '</svg>',
  ].join('\n');
}

function gridLine(y: number, value: number): string {
  const line = `<line x1="${SIZE.left}" x2="${SIZE.width - SIZE.right}" y1="${y}" y2="${y}" stroke="#ddd"/>`;
  return line + text(SIZE.left - 8, y + 4, value.toLocaleString('en'), 'text-anchor="end"');
}

function curve(all: PointSeries['points'], colour: string, { at }: VerticalAxis): string {
  const points = all.flatMap(({ x, y }) => (y > 0 ? [{ x: x.toFixed(1), y: at(y).toFixed(1) }] : []));
  const path = points.map((point) => `${point.x},${point.y}`).join(' ');
  const dots = points.map((point) => `<circle cx="${point.x}" cy="${point.y}" r="3" fill="${colour}"/>`).join('');
  return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}`;
}

function legend(name: string, colour: string, y: number): string {
  const x = SIZE.width - SIZE.right + 12;
  return `<rect x="${x}" y="${y - 9}" width="10" height="10" fill="${colour}"/>${text(x + 16, y, name)}`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="12" ${attributes}>${escapeMarkup(content)}</text>`;
}

export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
