/** The header (gRPC: metadata) `x-priority`: which of a model's waiting requests are run first. */
import { log } from '../log.js';
import { Priority } from './predict-request.js';

export const PRIORITY_HEADER = 'x-priority';

const BY_NAME: ReadonlyMap<string, Priority> = new Map<string, Priority>([
  ['', Priority.NORMAL],
  ['high', Priority.HIGH],
  ['normal', Priority.NORMAL],
  ['low', Priority.LOW],
]);

const REMEDY =
  'Give it high, normal or low, or a number, of which 1 is the highest. Such requests are served as normal ones.';

let isWarned = false;

/**
 * `high`, `normal` (also where the header is absent) or `low`, or a number as Triton's clients give it: 1 is the highest, 0
 * stands for the default, and all above 3 are as 3. Anything else is as if it were absent, and the log says so once: TensorFlow
 * Serving knows no such header, so that it may be somebody else's.
 */
export function parsePriority(text: string): Priority {
  const named = BY_NAME.get(text.toLowerCase());
  if (named !== undefined) return named;
  if (!/^\d{1,5}$/.test(text)) {
    if (!isWarned) log.warn(`${PRIORITY_HEADER} is ${JSON.stringify(text.slice(0, 100))} in a request. ${REMEDY}`);
    isWarned = true;
    return Priority.NORMAL;
  }
  const number = Number(text);
  return number === 0 ? Priority.NORMAL : (Math.min(number - 1, Priority.LOW) as Priority);
}
