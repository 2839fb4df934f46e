/**
 * Finds libtensorflow on this machine without fetching anything: the installation, the build and the running server all
 * ask here, so that they agree. Synchronous, a handful of stat calls.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { cachedFolder, namedFlavour, ownArchitecture } from './cache.mjs';
import { SetupError } from './setup-error.mjs';
import { TENSORFLOW_VERSION } from './versions.mjs';

/**
 * @typedef {import('./cache.mjs').Environment} Environment
 * @typedef {import('./versions.mjs').Flavour} Flavour
 *
 * @typedef {object} Libtensorflow
 * @property {string} directory the folder that holds both shared libraries
 * @property {string} frameworkLibrary full path; to be opened first, since the other one needs it
 * @property {string} library full path of the one that exports the C API
 * @property {string} [includeDirectory] where `tensorflow/c/c_api.h` is found; absent where only the libraries are
 * @property {string} [version] known for a fetched library only
 * @property {'LIBTENSORFLOW_DIR' | 'cache'} source
 */

const SUFFIX = process.platform === 'darwin' ? '.2.dylib' : '.so.2';
const FRAMEWORK = `libtensorflow_framework${SUFFIX}`;
/** As the Python wheel names it, and as the C package of the TensorFlow project does. */
const LIBRARIES = [`libtensorflow_cc${SUFFIX}`, `libtensorflow${SUFFIX}`];

export const NEEDED_FILES = `${FRAMEWORK} and ${LIBRARIES[0]} (or ${LIBRARIES[1]})`;

/**
 * The library that LIBTENSORFLOW_DIR names, else the fetched one in the user's cache folder, else undefined.
 * @param {Environment} [env]
 * @param {{ needHeaders?: boolean }} [options] a build needs the C headers too, a running server does not
 * @returns {Libtensorflow | undefined}
 */
export function findLibtensorflow(env = process.env, { needHeaders = false } = {}) {
  if (env.LIBTENSORFLOW_DIR) return namedLibrary(resolve(env.LIBTENSORFLOW_DIR), needHeaders);

  const flavour = namedFlavour(env);
  if (flavour) return cachedLibrary(flavour, env);
  // A GPU build is there only because somebody asked for it once, and it serves on the CPU as well.
  return cachedLibrary('gpu', env) ?? cachedLibrary('cpu', env);
}

/**
 * The fetched library of one flavour, if it is in the user's cache folder.
 * @param {Flavour} flavour
 * @param {Environment} env
 * @returns {Libtensorflow | undefined}
 */
export function cachedLibrary(flavour, env, architecture = ownArchitecture()) {
  return architecture && fetchedLibrary(cachedFolder(flavour, architecture, env));
}

/**
 * The library in a folder of the layout that fetching makes.
 * @param {string} folder
 * @returns {Libtensorflow | undefined}
 */
export function fetchedLibrary(folder) {
  const pair = librariesIn(join(folder, 'tensorflow'));
  const includeDirectory = join(folder, 'tensorflow', 'include');
  if (!pair || !hasHeaders(includeDirectory)) return undefined;
  return { ...pair, includeDirectory, version: TENSORFLOW_VERSION, source: 'cache' };
}

/**
 * @param {string} folder what LIBTENSORFLOW_DIR names, absolute
 * @param {boolean} needHeaders
 * @returns {Libtensorflow}
 */
function namedLibrary(folder, needHeaders) {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw unusable(folder, 'is not a folder');

  const places = [folder, join(folder, 'lib'), join(folder, 'tensorflow')];
  const pair = firstOf(places, librariesIn);
  if (!pair) throw unusable(folder, whatIsMissing(places));

  const includeDirectory = [pair.directory, folder, dirname(pair.directory)]
    .map((place) => join(place, 'include'))
    .find(hasHeaders);
  if (includeDirectory) return { ...pair, includeDirectory, source: 'LIBTENSORFLOW_DIR' };
  if (needHeaders)
    throw unusable(folder, 'has no include/tensorflow/c/c_api.h and tf_tstring.h, which the build needs');
  return { ...pair, source: 'LIBTENSORFLOW_DIR' };
}

/**
 * Both shared libraries in this very folder, or undefined.
 * @param {string} directory
 */
function librariesIn(directory) {
  const frameworkLibrary = join(directory, FRAMEWORK);
  const library = LIBRARIES.map((name) => join(directory, name)).find((path) => existsSync(path));
  return library && existsSync(frameworkLibrary) ? { directory, frameworkLibrary, library } : undefined;
}

/** @param {string} include */
function hasHeaders(include) {
  return ['c_api.h', 'tf_tstring.h'].every((name) => existsSync(join(include, 'tensorflow', 'c', name)));
}

/** @param {string[]} places */
function whatIsMissing(places) {
  for (const place of places) {
    const library = LIBRARIES.find((name) => existsSync(join(place, name)));
    if (library) return `has ${library} without ${FRAMEWORK}`;
    if (existsSync(join(place, FRAMEWORK))) return `has ${FRAMEWORK} without ${LIBRARIES.join(' or ')}`;
  }
  return `has neither ${FRAMEWORK} nor ${LIBRARIES.join(' or ')}, nor do its lib and tensorflow folders`;
}

/** @param {string} folder @param {string} what */
function unusable(folder, what) {
  return new SetupError(
    `LIBTENSORFLOW_DIR names "${folder}", which ${what}; set it to a folder that holds ${NEEDED_FILES} with their headers in include/, ` +
      'or unset it to use the library that `npm ci` fetches.',
  );
}

/**
 * @template T, R
 * @param {T[]} items
 * @param {(item: T) => R | undefined} find
 * @returns {R | undefined}
 */
function firstOf(items, find) {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
