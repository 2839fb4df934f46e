/** Opens libtensorflow, found as the installation finds it (scripts/libtensorflow). */
import { Code, ServingError, toServingError } from './errors.js';

interface Finder {
  findLibtensorflow(env: NodeJS.ProcessEnv): { readonly directory: string } | undefined;
}

/**
 * The folder of libtensorflow: `explicit` if given, else LIBTENSORFLOW_DIR, else the user's cache folder. Rejects with
 * UNAVAILABLE and the remedy if there is none.
 */
export async function findLibtensorflow(explicit: string): Promise<string> {
  const env = explicit === '' ? process.env : { ...process.env, LIBTENSORFLOW_DIR: explicit };
  const finder = (await import(new URL('../../scripts/libtensorflow/find.mjs', import.meta.url).href)) as Finder;
  const found = find(finder, env, explicit === '' ? 'LIBTENSORFLOW_DIR' : '--libtensorflow_dir');
  if (found !== undefined) return found.directory;
  throw new ServingError(
    Code.UNAVAILABLE,
    'libtensorflow is not on this machine. Run `npm run install` in the project to fetch it, or name the folder of your ' +
      'own copy in LIBTENSORFLOW_DIR or --libtensorflow_dir.',
  );
}

/** `setting`: how the user named the folder, so that errors speak of that. */
function find(finder: Finder, env: NodeJS.ProcessEnv, setting: string): { readonly directory: string } | undefined {
  try {
    return finder.findLibtensorflow(env);
  } catch (error) {
    const message = toServingError(error).message.replaceAll('LIBTENSORFLOW_DIR', setting);
    throw new ServingError(Code.UNAVAILABLE, message, { cause: error });
  }
}
