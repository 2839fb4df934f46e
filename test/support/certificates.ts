/** Certificates of a made-up authority, by openssl. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess } from './run-process.js';

export interface KeyPair {
  /** PEM texts. */
  readonly key: string;
  readonly certificate: string;
}

export interface Certificates {
  readonly authority: KeyPair;
  /** For `localhost` and 127.0.0.1. */
  readonly server: KeyPair;
  readonly client: KeyPair;
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];

/** Makes them in `folder`. Rejects if openssl is missing. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const authority = await issue(folder, 'authority', 'Test authority', []);
  const signed = ['-CA', join(folder, 'authority.pem'), '-CAkey', join(folder, 'authority.key')];
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const server = await issue(folder, 'server', 'localhost', [...signed, ...names]);
  const client = await issue(folder, 'client', 'somebody', signed);
  return { authority, server, client };
}

async function issue(folder: string, name: string, subject: string, more: readonly string[]): Promise<KeyPair> {
  const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.pem`)];
  const files = ['-keyout', key, '-out', certificate];
  await runProcess('openssl', ['req', '-x509', ...EC_KEY, '-subj', `/CN=${subject}`, ...files, ...more]);
  return { key: await readFile(key, 'utf8'), certificate: await readFile(certificate, 'utf8') };
}

/** Writes an SSLConfig (text proto) into the folder and returns its path. */
export async function writeSslConfig(
  folder: string,
  { key, certificate }: KeyPair,
  client?: { readonly authority: string },
): Promise<string> {
  const text = (pem: string) => JSON.stringify(pem);
  const lines = [`server_key: ${text(key)}`, `server_cert: ${text(certificate)}`];
  if (client !== undefined) lines.push(`custom_ca: ${text(client.authority)}`, 'client_verify: true');
  const path = join(folder, 'ssl.config');
  await writeFile(path, `${lines.join('\n')}\n`);
  return path;
}
