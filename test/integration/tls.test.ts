/** --ssl_config_file: TLS on the gRPC door. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { Code } from '../../src/errors.js';
import { type Certificates, makeCertificates, writeSslConfig } from '../support/certificates.js';
import { callUnary } from '../support/grpc-door.js';
import { withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const HAS_OPENSSL = spawnSync('openssl', ['version']).status === 0;
const OPTIONS = { timeout: 60_000, skip: HAS_OPENSSL ? false : 'openssl is not installed' };
const CHECK = '/grpc.health.v1.Health/Check';

let certificates: Certificates;
const pem = (text: string) => Buffer.from(text);
const trusting = (): grpc.ChannelCredentials => grpc.credentials.createSsl(pem(certificates.authority.certificate));
const showing = (): grpc.ChannelCredentials => {
  const { authority, client } = certificates;
  return grpc.credentials.createSsl(pem(authority.certificate), pem(client.key), pem(client.certificate));
};

/** Whether the server is healthy, as a client with these credentials hears it. */
async function check(address: string, credentials: grpc.ChannelCredentials): Promise<string> {
  const client = new grpc.Client(address, credentials, { 'grpc.use_local_subchannel_pool': 1 });
  try {
    return (await callUnary(client, CHECK, Buffer.alloc(0), { deadline: Date.now() + 3000 })).toString('hex');
  } finally {
    client.close();
  }
}

const isUnavailable = (error: unknown) =>
  [Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED].includes((error as grpc.ServiceError).code as never);

describe('ssl_config_file: TLS for gRPC', OPTIONS, () => {
  before(() =>
    withTempDir(async (folder) => {
      certificates = await makeCertificates(folder);
    }),
  );

  it('over TCP and socket alike, while REST stays plain; a client without TLS gets no answer', () =>
    withTempDir(async (folder) => {
      const config = await writeSslConfig(folder, certificates.server);
      const socket = join(folder, 'grpc.sock');
      await withServer([`--ssl_config_file=${config}`, `--grpc_socket_path=${socket}`], async ({ ports }) => {
        const address = `localhost:${ports.grpc}`;
        assert.equal(await check(address, trusting()), '0801');
        const overSocket = { 'grpc.ssl_target_name_override': 'localhost', 'grpc.default_authority': 'localhost' };
        const client = new grpc.Client(`unix:${socket}`, trusting(), overSocket);
        assert.equal((await callUnary(client, CHECK, Buffer.alloc(0))).toString('hex'), '0801');
        client.close();
        await assert.rejects(check(address, grpc.credentials.createInsecure()), isUnavailable);
        assert.equal((await fetch(`http://127.0.0.1:${ports.rest}/v1/models`)).status, 200);
      });
    }));

  it('client_verify: only clients with a certificate of custom_ca are served', () =>
    withTempDir(async (folder) => {
      const client = { authority: certificates.authority.certificate };
      const config = await writeSslConfig(folder, certificates.server, client);
      await withServer([`--ssl_config_file=${config}`], async ({ ports }) => {
        const address = `localhost:${ports.grpc}`;
        assert.equal(await check(address, showing()), '0801');
        await assert.rejects(check(address, trusting()), isUnavailable);
      });
    }));

  it('a file with no key, with paths in place of PEM texts, or with another key ends the start with a sentence', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'ssl.config');
      const { server, client } = certificates;
      const texts = [
        'server_cert: "x"',
        'server_key: "/etc/key.pem" server_cert: "/etc/cert.pem"',
        `server_key: ${JSON.stringify(client.key)} server_cert: ${JSON.stringify(server.certificate)}`,
      ];
      for (const text of texts) {
        await writeFile(path, text);
        const { status, stdout } = spawnSync(process.execPath, [MAIN, `--ssl_config_file=${path}`], {
          encoding: 'utf8',
        });
        assert.equal(status, 255);
        assert.match(
          stdout,
          /INVALID_ARGUMENT: The SSL config file .*ssl\.config is of no use: .*hold PEM texts themselves/,
        );
      }
    }));
});
