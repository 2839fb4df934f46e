/** One request and its answer on uWebSockets: what http.ts makes for each request. */

import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import { STATUS_CODES } from 'node:http';
import { bodyTooLarge } from '../ports/body-too-large.js';
import { Cancellation } from '../tensor/predict-request.js';
import { BodyCollector, parseContentLength } from './http-body.js';
import type { HttpExchange, HttpOptions } from './http-handler.js';

/**
 * Replies up to this length fit what uWebSockets corks and sends in one write, which an idle socket takes whole. Longer
 * ones are sent piecemeal, so that it is known when the last byte has been handed over.
 */
const MAX_SINGLE_WRITE_BYTES = 16 * 1024;

const NO_HEADERS: readonly [string, string][] = [];
const NO_VALUES: readonly string[] = [];

/** What an exchange needs of its door. */
export interface ExchangeOwner {
  readonly options: HttpOptions;
  /** Once true, replies ask for the connection to be closed. */
  readonly draining: boolean;
  /** Called once per exchange: its reply has been handed over in full, or its client has gone. */
  exchangeEnded(): void;
}

export class Exchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly cancellation = new Cancellation();
  readonly #owner: ExchangeOwner;
  readonly #headerValues: readonly string[];
  readonly #contentLength: number | undefined;
  /** Undefined once replied to or gone: uWebSockets throws if a response is touched after that. */
  #res: HttpResponse | undefined;
  #collector: BodyCollector | undefined;
  /** The rest of the body is of no interest any more: it was too long. */
  #refused = false;
  #ended = false;

  constructor(owner: ExchangeOwner, res: HttpResponse, req: HttpRequest) {
    const keep = owner.options.keepHeaders;
    this.#owner = owner;
    this.#res = res;
    this.method = req.getCaseSensitiveMethod();
    this.path = req.getUrl();
    this.query = req.getQuery() ?? '';
    this.#headerValues = keep.length === 0 ? NO_VALUES : keep.map((name) => req.getHeader(name));
    this.#contentLength = parseContentLength(req.getHeader('content-length'));
  }

  /** Starts to listen to the client; refuses at once a body that is announced as too long. */
  start(res: HttpResponse): void {
    res.onAborted(() => this.#clientGone());
    res.onData((chunk, isLast) => this.#receive(chunk, isLast));
    const { maxBodyBytes } = this.#owner.options;
    if ((this.#contentLength ?? 0) > maxBodyBytes) this.#refuse(bodyTooLarge(maxBodyBytes));
  }

  header(name: string): string {
    return this.#headerValues[this.#owner.options.keepHeaders.indexOf(name)] ?? '';
  }

  reply(status: number, contentType: string, body: Uint8Array | string, extraHeaders = NO_HEADERS): void {
    const res = this.#res;
    if (res === undefined) return;
    this.#res = undefined;
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    res.cork(() => {
      // 200 is what uWebSockets writes by itself.
      if (status !== 200) res.writeStatus(statusLine(status));
      if (contentType !== '') res.writeHeader('Content-Type', contentType);
      for (const [name, value] of extraHeaders) res.writeHeader(name, value);
      this.#writeBody(res, bytes);
    });
  }

  #receive(chunk: ArrayBuffer, isLast: boolean): void {
    // Where the headers come alone, an empty chunk follows them: the body may still come in one piece.
    if (this.#refused || (chunk.byteLength === 0 && !isLast)) return;
    let body: Uint8Array;
    try {
      body = this.#collect(new Uint8Array(chunk), isLast);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    if (isLast) this.#handle(body);
  }

  /** The body so far. One that comes in one piece, as most do, stays where uWebSockets has put it. */
  #collect(bytes: Uint8Array, isLast: boolean): Uint8Array {
    const { maxBodyBytes } = this.#owner.options;
    if (isLast && this.#collector === undefined) {
      if (bytes.byteLength > maxBodyBytes) throw bodyTooLarge(maxBodyBytes);
      return bytes;
    }
    this.#collector ??= new BodyCollector(this.#contentLength, maxBodyBytes);
    this.#collector.append(bytes);
    return this.#collector.body();
  }

  /** Nothing may be thrown out of a callback of uWebSockets: that ends the process. */
  #handle(body: Uint8Array): void {
    try {
      const pending = this.#owner.options.handler(this, body);
      pending?.then(undefined, (error: unknown) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#releaseBody();
    }
  }

  #releaseBody(): void {
    this.#collector?.release();
    this.#collector = undefined;
  }

  #fail(error: unknown): void {
    try {
      this.#owner.options.onError(this, error);
    } catch {
      this.reply(500, 'text/plain', 'The request failed, and so did the description of the error.\n');
    }
  }

  /**
   * The answer goes out at once, but what the client still sends is read and dropped: closing the connection over unread
   * bytes would reset it, and many clients would then lose the answer that tells them why.
   */
  #refuse(error: unknown): void {
    this.#refused = true;
    this.#releaseBody();
    this.#fail(error);
  }

  #clientGone(): void {
    const answered = this.#res === undefined;
    this.#res = undefined;
    this.#releaseBody();
    if (!answered) this.cancellation.cancel();
    this.#end();
  }

  #writeBody(res: HttpResponse, bytes: Uint8Array): void {
    const closeWhenSent = this.#owner.draining && !this.#refused;
    const isShort = this.method !== 'HEAD' && bytes.byteLength <= MAX_SINGLE_WRITE_BYTES;
    // end() writes this header itself when it is to close the connection; elsewhere it is left to the client to close.
    if (this.#refused || (closeWhenSent && !isShort)) res.writeHeader('Connection', 'close');
    if (isShort) {
      res.end(bytes, closeWhenSent);
      this.#end();
    } else if (this.method === 'HEAD') {
      res.writeHeader('Content-Length', String(bytes.byteLength)).endWithoutBody();
      this.#end();
    } else {
      this.#writeLong(res, bytes);
    }
  }

  #writeLong(res: HttpResponse, bytes: Uint8Array): void {
    const total = bytes.byteLength;
    if (res.tryEnd(bytes, total)[1]) {
      this.#end();
      return;
    }
    const start = res.getWriteOffset();
    const rest = new Uint8Array(bytes.subarray(start));
    res.onWritable((offset) => {
      const [ok, done] = res.tryEnd(rest.subarray(offset - start), total);
      if (done) this.#end();
      return ok;
    });
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#owner.exchangeEnded();
  }
}

const STATUS_LINES: string[] = [];

/** `404 Not Found`; 499 is nginx' number for a client that went away, which node:http does not know. */
function statusLine(status: number): string {
  const line =
    STATUS_LINES[status] ??
    `${status} ${status === 499 ? 'Client Closed Request' : (STATUS_CODES[status] ?? 'Unknown')}`;
  STATUS_LINES[status] = line;
  return line;
}
