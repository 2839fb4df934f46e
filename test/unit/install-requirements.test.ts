import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Environment,
  FRAMEWORK,
  HEADERS,
  LIBRARY,
  SCRIPTS,
  temporaryFolder,
  touch,
} from '../support/fake-libtensorflow.js';

const { checkRequirements } = (await import(new URL('install/requirements.mjs', SCRIPTS).href)) as {
  checkRequirements: (
    env: Environment,
  ) => Promise<{ compiler?: string; problems: string[]; libtensorflow?: { directory: string } }>;
};
const { checkNodeVersion } = (await import(new URL('install/node-version.mjs', SCRIPTS).href)) as {
  checkNodeVersion: (version?: string) => { problem?: string; warning?: string };
};

const BOUNDED = { timeout: 60_000 };

test('all that is missing is listed at once, each with how to install it', BOUNDED, async (t) => {
  const folder = temporaryFolder(t);
  const { compiler, problems } = await checkRequirements({ PATH: join(folder, 'nothing'), HOME: folder });
  assert.equal(compiler, undefined);
  assert.equal(problems.length, 4);
  const [python, cpp, cmake, make] = problems;
  assert.match(python ?? '', /^python3 is missing, .*apt install python3-pip; .*or set LIBTENSORFLOW_DIR/);
  assert.match(
    cpp ?? '',
    /^A C\+\+20 compiler is missing, .*apt install g\+\+; Fedora: dnf install gcc-c\+\+; macOS: xcode-select/,
  );
  assert.match(cmake ?? '', /^CMake 3\.18 or newer is missing, .*apt install cmake; .*brew install cmake/);
  assert.match(make ?? '', /^Neither ninja nor make is there, .*apt install make/);
});

test('Python is asked for only if the library has to be fetched', BOUNDED, async (t) => {
  const folder = touch(temporaryFolder(t), FRAMEWORK, LIBRARY, ...HEADERS);
  const { problems, libtensorflow } = await checkRequirements({
    PATH: join(folder, 'nothing'),
    LIBTENSORFLOW_DIR: folder,
  });
  assert.equal(libtensorflow?.directory, folder);
  assert.doesNotMatch(problems.join(), /python/);
});

test('a LIBTENSORFLOW_DIR without headers is one of the problems', BOUNDED, async (t) => {
  const folder = touch(temporaryFolder(t), FRAMEWORK, LIBRARY);
  const { problems } = await checkRequirements({ PATH: join(folder, 'nothing'), LIBTENSORFLOW_DIR: folder });
  assert.match(problems[0] ?? '', /^LIBTENSORFLOW_DIR names ".*", which has no include/);
});

test('Node 20 and 22 are welcome, others newer are warned of, older ones are refused', () => {
  for (const version of ['20.17.0', '22.9.1']) assert.deepEqual(checkNodeVersion(version), {});
  assert.match(
    checkNodeVersion('24.1.0').warning ?? '',
    /^Node 24\.1\.0 is not tested with tensorgate, only 20 and 22 are/,
  );
  assert.match(
    checkNodeVersion('18.20.4').problem ?? '',
    /^Node 18\.20\.4 is too old to run tensorgate: install Node 20 or 22\.$/,
  );
});
