/**
 * Shows how far a download is: one line that is drawn again and again on a terminal, a line at each quarter elsewhere.
 */
const QUARTER = 25;

/**
 * @typedef {object} Progress
 * @property {(line: string) => void} say a line of its own
 * @property {(megabytes: number) => void} update how much of the current download is here
 * @property {(label: string, megabytes: number) => void} start the next download and its size
 * @property {() => void} finish the current download
 */

/**
 * @param {{ isTTY?: boolean, write: (text: string) => unknown }} [stream]
 * @returns {Progress}
 */
export function createProgress(stream = process.stderr) {
  let label = '';
  let total = 1;
  let shown = 0;

  /** @param {number} megabytes @param {number} percent */
  const draw = (megabytes, percent) => {
    const line = `${label}: ${percent} % (${Math.min(total, Math.round(megabytes))} of ${total} MB)`;
    stream.write(stream.isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  };
  /** @param {number} megabytes */
  const update = (megabytes) => {
    const percent = Math.min(100, Math.floor((100 * megabytes) / total));
    const step = stream.isTTY ? percent : percent - (percent % QUARTER);
    if (step <= shown) return;
    shown = step;
    draw(megabytes, percent);
  };
  return {
    say: (line) => void stream.write(`${line}\n`),
    start: (name, megabytes) => {
      [label, total, shown] = [name, Math.max(1, megabytes), 0];
      draw(0, 0);
    },
    update,
    finish: () => {
      update(total);
      if (stream.isTTY) stream.write('\n');
    },
  };
}
