/** The whole server in the test's own process: its doors, the Api and real models. */
import { parseFlags } from '../../src/flags/flags.js';
import { findLibtensorflow } from '../../src/libtensorflow.js';
import { type Ports, Server } from '../../src/server.js';
import { freePorts } from './free-port.js';
import { modelPath } from './models.js';

/** Runs `fn` with a server of these test models, each under the name of its folder, and stops it afterwards. */
export async function withInProcessServer<T>(
  models: readonly string[],
  fn: (ports: Ports) => Promise<T>,
  moreFlags: readonly string[] = [],
): Promise<T> {
  const [grpc, rest] = await freePorts(2);
  const { flags } = parseFlags([
    '--host=127.0.0.1',
    `--port=${grpc}`,
    `--rest_api_port=${rest}`,
    '--graphpipe_port=0',
    ...moreFlags,
  ]);
  const server = new Server({
    flags,
    models: models.map((name) => ({ name, basePath: modelPath(name), versionPolicy: { kind: 'latest' } as const })),
    graphpipeModel: models[0] ?? '',
    libtensorflow: await findLibtensorflow(''),
    isPortGiven: () => true,
  });
  try {
    const ports = await server.start();
    if (ports === undefined) throw new Error('The server was stopped before it was ready.');
    return await fn(ports);
  } finally {
    await server.stop();
  }
}
