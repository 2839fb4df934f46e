#!/usr/bin/env node
/**
 * What `npm ci` runs: looks whether the machine has what it takes, finds or fetches libtensorflow, and builds the
 * native addon.
 */
import { buildAddon } from './install/build-addon.mjs';
import { checkRequirements } from './install/requirements.mjs';
import { fetchLibtensorflow } from './libtensorflow/fetch.mjs';
import { runScript, SetupError } from './libtensorflow/setup-error.mjs';

const WITHOUT_BUILDING =
  'To install without building, set TENSORGATE_SKIP_BUILD=1 and bring a build/Release/tensorgate.node that was built on a like machine.';

await runScript(async () => {
  const { env } = process;
  if (env.TENSORGATE_SKIP_BUILD === '1') {
    console.log('TENSORGATE_SKIP_BUILD is 1: neither libtensorflow is fetched nor the native addon built.');
    return;
  }

  const { libtensorflow: found, compiler, problems, warnings } = await checkRequirements(env);
  for (const warning of warnings) console.warn(`tensorgate: ${warning}`);
  if (problems.length > 0 || !compiler)
    throw new SetupError(['the installation cannot go on.', ...problems, WITHOUT_BUILDING].join('\n  - '));

  const libtensorflow = found ?? (await fetchLibtensorflow({ env }));
  console.log(`libtensorflow is in ${libtensorflow.directory}`);
  // Headers were asked for above, and fetching brings them.
  const includeDirectory = /** @type {string} */ (libtensorflow.includeDirectory);
  console.log(`built ${await buildAddon({ includeDirectory, compiler, env })}`);
});
