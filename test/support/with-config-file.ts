import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConfiguredModel, configText } from './model-config.js';
import { withTempDir } from './models.js';
import { type TestServer, withServer } from './with-server.js';

/** Runs `fn` with a server that serves these models by a configuration file, and with the file's path. */
export async function withConfigFile(
  models: readonly ConfiguredModel[],
  flags: readonly string[],
  fn: (server: TestServer, path: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (folder) => {
    const path = join(folder, 'models.config');
    await writeFile(path, configText(...models));
    await withServer([`--model_config_file=${path}`, ...flags], (server) => fn(server, path));
  });
}
