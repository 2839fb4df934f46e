/**
 * The worker threads of one device: a piscina pool in which every worker runs one task that never ends, blocking in the
 * addon's serve(). Requests reach them through the native queue, not through piscina (measured: a piscina task per request
 * costs ten times as much).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { Code, ServingError, toServingError } from '../errors.js';
import { log } from '../log.js';
import { type BlockedLane, binding, type LaneId, type QueueId, type SessionId } from '../native/binding.js';
import { completions } from './completions.js';
import './graph-run-metrics.js';
import type { DeviceLoad } from './device-load.js';
import { showQueue } from './worker-metrics.js';

/** Before a worker that died is replaced: one that cannot even start must not keep the loop busy. */
const RESTART_MILLIS = 1000;

/** How often runs are looked at, ms. */
const WATCH_MILLIS = 250;

/** Workers that may be started in place of held ones: for each of --num_workers. */
const EXTRA_PER_WORKER = 2;

/** What stands behind a lane. */
export interface LaneOwner {
  readonly session: SessionId;
  /** E.g. `Servable {name: m version: 1}`, for people. */
  readonly label: string;
  /** A run has not ended in time: the lane refuses all requests from now on, and its session is closed. */
  onBlocked(): void;
  /** All such runs have ended: the model can be loaded anew. */
  onFree(): void;
}

export interface WorkerPoolOptions {
  /** For the log, metrics, and what suits it, e.g. `CPU:0`. */
  readonly device: string;
  /** What graphs must name to run there, e.g. `/device:GPU:1`; default: TensorFlow puts them there itself. */
  readonly placement?: string | undefined;
  /** Whether there are other devices, so that requests under way are counted; default false. */
  readonly counted?: boolean;
  /** Worker threads: how many runs go on at the same time. */
  readonly workers: number;
  /** How long a run may take, ms, before it blocks its model; default 0: any time. */
  readonly maxRunMillis?: number;
}

export class WorkerPool {
  readonly device: string;
  readonly queue: QueueId;
  readonly placement: string | undefined;
  /** Undefined where it is the only device. */
  readonly load: DeviceLoad | undefined;
  readonly #piscina: Piscina;
  readonly #tasks = new Set<Promise<void>>();
  readonly #maxRunMillis: number;
  readonly #mostExtra: number;
  readonly #watcher: NodeJS.Timeout;
  readonly #lanes = new Map<LaneId, LaneOwner>();
  readonly #blocked = new Map<LaneId, LaneOwner>();
  readonly #closeQueue: () => void;
  readonly #hideMetrics: () => void;
  #closing = false;

  constructor(options: WorkerPoolOptions) {
    this.device = options.device;
    this.queue = binding.createQueue();
    this.placement = options.placement;
    this.load = options.counted ? { inFlight: 0 } : undefined;
    this.#hideMetrics = showQueue(this.device, this.queue);
    this.#piscina = new Piscina({
      filename: new URL('./worker.js', import.meta.url).href,
      minThreads: options.workers,
      maxThreads: options.workers * (1 + EXTRA_PER_WORKER),
    });
    this.#maxRunMillis = options.maxRunMillis ?? 0;
    this.#mostExtra = options.workers * EXTRA_PER_WORKER;
    for (let i = 0; i < options.workers; i++) this.#addWorker();
    this.#watcher = setInterval(() => this.#watchRuns(), WATCH_MILLIS);
    this.#watcher.unref();
    // Without it process.exit() would wait for workers that nothing tells to stop.
    this.#closeQueue = () => binding.closeQueue(this.queue);
    process.on('exit', this.#closeQueue);
  }

  /** Until forgetLane(), which must come before the lane is closed. */
  watchLane(lane: LaneId, owner: LaneOwner): void {
    this.#lanes.set(lane, owner);
  }

  forgetLane(lane: LaneId): void {
    this.#lanes.delete(lane);
    this.#blocked.delete(lane);
  }

  /** Whose lanes refuse all requests, since a run of theirs has not ended in time. */
  get blocked(): readonly string[] {
    return [...this.#blocked.values()].map(({ label }) => label);
  }

  /** Refuses what waits, lets the runs in progress finish and ends the threads. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#watcher);
    binding.closeQueue(this.queue);
    await Promise.all(this.#tasks);
    await this.#piscina.destroy();
    process.off('exit', this.#closeQueue);
    this.#hideMetrics();
    binding.removeQueue(this.queue);
  }

  #addWorker(): void {
    const task = this.#serve().finally(() => this.#tasks.delete(task));
    this.#tasks.add(task);
  }

  #watchRuns(): void {
    const report = binding.watchRuns(this.queue, this.#maxRunMillis, this.#mostExtra);
    if (report === undefined) return;
    for (let i = 0; i < report.replacements; i++) this.#addWorker();
    if (report.replacements > 0)
      log.warn(`Runs hold ${report.replacements} of the workers of ${this.device}, which are replaced meanwhile.`);
    if (report.givenUp.length > 0) completions().giveUp(report.givenUp, tooLong(this.#maxRunMillis));
    for (const lane of report.lanes) this.#noteBlocked(lane);
  }

  #noteBlocked({ lane, isNew, runs }: BlockedLane): void {
    const owner = this.#lanes.get(lane);
    if (owner === undefined) return;
    if (isNew) {
      this.#blocked.set(lane, owner);
      owner.onBlocked();
      // Those that share the session can run nothing any more either.
      for (const [other, { session }] of this.#lanes)
        if (session === owner.session && !this.#blocked.has(other)) binding.blockLane(other);
    }
    if (runs === 0) owner.onFree();
  }

  /** Keeps one worker at work: should it die of an error, piscina has another thread for the next task. */
  async #serve(): Promise<void> {
    for (;;) {
      try {
        await this.#piscina.run(this.queue);
        return;
      } catch (error) {
        if (this.#closing) return;
        log.error(`A worker of ${this.device} died and is replaced: ${toServingError(error).message}`);
        await sleep(RESTART_MILLIS, undefined, { ref: false });
      }
    }
  }
}

function tooLong(maxRunMillis: number): ServingError {
  return new ServingError(
    Code.DEADLINE_EXCEEDED,
    `The model's run has not ended within ${maxRunMillis} ms, the limit that --max_run_time_in_ms sets, and is given up.`,
  );
}
