/**
 * The part of uWebSockets.js 20.51.4 that http.ts uses. Declared here because the package's own typings cannot be found
 * under NodeNext (its `exports` name the ES module before the types), with what was found out about each call.
 */
declare module 'uWebSockets.js' {
  /** An opaque pointer: never used again once it was closed. */
  export type ListenSocket = { readonly __listenSocket: never };

  /** Valid during the call of the route handler only. */
  export interface HttpRequest {
    /** The method as the client wrote it. (getMethod() would change it in place to lower case.) */
    getCaseSensitiveMethod(): string;
    /** The raw path, without the query string. */
    getUrl(): string;
    /** The raw query string; undefined where the target has no `?`. */
    getQuery(): string | undefined;
    /** '' if absent. */
    getHeader(lowerCaseName: string): string;
  }

  /** Valid until it was ended or aborted: every later call throws. */
  export interface HttpResponse {
    cork(write: () => void): HttpResponse;
    writeStatus(status: string): HttpResponse;
    writeHeader(name: string, value: string): HttpResponse;
    /** Sends, and copies what the socket does not take. With `closeConnection` the socket is closed once all is sent. */
    end(body: Uint8Array, closeConnection?: boolean): HttpResponse;
    /** Ends after the headers. To be called without arguments: with a length, this version never completes. */
    endWithoutBody(): HttpResponse;
    /** Sends what the socket takes, copies nothing: [all of it was taken, the response is complete]. */
    tryEnd(rest: Uint8Array, totalBytes: number): [boolean, boolean];
    /** Bytes of the body that the socket has taken. */
    getWriteOffset(): number;
    /** Called when the socket takes more; to return whether all that was tried was taken. */
    onWritable(resume: (offset: number) => boolean): HttpResponse;
    /** Called when the connection is gone before the response was complete; never after. */
    onAborted(aborted: () => void): HttpResponse;
    /** Called at least once, also without a body. The chunk's memory is detached when the callback returns. */
    onData(receive: (chunk: ArrayBuffer, isLast: boolean) => void): HttpResponse;
  }

  export interface TemplatedApp {
    any(pattern: string, handler: (res: HttpResponse, req: HttpRequest) => void): TemplatedApp;
    /** Called with 1 for each connection that opens and -1 for each that closes. */
    filter(changed: (res: HttpResponse, count: number) => void): TemplatedApp;
    listen(host: string, port: number, options: number, done: (socket: ListenSocket | false) => void): TemplatedApp;
    /** On all interfaces. */
    listen(port: number, options: number, done: (socket: ListenSocket | false) => void): TemplatedApp;
    /** Closes all sockets at once, listening ones included. */
    close(): TemplatedApp;
  }

  export function App(): TemplatedApp;
  /** Without it uWebSockets binds with SO_REUSEPORT, and a second server on the port would go unnoticed. */
  export const LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  export function us_listen_socket_close(socket: ListenSocket): void;
  export function us_socket_local_port(socket: ListenSocket): number;
}
