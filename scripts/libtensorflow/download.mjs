/** Downloads one pinned wheel with pip and shows how far it is. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { HOW_TO_BRING_YOUR_OWN } from './remedy.mjs';
import { SetupError } from './setup-error.mjs';

/**
 * @typedef {import('./versions.mjs').Wheel} Wheel
 * @typedef {import('./cache.mjs').Environment} Environment
 */

const LOOK_EVERY_MS = 300;

/**
 * @param {Wheel} wheel
 * @param {string} scratch
 * @param {{ pip: import('./pip.mjs').Pip, env: Environment, progress: import('./progress.mjs').Progress }} tools
 * @returns {Promise<string>} the wheel's path, in a folder of its own
 */
export async function downloadWheel(wheel, scratch, { pip, env, progress }) {
  const folder = join(scratch, wheel.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'temporary'), { recursive: true });
  const requirements = join(folder, 'requirements.txt');
  writeFileSync(requirements, `${wheel.name}==${wheel.version} --hash=sha256:${wheel.sha256}\n`);

  progress.start(`${wheel.name} ${wheel.version}`, wheel.megabytes);
  const watcher = setInterval(() => progress.update(megabytesOfWheel(folder)), LOOK_EVERY_MS);
  // pip writes to its temporary folder first: inside ours it is on the same disk, is watched, and goes when ours goes.
  const result = await pip(downloadArguments(wheel, requirements, folder), {
    ...env,
    TMPDIR: join(folder, 'temporary'),
  });
  clearInterval(watcher);

  const file = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (!result.ok || !file) throw new SetupError(whyNot(wheel, result.output));
  progress.finish();
  return join(folder, file);
}

/** @param {Wheel} wheel @param {string} requirements @param {string} folder */
function downloadArguments(wheel, requirements, folder) {
  const exactlyThisFile = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--platform', wheel.platform];
  // Any Python would do, since none of its code is unpacked; the hash is that of the wheel for this one.
  const python = ['--python-version', '311', '--implementation', 'cp', '--abi', 'cp311'];
  return [
    'download',
    '--progress-bar',
    'off',
    ...exactlyThisFile,
    ...python,
    '--requirement',
    requirements,
    '--dest',
    folder,
  ];
}

/**
 * The size of the largest file, which is the wheel: at the end there are two, while pip copies it out of its temporary
 * folder.
 * @param {string} folder
 */
function megabytesOfWheel(folder) {
  try {
    const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
    return Math.max(0, ...paths.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0)) / 1e6;
  } catch {
    return 0; // a file went while we looked
  }
}

/** What pip's output tells of a failure, the surest sign first. */
const SIGNS = /** @type {const} */ ([
  [
    /DO NOT MATCH THE HASHES/i,
    'the file that pip was given does not have the pinned sha256: use a package index that serves the original',
  ],
  [
    /No space left on device|Errno 28/,
    'the disk is full: make room, or name a cache folder on another one in XDG_CACHE_HOME',
  ],
  [
    /Retrying|connection|timed? ?out|resolution|ProxyError|SSLError|CERTIFICATE/i,
    "pip cannot reach its package index: check the network and pip's proxy settings",
  ],
  [/No matching distribution/, "pip's package index has no such wheel: use one that has, or a newer pip"],
]);

/** @param {Wheel} wheel @param {string} output */
function whyNot(wheel, output) {
  const reason = SIGNS.find(([sign]) => sign.test(output))?.[1] ?? `pip says "${lastError(output)}"`;
  return `${wheel.name} ${wheel.version} could not be downloaded, because ${reason}, ${HOW_TO_BRING_YOUR_OWN}.`;
}

/** @param {string} output */
function lastError(output) {
  const lines = output.trim().split('\n');
  return (lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? '').trim();
}
