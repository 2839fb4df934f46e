/** The rival of fastapi/: TensorFlow Serving's REST predict by FastAPI, uvicorn and TensorFlow Python, one process. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildOnce } from '../../test/support/build-once.js';
import { freePort } from '../../test/support/free-port.js';
import { PROJECT_ROOT } from '../../test/support/project-root.js';
import { runProcess } from '../../test/support/run-process.js';
import { withChildServer } from './child-server.js';
import { newestVersionFolder, type RivalModel, type RivalServer } from './rival-model.js';

const SOURCE = join(PROJECT_ROOT, 'bench/rivals/fastapi');
const REQUIREMENTS = join(SOURCE, 'requirements.txt');
const INSTALL_TIMEOUT_MILLIS = 15 * 60_000;

export const FASTAPI = 'FastAPI';

/** A Python that is ready to run the server. */
export interface FastapiBuild {
  readonly python: string;
}

/** Its Python environment lies in the user's cache folder; some 300 MB are downloaded for the first time. */
export async function buildFastapi(): Promise<FastapiBuild | { readonly skipped: string }> {
  const folder = environmentFolder();
  try {
    await buildOnce(folder, createEnvironment);
    return { python: join(folder, 'bin/python') };
  } catch (error) {
    return { skipped: `FastAPI is skipped: its Python environment cannot be made (${lastLine(error)}).` };
  }
}

/** Runs `fn` with the server up, and ends it afterwards. Rejects with its stderr if it does not get ready. */
export async function withFastapi<T>(
  { python }: FastapiBuild,
  model: RivalModel,
  fn: (server: RivalServer) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const directory = await newestVersionFolder(model.basePath);
  const flags = [`--port=${port}`, `--model_name=${model.name}`, `--model_directory=${directory}`];
  const args = ['-B', join(SOURCE, 'server.py'), ...flags];
  return withChildServer({ command: python, args, readyText: 'Uvicorn running' }, (pid) => fn({ pid, port }));
}

function environmentFolder(): string {
  const hash = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'tensorgate', `python-fastapi-${hash}`);
}

/**
 * By `python3`, or what the variable PYTHON names. Only bin/python may be used later: the other scripts in bin/ name
 * the folder that the environment was built in.
 */
async function createEnvironment(folder: string): Promise<void> {
  await runProcess(process.env.PYTHON || 'python3', ['-m', 'venv', folder]);
  const install = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--requirement', REQUIREMENTS];
  await runProcess(join(folder, 'bin/python'), install, { timeoutMillis: INSTALL_TIMEOUT_MILLIS });
}

/** The one that says most of why a program failed. */
function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
