import type { Load } from './load.js';

/** A whole request as it goes over the wire, for the clients that are given it in a file. */
export function httpRequest({ host, port, request }: Pick<Load, 'host' | 'port' | 'request'>): Buffer {
  const more = Object.entries(request.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`);
  const head =
    `POST ${request.path} HTTP/1.1\r\nHost: ${host}:${port}\r\nContent-Type: ${request.contentType}\r\n${more.join('')}` +
    `Content-Length: ${request.body.byteLength}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), request.body]);
}
