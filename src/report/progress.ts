/** On a terminal: one line, rewritten, with how much is done and how long the rest takes. Elsewhere nothing. */

export interface Progress {
  /** Says what comes next, one step further than the time before. */
  readonly step: (text: string) => void;
  /** Says what goes on beside the steps that are counted. */
  readonly note: (text: string) => void;
  /** Removes the line. */
  readonly clear: () => void;
}

const WIDTH = 20;

export function createProgress(totalSteps: number, stream: NodeJS.WriteStream = process.stderr): Progress {
  let started: number | undefined;
  let begun = 0;
  const show = (line: string) => {
    if (stream.isTTY) stream.write(`\r\x1b[K${line.slice(0, (stream.columns ?? 80) - 1)}`);
  };
  const step = (text: string) => {
    started ??= Date.now();
    show(`${bar(begun, totalSteps)} ${remaining(Date.now() - started, begun, totalSteps)} ${text}`);
    begun = Math.min(begun + 1, totalSteps);
  };
  return { step, note: show, clear: () => show('') };
}

export function bar(done: number, total: number): string {
  const full = Math.round((WIDTH * done) / Math.max(total, 1));
  return `[${'#'.repeat(full)}${'-'.repeat(WIDTH - full)}] ${done}/${total}`;
}

function remaining(millis: number, done: number, total: number): string {
  if (done === 0) return '';
  const seconds = Math.round((millis / done / 1000) * (total - done));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left,`;
}
