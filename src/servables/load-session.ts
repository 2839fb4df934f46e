/** Loads, no more at a time than the machine can do with: each reads a model's files and needs memory beside its weights. */
import { availableParallelism } from 'node:os';
import { ConcurrencyLimit } from '../core/concurrency-limit.js';
import { binding, type LoadedSession, type SessionOptions } from '../native/binding.js';

/** Of this process, at the same time: first loads and replicas all come at once. */
export const MOST_LOADS = Math.max(4, availableParallelism());

const loads = new ConcurrencyLimit();
loads.max = MOST_LOADS;

/** As binding.loadSession(), in its turn; at once where another server does the work, which may take until its time limit. */
export function loadSession(options: SessionOptions): Promise<LoadedSession> {
  const load = () => binding.loadSession(options);
  return options.target === undefined ? loads.run(load) : load();
}
