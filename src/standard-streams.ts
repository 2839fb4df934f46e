/**
 * Writes to stdout and stderr that cannot end the process: a full device or a reader that has gone costs the text alone, which
 * is counted. Without a listener, Node ends the process over the stream's `error` event. A leaf module; the count is the thread's.
 */

export type StandardStream = 'stdout' | 'stderr';

const guarded = new Set<NodeJS.WriteStream>();
let lost = 0;

/** Tries to write, whatever became of the texts before: a device may have room again. */
export function writeTo(name: StandardStream, text: string): void {
  const stream = process[name];
  if (!guarded.has(stream)) {
    guarded.add(stream);
    stream.on('error', () => {}); // each write is told of its own
  }
  try {
    stream.write(text, (error) => {
      if (error != null) lost++;
    });
  } catch {
    lost++;
  }
}

/** Texts, as a rule lines of the log, that could not be written since the process began. */
export function lostWrites(): number {
  return lost;
}
