/**
 * tensorflow.ProfilerService (tsl/profiler/protobuf/profiler_service.proto). A profile goes back to the client, who writes it
 * into its repository as `<host>.xplane.pb`: TensorFlow's client does that with the data of any tool. Servers that write to
 * `repository_root` themselves let whoever reaches the port write files; this one never does.
 */

import { decodeMessage, encodeMessage } from '../../formats/protobuf.js';
import {
  MonitorRequest,
  MonitorResponse,
  ProfileRequest,
  ProfileResponse,
  TerminateRequest,
} from '../../gen/messages.js';
import type { CallContext, GrpcListener } from '../grpc.js';

export const PROFILER_SERVICE = 'tensorflow.ProfilerService';

/** What clients put behind the host in the file's name. */
const XPLANE_TOOL = 'xplane.pb';

const NANOS_PER_MILLI = 1_000_000n;

type Cancellation = CallContext['cancellation'];

/** What does the work; see profiling/profiler.ts. */
export interface Profiler {
  profile(options: {
    readonly sessionId: string;
    readonly durationMillis: number;
    readonly startMillis: number;
    readonly mostEvents: number;
    readonly cancellation: Cancellation;
  }): Promise<{ readonly xspace: Uint8Array | undefined }>;
  terminate(sessionId: string): void;
  monitor(options: {
    readonly durationMillis: number;
    readonly level: number;
    readonly timestamp: boolean;
    readonly cancellation: Cancellation;
  }): Promise<string>;
}

export function registerProfiler(listener: GrpcListener, profiler: Profiler): void {
  const path = (method: string) => `/${PROFILER_SERVICE}/${method}`;
  listener.register(path('Profile'), async (message, call) => call.reply(await profile(profiler, message, call)));
  listener.register(path('Monitor'), async (message, call) => call.reply(await monitor(profiler, message, call)));
  listener.register(path('Terminate'), (message, call) => {
    profiler.terminate(decodeMessage(TerminateRequest, message).session_id);
    call.reply(new Uint8Array());
  });
}

async function profile(profiler: Profiler, message: Uint8Array, { cancellation }: CallContext): Promise<Uint8Array> {
  const { session_id: sessionId, duration_ms, max_events, opts } = decodeMessage(ProfileRequest, message);
  const { xspace } = await profiler.profile({
    sessionId,
    durationMillis: Number(opts?.duration_ms || duration_ms),
    startMillis: Number((opts?.start_timestamp_ns ?? 0n) / NANOS_PER_MILLI),
    mostEvents: Number(max_events),
    cancellation,
  });
  const tool_data = xspace === undefined ? [] : [{ name: XPLANE_TOOL, data: xspace }];
  return encodeMessage(ProfileResponse, { tool_data, empty_trace: xspace === undefined });
}

async function monitor(profiler: Profiler, message: Uint8Array, { cancellation }: CallContext): Promise<Uint8Array> {
  const { duration_ms, monitoring_level: level, timestamp } = decodeMessage(MonitorRequest, message);
  const data = await profiler.monitor({ durationMillis: Number(duration_ms), level, timestamp, cancellation });
  return encodeMessage(MonitorResponse, { data });
}
