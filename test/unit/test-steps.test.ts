import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';

const STEPS = pathToFileURL(join(PROJECT_ROOT, 'scripts', 'steps.mjs')).href;

describe('The steps of the tests', () => {
  it('are all run, and those that failed or threw are told at the end with a command for each', () =>
    withTempDir(async (folder) => {
      const program = join(folder, 'steps.mjs');
      writeFileSync(
        program,
        `import { runSteps, tellSteps } from '${STEPS}';
         const steps = [
           { name: 'bad', run: () => 3 },
           { name: 'worse', run: () => { throw new Error('cannot be built'); } },
           { name: 'good', run: async () => 0 },
           { name: 'last', run: async () => 1 },
         ];
         const failed = await runSteps(steps);
         console.log(tellSteps(steps, failed, 'npm run test:long --'));
         console.log(tellSteps(steps, [], 'npm run test:long --'));
         process.exit(failed.length);`,
      );
      const { status, text } = await run([program]);
      assert.equal(status, 3);
      assert.deepEqual(text.trim().split(/\n+/), [
        '== bad',
        '== worse',
        '== good',
        '== last',
        '3 of 4 steps failed. What failed in them is told above; to repeat a step:',
        ...['bad', 'worse', 'last'].flatMap((name) => [`  ${name}`, `    npm run test:long -- --step=${name}`]),
        'All 4 steps passed: bad, worse, good, last.',
      ]);
    }));

  it('can be named, and a wrong name says which there are, those of the long mode among them', async () => {
    const { status, text } = await run(['scripts/test.mjs', '--long', '--step=none']);
    assert.equal(status, 1);
    assert.match(
      text,
      /^There is no step none\. Steps: .*\btests, .*\bsanitized-addon, fuzz-typescript, .*\bjson_tensor_fuzz\b/m,
    );
    const { scripts } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));
    assert.equal(scripts['test:long'], 'node scripts/test.mjs --long');
  });
});

/** Exit status and all that is printed but a thrown error. */
function run(args: readonly string[]): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: PROJECT_ROOT }, (error, stdout, stderr) => {
      resolve({ status: Number(error?.code ?? 0), text: stdout === '' ? stderr : stdout });
    });
  });
}
