/** Where the models of the bench lie: small ones in test/models, large ones in the user's cache folder. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildOnce } from '../test/support/build-once.js';
import { modelPath } from '../test/support/models.js';
import { PROJECT_ROOT } from '../test/support/project-root.js';
import { findPython, userCacheFolder } from '../test/support/python.js';
import { runProcess } from '../test/support/run-process.js';

const SCRIPTS = join(PROJECT_ROOT, 'scripts/models');
/** Most of it is the download of TensorFlow, for the first time. */
const TIMEOUT_MILLIS = 15 * 60_000;

/**
 * Base folder of a model. For the first time it makes all large models, which takes minutes; a change of the scripts that
 * make them gives them a new folder. Rejects if Python or its packages are missing.
 */
export async function benchModelPath(model: string): Promise<string> {
  if (model === 'half_plus_two') return modelPath(model);
  return join(await madeFolder('bench'), model);
}

/** Folder of the models of full size that `--preset rows` looks at; made as benchModelPath() makes its own. */
export function rowModelsPath(): Promise<string> {
  return madeFolder('rows');
}

async function madeFolder(kind: 'bench' | 'rows'): Promise<string> {
  const folder = join(userCacheFolder(), `${kind}-models-${scriptsHash()}`);
  await buildOnce(folder, async (aside) => {
    const python = await findPython('models');
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
    await runProcess(python, [join(SCRIPTS, 'main.py'), `--${kind}`, aside], { timeoutMillis: TIMEOUT_MILLIS, env });
  });
  return folder;
}

function scriptsHash(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(SCRIPTS, { encoding: 'utf8', recursive: true })
    .filter((name) => /\.(py|txt)$/.test(name))
    .sort()) {
    hash.update(name).update(readFileSync(join(SCRIPTS, name)));
  }
  return hash.digest('hex').slice(0, 12);
}
