/** Has sampled requests and their answers logged. */
import { type LoggedMethod, requestedModelName } from '../../request-log/prediction-log.js';
import type { RequestLogs } from '../../request-log/request-log.js';
import type { UnaryMethod } from '../grpc.js';

/** The same method; where no model is logged it costs one look at a number. Requests that fail are not logged. */
export function logged(logs: RequestLogs | undefined, name: LoggedMethod, method: UnaryMethod): UnaryMethod {
  if (logs === undefined) return method;
  return (request, call) => {
    const log = logs.active ? logs.sample(requestedModelName(name, request)) : undefined;
    if (log === undefined) return method(request, call);
    // Now: the request's memory is lent.
    const copy = new Uint8Array(request);
    const reply = (message: Uint8Array) => {
      log.record(name, copy, message);
      call.reply(message);
    };
    const { deadlineMillis, cancellation, priority = '' } = call;
    return method(request, { deadlineMillis, cancellation, priority, reply });
  };
}
