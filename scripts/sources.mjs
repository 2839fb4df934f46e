/** Which C++ files are ours, for the formatter and the linter. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** C++ files that git knows or would add, below native/, test/native/ and bench/rivals/. */
export function cppSources() {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', 'native', 'test/native', 'bench/rivals'];
  const files = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\n');
  return files.filter((file) => /\.(cc|h)$/.test(file));
}
