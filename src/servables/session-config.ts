/** The ConfigProto that sessions are made with. */

import { encodeMessage, type Init } from '../formats/protobuf.js';
import { ConfigProto, type ConfigProto_Experimental, type GPUOptions } from '../gen/messages.js';
import type { DeviceSetup } from '../workers/devices.js';

export interface SessionParallelism {
  /** Threads that share the work of one operation; 0: chosen here. */
  readonly intraOp: number;
  /** Threads that run operations side by side; 0: operations run in the worker's own thread where the graph allows. */
  readonly interOp: number;
}

export interface SessionOptions extends SessionParallelism {
  /** Share of the memory of each GPU that is taken; 0: as much as is needed. */
  readonly gpuMemoryFraction?: number;
  /** Whether GPU memory is taken as it is needed, unless the operator's file has gpu_options; default true. */
  readonly gpuMemoryGrowth?: boolean;
  /** Default: one CPU device, GPUs without limit. */
  readonly devices?: DeviceSetup | undefined;
  /** What the operator's file says. What it leaves out is chosen here. */
  readonly base?: ConfigProto | undefined;
}

/** The flags, and for what they leave open the operator's file. */
export function threadsOf(flags: SessionParallelism, base: ConfigProto | undefined): SessionParallelism {
  return {
    intraOp: flags.intraOp || Math.max(0, base?.intra_op_parallelism_threads ?? 0),
    interOp: flags.interOp || Math.max(0, base?.inter_op_parallelism_threads ?? 0),
  };
}

const ONE_CPU: DeviceSetup = { cpus: 1, gpuMemoryLimitsMb: [] };
/** How long a call to another TensorFlow server may take, ms, where the operator's file says nothing. */
const REMOTE_TIMEOUT_MILLIS = 60_000n;

function common(options: SessionOptions): Init<ConfigProto> {
  const { gpuMemoryFraction = 0, gpuMemoryGrowth = true, devices = ONE_CPU, base } = options;
  const gpu = base?.gpu_options ?? { allow_growth: gpuMemoryGrowth };
  const fraction = gpuMemoryFraction > 0 ? { per_process_gpu_memory_fraction: gpuMemoryFraction } : {};
  const gpuOptions = { ...gpu, ...fraction, ...memoryLimits(devices) };
  return { ...base, ...deviceCount(devices, base), allow_soft_placement: true, gpu_options: gpuOptions };
}

function memoryLimits({ gpuMemoryLimitsMb }: DeviceSetup): Pick<Init<GPUOptions>, 'experimental'> {
  if (gpuMemoryLimitsMb.length === 0) return {};
  return { experimental: { virtual_devices: gpuMemoryLimitsMb.map((limit) => ({ memory_limit_mb: [limit] })) } };
}

function deviceCount(
  { cpus, withoutGpus = false }: DeviceSetup,
  base: ConfigProto | undefined,
): Pick<Init<ConfigProto>, 'device_count'> {
  const count = new Map(base?.device_count);
  if (cpus > 1) count.set('CPU', Math.max(cpus, count.get('CPU') ?? 0));
  if (withoutGpus) count.set('GPU', 0);
  return { device_count: count };
}

/** What a file says of the experimental part wins, field by field; zero is as if it said nothing. */
function experimental(
  base: ConfigProto | undefined,
  ours: Init<ConfigProto_Experimental>,
): Init<ConfigProto_Experimental> {
  const said = Object.entries(base?.experimental ?? {}).filter(([, value]) => value !== '' && value !== false);
  return { ...ours, ...Object.fromEntries(said) };
}

/**
 * The lean session (measured: 12 µs against 119 µs of CPU per half_plus_two): operations run one after the other in the
 * worker's thread, on the single-threaded executor. It refuses TF1 control flow and TF1 reference variables, and hangs for
 * ever where a graph lies on more than one device (seen with two CPU devices): inputs and outputs always lie on CPU:0.
 */
export function leanSessionConfig(options: SessionOptions): Uint8Array {
  return encodeMessage(ConfigProto, {
    ...common(options),
    intra_op_parallelism_threads: options.intraOp || 1,
    inter_op_parallelism_threads: -1,
    experimental: experimental(options.base, {
      executor_type: 'SINGLE_THREADED_EXECUTOR',
      optimize_for_static_graph: true,
      disable_output_partition_graphs: true,
    }),
  });
}

/** TensorFlow's usual executor, for what the lean session refuses; still in the worker's thread unless told otherwise. */
export function generalSessionConfig(options: SessionOptions): Uint8Array {
  return encodeMessage(ConfigProto, {
    ...common(options),
    intra_op_parallelism_threads: options.intraOp || 1,
    inter_op_parallelism_threads: options.interOp || -1,
    experimental: experimental(options.base, {
      optimize_for_static_graph: true,
      disable_output_partition_graphs: true,
    }),
  });
}

/**
 * A session on another TensorFlow server, whose threads and devices are its own affair. Variables are this session's own: else
 * two versions, or two models, with variables of the same names would overwrite each other's on that server.
 */
export function remoteSessionConfig({ base }: SessionOptions): Uint8Array {
  return encodeMessage(ConfigProto, {
    ...base,
    allow_soft_placement: true,
    operation_timeout_in_ms: base?.operation_timeout_in_ms || REMOTE_TIMEOUT_MILLIS,
    isolate_session_state: true,
  });
}
