import { mock } from 'node:test';

export interface CapturedLog {
  /** Lines logged since the capture began, without time stamps: `W message key=value`. */
  lines(): string[];
  /** Lets the log reach stderr again. */
  restore(): void;
}

/** Keeps what this process logs away from stderr. Call restore() in a `finally` or an afterEach. */
export function captureLog(): CapturedLog {
  let output = '';
  const write = mock.method(process.stderr, 'write', (text: string) => {
    output += text;
    return true;
  });
  return {
    lines: () =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => line.replace(/^\S+ /, '')),
    restore: () => write.mock.restore(),
  };
}
