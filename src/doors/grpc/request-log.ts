/** Has sampled requests and their answers logged. */
import { type LoggedMethod, requestedModelName } from '../../prediction-log.js';
import type { RequestLogs } from '../../request-log.js';
import type { UnaryMethod } from '../grpc.js';

/** The same method; where no model is logged it costs one look at a number. Requests that fail are not logged. */
export function logged(logs: RequestLogs | undefined, name: LoggedMethod, method: UnaryMethod): UnaryMethod {
  if (logs === undefined) return method;
  return (request, context) => {
    const log = logs.active ? logs.sample(requestedModelName(name, request)) : undefined;
    if (log === undefined) return method(request, context);
    // Now: the request's memory is the method's as soon as it has it.
    const copy = new Uint8Array(request);
    return method(request, context).then((response) => {
      log.record(name, copy, response);
      return response;
    });
  };
}
