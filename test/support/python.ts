/** Python programs by others, run against our server: each set of packages in a virtual environment of its own. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { buildOnce } from './build-once.js';
import { PROJECT_ROOT } from './project-root.js';
import { type RunProcessOptions, runProcess } from './run-process.js';

/** Each with its list of packages: a whole one, unless pip is to find what those need. */
const ENVIRONMENTS = {
  clients: { requirements: 'test/conformance/requirements-clients.txt', isWhole: true },
  tensorflow: { requirements: 'test/conformance/requirements-tensorflow.txt', isWhole: true },
  'op-libraries': { requirements: 'test/conformance/requirements-op-libraries.txt', isWhole: true },
  models: { requirements: 'scripts/models/requirements.txt', isWhole: false },
} as const;

export type PythonEnvironment = keyof typeof ENVIRONMENTS;

const INSTALL_TIMEOUT_MILLIS = 15 * 60_000;

/**
 * Runs a script and resolves with the JSON that it prints on stdout. The first use on a machine downloads the environment's
 * packages; the program that makes it is `python3`, or what the variable PYTHON names.
 */
export async function runPython(
  environment: PythonEnvironment,
  scriptPath: string,
  args: readonly string[] = [],
  options: RunProcessOptions = {},
): Promise<unknown> {
  const python = await findPython(environment);
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', PYTHONDONTWRITEBYTECODE: '1', ...options.env };
  const stdout = await runProcess(python, [scriptPath, ...args], { ...options, env });
  try {
    return JSON.parse(stdout);
  } catch (cause) {
    throw new Error(`${scriptPath} should print one JSON text on stdout, not:\n${stdout.slice(0, 2000)}`, { cause });
  }
}

/** Path of the environment's interpreter; makes the environment if this machine does not have it yet. */
export async function findPython(environment: PythonEnvironment): Promise<string> {
  const requirements = join(PROJECT_ROOT, ENVIRONMENTS[environment].requirements);
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const folder = join(userCacheFolder(), `python-${environment}-${hash}`);
  await buildOnce(folder, (aside) => createEnvironment(aside, environment));
  return join(folder, 'bin/python');
}

/** Where the project keeps what it makes or downloads once for a user. */
export function userCacheFolder(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tensorgate');
}

/** Only bin/python may be used later: the other scripts in bin/ name the folder that the environment was built in. */
async function createEnvironment(folder: string, environment: PythonEnvironment): Promise<void> {
  const { requirements, isWhole } = ENVIRONMENTS[environment];
  await runProcess(process.env.PYTHON || 'python3', ['-m', 'venv', folder]);
  const install = ['-m', 'pip', 'install', '--quiet', ...(isWhole ? ['--no-deps'] : []), '--requirement'];
  const list = join(PROJECT_ROOT, requirements);
  await runProcess(join(folder, 'bin/python'), [...install, list], { timeoutMillis: INSTALL_TIMEOUT_MILLIS });
}
