/**
 * The devices that models run on: a queue and a pool of workers for each. Where there is one device, as usual, nothing is
 * chosen and no graph is rewritten; with several, each model has a replica on each of its devices.
 */
import { invalidArgument, toServingError } from '../errors.js';
import { log } from '../log.js';
import { binding, type DeviceInfo } from '../native/binding.js';
import { type DeviceFlags, type DeviceName, deviceIndex, isCpu, isGpu } from './device-names.js';
import { WorkerPool } from './pool.js';

/** What decides on which devices there are, the same for all sessions of the process: TensorFlow makes its devices once. */
export interface DeviceSetup {
  /** So many devices of the CPU's cores and memory, which they share: as many as flags name or the operator's file says. */
  readonly cpus: number;
  /** Of each GPU, MB; empty: no limit. */
  readonly gpuMemoryLimitsMb: readonly number[];
  /** Whether GPUs are left alone: TensorFlow would take some of their memory even if no model ran there. */
  readonly withoutGpus?: boolean;
}

export interface DevicesOptions extends DeviceFlags {
  /** The TensorFlow server that runs all graphs, `grpc://host:port`, and then no device is chosen here; empty: none. */
  readonly target: string;
  /** Worker threads of each device. */
  readonly workers: number;
  /** How long a run may take, ms, before it blocks its model; 0: any time. */
  readonly maxRunMillis: number;
  /** The most that TensorFlow may take of each GPU's memory, MB; 0: no limit. */
  readonly gpuMemoryLimitMb: number;
  /** Serialized ConfigProto of a session with such devices. */
  readonly sessionConfig: (setup: DeviceSetup) => Uint8Array;
}

/** A device that models can be put on. */
export interface DeviceState extends DeviceInfo {
  /** Workers that serve it; 0: no model may run there. */
  readonly workers: number;
}

/** The most GPUs of a machine that are tried. */
const MOST_GPUS = 64;

interface Plan {
  readonly setup: DeviceSetup;
  readonly states: readonly DeviceState[];
  /** Of models that `models` does not name. */
  readonly default: readonly DeviceName[];
  readonly models: DeviceFlags['models'];
  readonly placements: ReadonlyMap<DeviceName, string | undefined>;
}

export class Devices {
  readonly #plan: Plan;
  readonly #pools: ReadonlyMap<DeviceName, WorkerPool>;

  /**
   * Throws INVALID_ARGUMENT, with what there is, if a flag names a device that TensorFlow does not see, and TensorFlow's own
   * error if it cannot set its devices up.
   */
  constructor(options: DevicesOptions) {
    this.#plan = options.target === '' ? planHere(options) : planRemote(options.target);
    const { placements } = this.#plan;
    const { workers, maxRunMillis } = options;
    const counted = placements.size > 1;
    const pools = [...placements].map(
      ([device, placement]) => new WorkerPool({ device, workers, maxRunMillis, counted, placement }),
    );
    this.#pools = new Map(pools.map((pool) => [pool.device, pool]));
  }

  get setup(): DeviceSetup {
    return this.#plan.setup;
  }

  /** What refuses all requests, since a run of it has not ended in time, each with its device. */
  blocked(): readonly string[] {
    return [...this.#pools.values()].flatMap(({ device, blocked }) => blocked.map((label) => `${label} on ${device}`));
  }

  /** Where the model is to run: at least one. */
  of(model: string): readonly WorkerPool[] {
    const { models, default: others } = this.#plan;
    return (models.get(model) ?? others).map((device) => this.#pools.get(device) as WorkerPool);
  }

  /** For JSON: what there is, what of it is used, and for which of these models. */
  describe(models: readonly string[]): object {
    const devicesOf = (model: string) => this.of(model).map(({ device }) => device);
    return {
      devices: this.#plan.states.map(({ name, memoryBytes, workers }) => ({
        name,
        memory_bytes: memoryBytes,
        workers,
      })),
      model_devices: Object.fromEntries(models.map((model) => [model, devicesOf(model)])),
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }
}

function planRemote(target: string): Plan {
  const setup = { cpus: 1, gpuMemoryLimitsMb: [] };
  return { setup, states: [], default: [target], models: new Map(), placements: new Map([[target, undefined]]) };
}

function planHere(options: DevicesOptions): Plan {
  const { setup, devices } = setUp(options);
  const gpus = devices.map(({ name }) => name).filter(isGpu);
  if (options.gpuMemoryLimitMb > 0 && gpus.length === 0)
    log.warn('--gpu_memory_limit_mb has no effect: there is no GPU that models run on.');
  const first = gpus[0] ?? 'CPU:0';
  const all = gpus.length > 0 ? gpus : [first];
  const models = options.models;
  const others = options.devices === 'all' ? all : options.devices;
  const used = new Set([...others, ...[...models.values()].flat()]);
  checkSeen(used, devices);
  const states = devices
    .filter(({ name }) => isCpu(name) || isGpu(name))
    .map((device) => ({ ...device, workers: used.has(device.name) ? options.workers : 0 }));
  const placements = new Map([...used].map((device) => [device, placementOf(device, first, used.size > 1)]));
  return { setup, states, default: others, models, placements };
}

/**
 * How the graph must name its device; undefined where TensorFlow puts it there itself. With several devices of a kind a graph
 * that names one of them must be moved, too.
 */
function placementOf(device: DeviceName, first: DeviceName, several: boolean): string | undefined {
  return device === first && !(several && !isCpu(device)) ? undefined : `/device:${device}`;
}

/** Those that stand in the flags. */
function namesIn({ devices, models }: DeviceFlags): DeviceName[] {
  return [...(devices === 'all' ? [] : devices), ...[...models.values()].flat()];
}

function cpusOf(names: readonly DeviceName[]): number {
  return Math.max(1, ...names.filter(isCpu).map((name) => deviceIndex(name) + 1));
}

function setUp(options: DevicesOptions): { readonly setup: DeviceSetup; readonly devices: readonly DeviceInfo[] } {
  const names = namesIn(options);
  const cpus = cpusOf(names);
  const withoutGpus = options.devices !== 'all' && !names.some(isGpu);
  const list = (gpuMemoryLimitsMb: readonly number[]) => {
    const setup = { cpus, gpuMemoryLimitsMb, withoutGpus };
    const devices = binding.listDevices(options.sessionConfig(setup));
    return { setup: { ...setup, cpus: devices.filter(({ name }) => isCpu(name)).length }, devices };
  };
  const limit = options.gpuMemoryLimitMb;
  return limit > 0 && !withoutGpus ? withLimits(list, limit) : list([]);
}

/** TensorFlow wants a limit for each GPU, no more and no fewer, before it tells how many there are. */
function withLimits<T>(list: (limits: readonly number[]) => T, limit: number): T {
  for (let gpus = 1; ; gpus++) {
    try {
      return list(new Array<number>(gpus).fill(limit));
    } catch (error) {
      if (gpus >= MOST_GPUS || !/virtual.device/i.test(toServingError(error).message)) throw toServingError(error);
    }
  }
}

function checkSeen(wanted: ReadonlySet<DeviceName>, devices: readonly DeviceInfo[]): void {
  const seen = devices.map(({ name }) => name);
  const missing = [...wanted].find((name) => !seen.includes(name));
  if (missing === undefined) return;
  throw invalidArgument(
    `There is no device ${missing}, which --devices or --model_devices names. TensorFlow sees ${seen.join(', ')} on this ` +
      'machine. Name one of these; GPUs need the GPU build of libtensorflow and their driver, and more CPUs may always be named.',
  );
}
