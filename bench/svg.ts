/** Line plots as SVG, with both axes logarithmic or with named places along x. */

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

const SIZE = { width: 640, height: 320, left: 70, right: 170, top: 34, bottom: 34 };
const COLOURS = ['#1565c0', '#2e7d32', '#ef6c00', '#c62828', '#6a1b9a', '#00838f', '#5d4037', '#455a64'];

/** The y axis is logarithmic, in whole powers of ten. */
export function linePlot({ title, places, unit, series }: Plot): string {
  const known = series.flatMap(({ values }) => values).filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...known, 1e9)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...known, 1))));
  const y = (value: number) => {
    const part = (Math.log10(value) - low) / (high - low);
    return SIZE.height - SIZE.bottom - part * (SIZE.height - SIZE.top - SIZE.bottom);
  };
  const x = (place: number) => SIZE.left + ((place + 0.5) / places.length) * (SIZE.width - SIZE.left - SIZE.right);
  const powers = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${SIZE.width} ${SIZE.height}" role="img">`,
    text(SIZE.left, 18, `${title}, ${unit}`, 'font-weight="bold"'),
    ...powers.map((power) => gridLine(y(power), power)),
    ...places.map((name, i) => text(x(i), SIZE.height - 12, name, 'text-anchor="middle"')),
    ...series.map((one, i) => curve(one, COLOURS[i % COLOURS.length] as string, x, y)),
    ...series.map(({ name }, i) => legend(name, COLOURS[i % COLOURS.length] as string, SIZE.top + 18 * i)),
    '</svg>',
  ].join('\n');
}

function gridLine(y: number, value: number): string {
  const line = `<line x1="${SIZE.left}" x2="${SIZE.width - SIZE.right}" y1="${y}" y2="${y}" stroke="#ddd"/>`;
  return line + text(SIZE.left - 8, y + 4, value.toLocaleString('en'), 'text-anchor="end"');
}

function curve({ values }: Series, colour: string, x: (place: number) => number, y: (value: number) => number): string {
  const points = values.flatMap((value, i) => (value > 0 ? [{ x: x(i).toFixed(1), y: y(value).toFixed(1) }] : []));
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
