import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { PROJECT_ROOT } from '../support/project-root.js';
import { type PythonEnvironment, runPython } from '../support/python.js';
import type { TestServer } from '../support/with-server.js';

interface Check {
  readonly sentence: string;
  /** A traceback; null if the check passed. */
  readonly failure: string | null;
  readonly seconds: number;
}

interface Report {
  readonly versions: Record<string, string>;
  readonly checks: readonly Check[];
}

/** Far more than any script takes; a hang is a failure too. */
const TIMEOUT_MILLIS = 100_000;

/** Runs test/conformance/<script> against the server, and reports each of its checks as a test of its own. */
export async function testWithPython(
  t: TestContext,
  environment: PythonEnvironment,
  script: string,
  { ports }: TestServer,
  args: readonly string[] = [],
): Promise<void> {
  const path = join(PROJECT_ROOT, 'test/conformance', script);
  const portArgs = [ports.grpc, ports.rest, ports.graphpipe].map(String);
  const report = (await runPython(environment, path, [...portArgs, ...args], {
    timeoutMillis: TIMEOUT_MILLIS,
  })) as Report;
  const versions = Object.entries(report.versions).map((version) => version.join(' '));
  t.diagnostic(`The client: ${versions.join(', ')}.`);
  assert.ok(report.checks.length > 0, `${script} has no checks.`);
  for (const { sentence, failure, seconds } of report.checks) {
    await t.test(sentence, (check) => {
      check.diagnostic(`${seconds.toFixed(2)} s in Python`);
      if (failure !== null) assert.fail(failure);
    });
  }
}
