/** Graphs put together at random: where their rows are proven independent, TensorFlow computes the same for rows together and alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WorkerPool } from '../../src/workers/pool.js';
import { withPool } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';
import { type CaseResult, type RowCase, runCases } from '../support/row-cases.js';
import { randomCase } from './row-graphs/random-graph.js';

/** Of so many graphs at most; FUZZ_RUNS runs take so many times as long as 100. */
const GRAPHS_OF_A_RUN = 40;
const RUNS = Math.ceil(Number(process.env.FUZZ_RUNS ?? 100) / 10);
const SEED = Number(process.env.FUZZ_SEED ?? 12);
/** More numbers than a graph makes use of. */
const NUMBERS = 90;

const program = fc.array(fc.nat(5039), { minLength: NUMBERS, maxLength: NUMBERS });
const programs = fc.array(program, { minLength: 1, maxLength: GRAPHS_OF_A_RUN, size: 'max' });

test('rows that are proven independent are', { timeout: 600_000 }, (t) =>
  withTempDir((folder) =>
    withPool(1, async (pool) => {
      let [graphs, proven] = [0, 0];
      const property = fc.asyncProperty(programs, async (some) => {
        const results = await runAccepted(some.map(randomCase), pool, folder);
        graphs += results.length;
        proven += results.filter(({ proof }) => proof.proven).length;
        const wrong = results.find(({ proof, difference }) => proof.proven && difference !== undefined);
        assert.equal(wrong, undefined, `the graph of ${wrong?.name} is proven: ${wrong?.difference}`);
      });
      await fc.assert(property, { numRuns: RUNS, seed: SEED, endOnFailure: false });
      t.diagnostic(`seed ${SEED}: ${proven} of ${graphs} graphs are proven`);
      assert.ok(proven > graphs / 4, `only ${proven} of ${graphs} graphs are proven`);
    }),
  ),
);

/** As runCases(), without those that TensorFlow refuses to load: some are made of dimensions that do not fit. */
async function runAccepted(cases: readonly RowCase[], pool: WorkerPool, folder: string): Promise<CaseResult[]> {
  try {
    return await runCases(cases, pool, folder);
  } catch {
    if (cases.length === 1) return [];
    const half = cases.length >> 1;
    return [
      ...(await runAccepted(cases.slice(0, half), pool, folder)),
      ...(await runAccepted(cases.slice(half), pool, folder)),
    ];
  }
}
