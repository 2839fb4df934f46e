import { setImmediate as nextTurn } from 'node:timers/promises';
import { Code, ServingError } from '../../errors.js';
import type { Cancellation } from '../../tensor/predict-request.js';

/**
 * Steps through work that pauses, with a turn of the event loop for others at each pause. The result, at once if there was
 * no pause. Rejects with CANCELLED or DEADLINE_EXCEEDED if nobody waits for it any more; throws what the work throws.
 */
export function inTurns<T>(
  steps: Generator<void, T, void>,
  cancellation: Cancellation,
  deadlineMillis: number,
): T | Promise<T> {
  const first = steps.next();
  return first.done ? first.value : goOn(steps, cancellation, deadlineMillis);
}

async function goOn<T>(
  steps: Generator<void, T, void>,
  cancellation: Cancellation,
  deadlineMillis: number,
): Promise<T> {
  for (;;) {
    await nextTurn();
    if (cancellation.cancelled) throw new ServingError(Code.CANCELLED, 'The client went away.');
    if (Date.now() > deadlineMillis) {
      throw new ServingError(Code.DEADLINE_EXCEEDED, 'The time limit passed while the request was being read.');
    }
    const step = steps.next();
    if (step.done) return step.value;
  }
}
