/** What runs inside each piscina worker: one long task that serves its device's queue. */
import { binding, type QueueId } from '../native/binding.js';

/** After this long without work, serve() comes back so that the thread can be terminated. */
const IDLE_MILLIS = 200;

function tick(): void {}

export default function serveQueue(queue: QueueId): void {
  // The empty call is not idle: V8 notices a pending termination at a JavaScript call, not in the bare loop.
  while (binding.serve(queue, IDLE_MILLIS)) tick();
}
