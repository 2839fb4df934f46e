/** grpc.health.v1 (grpc/grpc, doc/health-checking.md). */
import type { Api } from '../../api/api.js';
import { notFound } from '../../errors.js';
import { decodeMessage, encodeMessage } from '../../formats/protobuf.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../gen/messages.js';
import type { CallContext, GrpcListener, ReplyStream } from '../grpc.js';

/** How often a watched server is looked at. */
const WATCH_INTERVAL_MILLIS = 500;

/** '' is the server as a whole; the short names are those that TensorFlow Serving's probes use. */
const SERVICES: ReadonlySet<string> = new Set([
  '',
  'tensorflow.serving.PredictionService',
  'tensorflow.serving.ModelService',
  'PredictionService',
  'ModelService',
]);

export function registerHealth(listener: GrpcListener, api: Api): void {
  listener.register('/grpc.health.v1.Health/Check', (message, call) => call.reply(check(api, message)));
  listener.registerServerStream('/grpc.health.v1.Health/Watch', (message, replies, context) => {
    watch(api, message, replies, context);
  });
}

function check(api: Api, message: Uint8Array): Uint8Array {
  const { service } = decodeMessage(HealthCheckRequest, message);
  if (!SERVICES.has(service))
    throw notFound(`There is no service "${service}" here. Leave the name empty to ask for the server.`);
  return reply(statusOf(api, service));
}

/** Sends the status at once and then each time it changes. */
function watch(api: Api, message: Uint8Array, replies: ReplyStream, context: CallContext): void {
  const { service } = decodeMessage(HealthCheckRequest, message);
  let last = statusOf(api, service);
  replies.send(reply(last));
  const timer = setInterval(() => {
    const status = statusOf(api, service);
    if (status === last) return;
    last = status;
    replies.send(reply(status));
  }, WATCH_INTERVAL_MILLIS);
  timer.unref();
  context.cancellation.onCancel(() => clearInterval(timer));
}

function statusOf(api: Api, service: string): number {
  if (!SERVICES.has(service)) return Status.SERVICE_UNKNOWN;
  return api.ready() ? Status.SERVING : Status.NOT_SERVING;
}

function reply(status: number): Uint8Array {
  return encodeMessage(HealthCheckResponse, { status });
}
