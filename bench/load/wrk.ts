/** HTTP load: as many keep-alive connections as there are requests in flight. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withTempDir } from '../../test/support/models.js';
import { PROJECT_ROOT } from '../../test/support/project-root.js';
import { runProcess } from '../../test/support/run-process.js';
import { GRACE_MILLIS, type Load, type LoadGenerator, type LoadResult, numberIn } from './load.js';

/** Sends the body of a file, and prints what the run gave as `name=number`. */
const SCRIPT = join(PROJECT_ROOT, 'bench/load/wrk.lua');

export const wrk: LoadGenerator = { name: 'wrk', package: 'wrk', run };

function run(load: Load): Promise<LoadResult> {
  return withTempDir(async (folder) => {
    const body = join(folder, 'body');
    await writeFile(body, load.request.body);
    const timeoutMillis = load.durationSeconds * 1000 + GRACE_MILLIS;
    return parseSummary(await runProcess('wrk', argumentsFor(load, body), { timeoutMillis }));
  });
}

function argumentsFor({ host, port, request, concurrency, durationSeconds }: Load, body: string): string[] {
  const amount = ['-t', '1', '-c', String(concurrency), '-d', `${durationSeconds}s`];
  return [...amount, '-s', SCRIPT, `http://${host}:${port}${request.path}`, '--', body, request.contentType];
}

export function parseSummary(output: string): LoadResult {
  const value = (name: string) => numberIn(output, new RegExp(`^${name}=(.*)$`, 'm'));
  const refused = value('refused');
  return {
    goodAnswers: value('answers') - refused,
    errors: refused + value('failed'),
    seconds: value('micros') / 1e6,
    p50Micros: value('p50'),
    p90Micros: value('p90'),
    p99Micros: value('p99'),
    p999Micros: value('p999'),
    maxMicros: value('max'),
  };
}
