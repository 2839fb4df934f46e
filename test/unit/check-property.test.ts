import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';

const HELPER = fileURLToPath(new URL('../support/check-property.js', import.meta.url));
const NAME = "finds (what's) wrong › in 1.5 [runs]";

/** A test file with a property that fails for few numbers: of all those before them, or by itself. */
function failingTest(options: string, isWrong: string): string {
  return `import { describe, it } from 'node:test';
    import fc from ${JSON.stringify(import.meta.resolve('fast-check'))};
    import { checkProperty } from ${JSON.stringify(HELPER)};
    let sum = 0;
    describe('A property', () => {
      it(${JSON.stringify(NAME)}, (t) =>
        checkProperty(t, fc.asyncProperty(fc.nat(), async (n) => {
          sum += n % 7;
          if (${isWrong}) throw new Error('It is ' + n + ' after ' + sum);
        }), ${options}));
      it('holds', (t) => checkProperty(t, fc.property(fc.nat(), () => true)));
    });`;
}

interface Failure {
  readonly told: string;
  readonly counterexample: string;
  readonly command: string;
}

async function failureOf(command: string, seed?: string): Promise<Failure> {
  const { NODE_TEST_CONTEXT: _inherited, FUZZ_SEED: _seed, FUZZ_RUNS: _runs, ...env } = process.env;
  const changed = seed === undefined ? env : { ...env, FUZZ_SEED: seed };
  const stdout = await new Promise<string>((resolve) => {
    execFile('/bin/sh', ['-c', command], { cwd: PROJECT_ROOT, env: changed }, (error, text) => {
      resolve(error?.code === 1 ? text : `It ended with ${error?.code ?? 0}: ${text}`);
    });
  });
  const find = (pattern: RegExp) => pattern.exec(stdout)?.[1] ?? assert.fail(`${pattern}: ${stdout}`);
  return {
    told: find(/(It is \d+ after \d+)/),
    counterexample: find(/Counterexample: (\[.*\])/),
    command: find(/To repeat it, after npm run build:\n\s+(FUZZ_SEED=.*)/),
  };
}

async function withTest(text: string, fn: (command: string) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const file = join(folder, 'failing.test.mjs');
    writeFileSync(file, text);
    await fn(`node --test ${file}`);
  });
}

describe('A property that does not hold', () => {
  it('ends with a command that repeats it, on its smallest example at once', () =>
    withTest(failingTest('{}', 'n % 1000 > 990 && n > 5000'), async (command) => {
      const first = await failureOf(command, 'random');
      const again = await failureOf(first.command);
      assert.equal(again.counterexample, first.counterexample);
      assert.match(again.told, new RegExp(`^It is ${JSON.parse(first.counterexample)[0]} after`));
      assert.match(first.command, /FUZZ_PATH=/);
    }));

  it('is repeated from its first run on where runs build on each other', () =>
    withTest(failingTest('{ hasState: true }', 'sum > 200'), async (command) => {
      const first = await failureOf(command, 'random');
      const again = await failureOf(first.command);
      assert.deepEqual(again, first);
      assert.doesNotMatch(first.command, /FUZZ_PATH=/);
    }));

  it('fails in the same way each time where no seed is given', () =>
    withTest(failingTest('{}', 'n % 1000 > 990'), async (command) => {
      assert.deepEqual(await failureOf(command), await failureOf(command));
    }));
});

it('Properties are checked by checkProperty() alone, so that each failure can be repeated', () => {
  const folder = join(PROJECT_ROOT, 'test');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const others = files.filter((name) => {
    if (name === join('support', 'check-property.ts')) return false;
    return /\bfc\.(assert|check|sample)\(/.test(readFileSync(join(folder, name), 'utf8'));
  });
  assert.ok(files.length > 100);
  assert.deepEqual(others, []);
});
