/** --custom_op_paths: libraries of operations beside TensorFlow's own. */
import { resolve } from 'node:path';
import { invalidArgument, toServingError } from '../errors.js';
import { log } from '../log.js';
import { binding } from '../native/binding.js';
import { findFault } from './op-library-file.js';

const GIVE = 'Give shared libraries of operations that were built for this TensorFlow, separated by commas.';

/** What is to be done, by what the linker says. */
const REMEDIES: readonly (readonly [RegExp, (version: string, match: RegExpExecArray) => string])[] = [
  [
    /undefined symbol/,
    (version) =>
      `It was built for another TensorFlow than ${version}. Install the release of its package that is made for this one, ` +
      'or build it anew with this one.',
  ],
  [
    /^([^/:]+): cannot open shared object file/,
    (_, match) => `Install ${match[1]}, which it needs, or name the folder of that in LD_LIBRARY_PATH.`,
  ],
  [/version `[^']+' not found/, () => 'It was built on a newer system than this one: build it anew here.'],
  [
    /second TensorFlow/,
    (version) => `Build it anew with TensorFlow ${version}, or give the folder of its own one as --libtensorflow_dir.`,
  ],
  [/without custom operations/, () => 'Start a server with custom operations in a process of its own.'],
];

/**
 * Registers the custom operations of these libraries for the whole process; to be called once, before any model is loaded.
 * Throws INVALID_ARGUMENT, with reason and remedy, for the first file that cannot be loaded.
 */
export function loadOpLibraries(paths: readonly string[], tensorFlowVersion: string): void {
  for (const given of paths) {
    // Absolute: the dynamic linker would look for a bare name elsewhere.
    const path = resolve(given);
    // Before it is opened: a library that throws meanwhile ends the process, and this is then the last line.
    log.info('Opening a library of operations', { path });
    const reason = findFault(path) ?? openLibrary(path);
    if (reason === undefined) continue;
    throw invalidArgument(
      `--custom_op_paths names ${path}, which cannot be loaded: ${reason}. ${remedyFor(reason, tensorFlowVersion)}`,
    );
  }
}

/** Returns why it cannot be opened. */
function openLibrary(path: string): string | undefined {
  try {
    binding.loadOpLibrary(path);
    return undefined;
  } catch (error) {
    return toServingError(error).message;
  }
}

function remedyFor(reason: string, version: string): string {
  for (const [pattern, remedy] of REMEDIES) {
    const match = pattern.exec(reason);
    if (match !== null) return remedy(version, match);
  }
  return GIVE;
}
