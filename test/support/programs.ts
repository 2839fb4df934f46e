/** Programs that some tests run and that a machine may lack. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { buildOnce } from './build-once.js';
import { runProcess } from './run-process.js';

/** What is built where grpcurl is not installed; the tests were written with it. */
const GRPCURL_VERSION = 'v1.9.3';
const GRPCURL_MODULE = `github.com/fullstorydev/grpcurl/cmd/grpcurl@${GRPCURL_VERSION}`;
/** The first build downloads and compiles some twenty modules. */
const BUILD_TIMEOUT_MILLIS = 10 * 60_000;

export interface Program {
  /** Throws an Error with the reason if the program is missing. */
  path(): string;
  /** For node:test: the reason to skip what needs the program, in a sentence. False with the variable CI: there it fails. */
  readonly skip: string | false;
}

/** The program of this name on the PATH. */
export function findProgram(name: string): Program {
  const path = lookUp(name);
  return path === undefined ? missing(`${name} is not on the PATH; install it to run this test.`) : found(path);
}

/** grpcurl from the PATH, or else from the user's cache folder, where Go builds it at its first use. */
export async function findGrpcurl(): Promise<Program> {
  const installed = lookUp('grpcurl');
  if (installed !== undefined) return found(installed);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const folder = join(cache, 'tensorgate', `grpcurl-${GRPCURL_VERSION}`);
  const go = lookUp('go');
  if (go === undefined && !existsSync(folder)) {
    return missing('grpcurl is not on the PATH, nor is Go, to build it with; install one of them to run this test.');
  }
  try {
    await buildOnce(folder, (aside) => buildGrpcurl(go as string, aside));
    return found(join(folder, 'grpcurl'));
  } catch (error) {
    const [reason] = String(error).split('\n');
    return missing(`grpcurl is not on the PATH, and Go could not build it (${reason}); install it to run this test.`);
  }
}

async function buildGrpcurl(go: string, folder: string): Promise<void> {
  const env = { ...process.env, GOBIN: folder };
  await runProcess(go, ['install', GRPCURL_MODULE], { env, timeoutMillis: BUILD_TIMEOUT_MILLIS });
}

function lookUp(name: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

function found(path: string): Program {
  return { path: () => path, skip: false };
}

function missing(reason: string): Program {
  const path = () => {
    throw new Error(reason);
  };
  return { path, skip: process.env.CI ? false : reason };
}
