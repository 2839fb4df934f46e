/**
 * The worker threads of one device: a piscina pool in which every worker runs one task that never ends, blocking in the
 * addon's serve(). Requests reach them through the native queue, not through piscina (measured: a piscina task per request
 * costs ten times as much).
 */
import { Piscina } from 'piscina';
import { binding, type QueueId } from '../native/binding.js';

export interface WorkerPoolOptions {
  /** For the log, e.g. `CPU:0`. */
  readonly device: string;
  /** Worker threads: how many runs go on at the same time. */
  readonly workers: number;
}

export class WorkerPool {
  readonly device: string;
  readonly queue: QueueId;
  readonly #piscina: Piscina;
  readonly #tasks: Promise<void>[];
  readonly #closeQueue: () => void;

  constructor(options: WorkerPoolOptions) {
    this.device = options.device;
    this.queue = binding.createQueue();
    this.#piscina = new Piscina({
      filename: new URL('./worker.js', import.meta.url).href,
      minThreads: options.workers,
      maxThreads: options.workers,
    });
    this.#tasks = Array.from({ length: options.workers }, () => this.#piscina.run(this.queue));
    // Without it process.exit() would wait for workers that nothing tells to stop.
    this.#closeQueue = () => binding.closeQueue(this.queue);
    process.on('exit', this.#closeQueue);
  }

  /** Rejects when a worker has died: the pool then serves more slowly, or not at all. */
  async failure(): Promise<never> {
    await Promise.all(this.#tasks);
    return new Promise<never>(() => {});
  }

  /** Refuses what waits, lets the runs in progress finish and ends the threads. */
  async close(): Promise<void> {
    binding.closeQueue(this.queue);
    await Promise.allSettled(this.#tasks);
    await this.#piscina.destroy();
    process.off('exit', this.#closeQueue);
    binding.removeQueue(this.queue);
  }
}
