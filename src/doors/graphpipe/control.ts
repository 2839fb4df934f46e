/** The paths under /control/, for those who run the server; the same for every method. */
import { Code, notFound, ServingError } from '../../errors.js';
import type { HttpExchange } from '../http.js';
import { TEXT } from './status.js';

export const CONTROL_PREFIX = '/control/';

export interface ControlState {
  readonly ready: boolean;
  /** Requests being worked on, this one included: connections are not counted here. */
  readonly openRequests: number;
}

/** Answers a path under /control/. Throws NOT_FOUND for one that does not exist and PERMISSION_DENIED for a shutdown. */
export function replyControl(exchange: HttpExchange, state: ControlState): void {
  const [status, text] = controlReply(exchange.path, state);
  exchange.reply(status, TEXT, text);
}

function controlReply(path: string, state: ControlState): [status: number, text: string] {
  switch (path.slice(CONTROL_PREFIX.length)) {
    case 'is_ready':
      return state.ready ? [200, 'ok\n'] : [503, 'not ready'];
    case 'is_alive':
      return [200, 'ok\n'];
    case 'client_count':
      return [200, `${state.openRequests}\n`];
    case 'shutdown':
      throw new ServingError(
        Code.PERMISSION_DENIED,
        'This server is not shut down over HTTP, where anybody could ask for it; send its process SIGTERM.',
      );
    default:
      throw notFound(`There is no ${path} here; there are is_ready, is_alive and client_count under /control/.`);
  }
}
