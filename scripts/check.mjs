/**
 * `npm run check`: all that is judged without running the server: format, lint, imports between folders, types, and
 * whether generated code is fresh. Runs every step, then says which failed.
 */
import { spawnSync } from 'node:child_process';
import { ROOT } from './sources.mjs';

/** @type {[name: string, command: string, args: string[]][]} */
const STEPS = [
  ['format and lint (TypeScript)', 'node_modules/.bin/biome', ['ci', '--error-on-warnings', '--colors=off', '.']],
  ['format (C++)', process.execPath, ['scripts/clang-format.mjs', '--check']],
  ['types', 'node_modules/.bin/tsc', ['-p', '.', '--noEmit']],
  ['generated code (protobuf)', process.execPath, ['scripts/generate.mjs', '--check']],
  ['generated code (GraphPipe)', process.execPath, ['scripts/generate-graphpipe.mjs', '--check']],
];

const failed = STEPS.filter(([name, command, args]) => {
  console.log(`check: ${name}`);
  return spawnSync(command, args, { cwd: ROOT, stdio: 'inherit' }).status !== 0;
});
console.log(failed.length === 0 ? 'check: all good' : `check: failed: ${failed.map(([name]) => name).join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
