#!/usr/bin/env node
/** node scripts/libtensorflow/main.mjs: finds libtensorflow, fetches it if it is nowhere, and prints where it is. */
import { fetchLibtensorflow } from './fetch.mjs';
import { findLibtensorflow } from './find.mjs';
import { runScript } from './setup-error.mjs';

await runScript(async () => {
  const found = findLibtensorflow() ?? (await fetchLibtensorflow());
  console.log(`libtensorflow: ${found.directory}`);
  console.log(`its headers: ${found.includeDirectory ?? 'not there; only a build needs them'}`);
});
