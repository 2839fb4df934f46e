/** Graphs put together at random: where their rows are proven independent, TensorFlow computes the same for rows together and alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { binding } from '../../src/native/binding.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { checkProperty, fuzzRuns } from '../support/check-property.js';
import { SavedModelBytes } from '../support/graph-messages.js';
import { withPool } from '../support/in-process-model.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type CaseResult, type RowCase, runCases } from '../support/row-cases.js';
import { DEPENDENT_MODELS, INDEPENDENT_MODELS } from '../support/row-models.js';
import { randomCase } from './row-graphs/random-graph.js';

const GRAPHS_OF_A_RUN = 40;
/** Of up to GRAPHS_OF_A_RUN graphs each, which takes a fifth of a second. */
const RUNS = Math.ceil(fuzzRuns(5000) / 500);
const SEED = 12;
/** More numbers than a graph makes use of. */
const NUMBERS = 90;
const LIMIT = { timeout: 1_800_000 };

const program = fc.array(fc.nat(5039), { minLength: NUMBERS, maxLength: NUMBERS });
const programs = fc.array(program, { minLength: 1, maxLength: GRAPHS_OF_A_RUN, size: 'max' });

test('rows that are proven independent are', LIMIT, (t) =>
  withTempDir((folder) =>
    withPool(1, async (pool) => {
      let [graphs, proven, refused] = [0, 0, 0];
      const property = fc.asyncProperty(programs, async (some) => {
        const results = await runAccepted(some.map(randomCase), pool, folder);
        graphs += results.length;
        const held = results.filter(({ proof }) => proof.proven);
        proven += held.length;
        refused += held.filter(({ refusedTogether }) => refusedTogether !== undefined).length;
        const wrong = held.find(({ difference }) => difference !== undefined);
        assert.equal(wrong, undefined, `the graph of ${wrong?.name} is proven: ${wrong?.difference}`);
      });
      await checkProperty(t, property, { numRuns: RUNS, seed: SEED });
      t.diagnostic(`${proven} of ${graphs} graphs are proven`);
      assert.ok(proven > graphs / 4, `only ${proven} of ${graphs} graphs are proven`);
      // A value that no output is made of may not fit where rows are together. A server then runs each request alone.
      assert.ok(refused <= proven / 100, `${refused} of ${proven} proven graphs fail where rows are together`);
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

const metaGraphs = [...INDEPENDENT_MODELS, ...DEPENDENT_MODELS].map(({ path }) => {
  const file = readFileSync(join(modelPath(path), '1/saved_model.pb'));
  return decodeMessage(SavedModelBytes, file).meta_graphs[0] as Uint8Array;
});

/** A change of a byte, or a copy of some bytes to another place; places as shares of the length. */
const change = fc.tuple(
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.double({ min: 0, max: 1, noNaN: true }),
  fc.nat(511),
);

test('the proof comes to an end soon, whatever the bytes are', LIMIT, async (t) => {
  const property = fc.property(
    fc.constantFrom(...metaGraphs),
    fc.array(change, { maxLength: 20 }),
    (metaGraph, changes) => {
      const bytes = Buffer.from(metaGraph);
      for (const [at, from, kind] of changes) {
        const place = Math.floor(at * (bytes.length - 1));
        if (kind < 256) bytes[place] = kind;
        else bytes.copyWithin(place, Math.floor(from * bytes.length), Math.floor(from * bytes.length) + kind - 256);
      }
      const start = process.cpuUsage();
      for (const { proven, reason } of binding.proveRows(bytes)) assert.equal(proven, reason === '');
      const { user, system } = process.cpuUsage(start);
      assert.ok(user + system < 5e6, `${user + system} µs`);
    },
  );
  await checkProperty(t, property, { numRuns: fuzzRuns(1000), seed: SEED });
});
