/** A server of every SavedModel below --model_base_path, named after its folder; else as `tensorgate` with the same flags. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseFlags } from '../../src/flags/flags.js';
import { findLibtensorflow } from '../../src/libtensorflow.js';
import { log } from '../../src/log.js';
import { Server } from '../../src/server.js';

const { flags } = parseFlags(process.argv.slice(2));
const models = readdirSync(flags.modelBasePath, { withFileTypes: true })
  .filter(({ name }) => existsSync(join(flags.modelBasePath, name, '1', 'saved_model.pb')))
  .map(({ name }) => ({ name, basePath: join(flags.modelBasePath, name), versionPolicy: { kind: 'latest' } as const }));
const server = new Server({
  flags,
  models,
  graphpipeModel: flags.graphpipeModel,
  libtensorflow: await findLibtensorflow(flags.libtensorflowDir),
  isPortGiven: () => true,
});
process.once('SIGTERM', () => void stop());
await server.start();
log.info('tensorgate is ready', { models: models.length });

async function stop(): Promise<void> {
  await server.drain();
  await server.stop();
  process.exit(0);
}
