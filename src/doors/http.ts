/**
 * The listener that all HTTP/1.1 doors share, on uWebSockets.js: bodies, limits, clients that go away, corked replies and
 * draining. It knows no routes. What uWebSockets itself does: it answers malformed and HTTP/1.0 requests (400, 505) and
 * headers beyond 4 KiB (431), sends `100 Continue` where asked for it, closes connections that are idle for 10 seconds or send
 * a body at less than 16 KiB a second, and closes one whose client sends a second request while the first is being worked
 * on (RFC 9112, section 9.3.2 has such a client try again).
 */

import {
  App,
  LIBUS_LISTEN_EXCLUSIVE_PORT,
  type ListenSocket,
  type TemplatedApp,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, ServingError } from '../errors.js';
import type { Door } from './door.js';
import { Exchange, type ExchangeOwner } from './http-exchange.js';
import type { HttpOptions } from './http-handler.js';

export type { HttpExchange, HttpHandler, HttpOptions } from './http-handler.js';
export { retryAfterHeaders } from './http-retry-after.js';
export { deadlineOf, TIMEOUT_HEADERS } from './http-timeout.js';
export { ReusedBuffer } from './reused-buffer.js';

/**
 * While draining, connections without a request in flight are kept for this long after the last one was answered: a
 * request that crossed our last answer on its way is still served, not reset.
 */
const DRAIN_QUIET_MILLIS = 100;

export function createHttpDoor(options: HttpOptions): Door {
  return new HttpDoor(options);
}

class HttpDoor implements Door, ExchangeOwner {
  readonly options: HttpOptions;
  draining = false;
  #app: TemplatedApp | undefined;
  #listenSocket: ListenSocket | undefined;
  #connections = 0;
  #accepted = 0;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;

  constructor(options: HttpOptions) {
    this.options = options;
  }

  get name(): string {
    return this.options.name;
  }

  listen(): Promise<number> {
    const { host, port } = this.options;
    return new Promise((resolve, reject) => {
      if (this.draining) return reject(this.#cannotListen('it has been closed'));
      const app = App();
      app.filter((_res, change) => this.#countConnection(change));
      app.any('/*', (res, req) => this.#accept(new Exchange(this, res, req), res));
      const onListening = (socket: ListenSocket | false) => {
        if (socket === false) return reject(this.#cannotListen('it is in use, not of this machine, or not permitted'));
        this.#app = app;
        this.#listenSocket = socket;
        resolve(us_socket_local_port(socket));
      };
      if (host === '') app.listen(port, LIBUS_LISTEN_EXCLUSIVE_PORT, onListening);
      else app.listen(host, port, LIBUS_LISTEN_EXCLUSIVE_PORT, onListening);
    });
  }

  async drain(): Promise<void> {
    this.draining = true;
    this.#closeListenSocket();
    while (this.#connections > 0) {
      const accepted = this.#accepted;
      await this.#idle();
      await sleep(DRAIN_QUIET_MILLIS);
      if (this.#inFlight === 0 && this.#accepted === accepted) break;
    }
    this.close();
  }

  close(): void {
    this.draining = true;
    this.#closeListenSocket();
    this.#app?.close();
    this.#app = undefined;
  }

  exchangeEnded(): void {
    this.#inFlight -= 1;
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  #countConnection(change: number): void {
    this.#connections += change;
  }

  #accept(exchange: Exchange, res: Parameters<Exchange['start']>[0]): void {
    this.#accepted += 1;
    this.#inFlight += 1;
    exchange.start(res);
  }

  #idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#inFlight === 0) resolve();
      else this.#whenIdle = resolve;
    });
  }

  #closeListenSocket(): void {
    if (this.#listenSocket !== undefined) us_listen_socket_close(this.#listenSocket);
    this.#listenSocket = undefined;
  }

  #cannotListen(reason: string): ServingError {
    const { name, host, port } = this.options;
    return new ServingError(
      Code.UNAVAILABLE,
      `The ${name} door cannot listen at ${host || '[::]'}:${port}: ${reason}. Choose another address or port.`,
    );
  }
}
