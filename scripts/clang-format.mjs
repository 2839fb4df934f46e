/** `node scripts/clang-format.mjs [--check]`: formats the C++ files, or says which are not formatted. */
import { spawnSync } from 'node:child_process';
import { cppSources, ROOT } from './sources.mjs';

const check = process.argv.includes('--check');
const args = check ? ['--dry-run', '--Werror'] : ['-i'];
const { status, error } = spawnSync('clang-format', [...args, ...cppSources()], { cwd: ROOT, stdio: 'inherit' });
if (error !== undefined)
  console.error('clang-format is not installed (Debian package clang-format); C++ is not checked.');
process.exit(error === undefined ? (status ?? 1) : process.env.CI === undefined ? 0 : 1);
