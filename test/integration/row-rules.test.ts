/** The proof that rows are independent, rule by rule, against what TensorFlow computes with one row and with many. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { binding, type RowProof } from '../../src/native/binding.js';
import { GraphModel, type InputNode, type Node, T } from '../support/graph-model.js';
import { withPool } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';
import { type CaseResult, type RowCase, runCases } from '../support/row-cases.js';
import { ELEMENTWISE } from './row-rules/elementwise.js';
import { EXAMPLES_RULES } from './row-rules/examples.js';
import { FUNCTIONS } from './row-rules/functions.js';
import { IMAGES } from './row-rules/images.js';
import { MATRICES } from './row-rules/matrices.js';
import { MORE } from './row-rules/more.js';
import { REDUCTIONS } from './row-rules/reductions.js';
import type { RuleTable } from './row-rules/rule-tests.js';
import { SHAPES } from './row-rules/shapes.js';
import { operationsWithRules, SILENT, STOPS } from './row-rules/stops.js';
import { TEXT } from './row-rules/text.js';

const RULES: RuleTable = {
  ...ELEMENTWISE,
  ...SHAPES,
  ...REDUCTIONS,
  ...MATRICES,
  ...IMAGES,
  ...FUNCTIONS,
  ...TEXT,
  ...EXAMPLES_RULES,
  ...MORE,
};
const KINDS = ['right', 'wrong', 'beyond'] as const;

const cases: readonly RowCase[] = Object.entries(RULES).flatMap(([op, tests]) =>
  KINDS.flatMap((kind) =>
    (tests[kind] ?? []).map((build, i) => ({ name: `${op}, ${kind} ${i}`, build, tries: kind === 'wrong' ? 4 : 1 })),
  ),
);

describe('the proof that rows are independent', { timeout: 120_000 }, () => {
  let results: ReadonlyMap<string, CaseResult> = new Map();

  before(() =>
    withTempDir((folder) =>
      withPool(1, async (pool) => {
        results = new Map((await runCases(cases, pool, folder)).map((result) => [result.name, result]));
      }),
    ),
  );

  const check = (op: string, kind: string, count: number, judge: (result: CaseResult) => void) => {
    for (let i = 0; i < count; i++) judge(results.get(`${op}, ${kind} ${i}`) as CaseResult);
  };

  for (const [op, { right, wrong, beyond = [] }] of Object.entries(RULES)) {
    it(`is right about ${op}`, () => {
      check(op, 'right', right.length, ({ name, proof, difference, refusedAlone, refusedTogether }) => {
        const problems = [refusedAlone, refusedTogether, difference];
        assert.deepEqual(problems, [undefined, undefined, undefined], name);
        assert.ok(proof.proven, `${name}: ${proof.reason}`);
      });
      check(op, 'wrong', wrong.length, ({ name, proof, difference, refusedTogether }) => {
        const problem = difference ?? refusedTogether;
        assert.ok(problem !== undefined, `${name}: TensorFlow shows no difference`);
        assert.ok(!proof.proven, `${name} is proven, but ${problem}`);
      });
      check(op, 'beyond', beyond.length, ({ name, proof, difference }) => {
        assert.deepEqual([difference, proof.proven], [undefined, false], name);
      });
    });
  }

  it('is tested for each operation that has a rule', () => {
    const operations = operationsWithRules();
    assert.ok(operations.length > 300);
    const tested = new Set([...Object.keys(RULES), ...STOPS, ...SILENT]);
    const untested = operations.filter((op) => !tested.has(op));
    assert.deepEqual(untested, []);
  });

  it('has a right and a wrong graph, at least, for each operation', () => {
    for (const [op, { right, wrong, beyond = [] }] of Object.entries(RULES)) {
      assert.ok(wrong.length > 0, `${op} has no wrong graph`);
      assert.ok(right.length + beyond.length > 0 || NEVER_RIGHT.test(op), `${op} has no right graph`);
    }
  });
});

/** What these give is never rows, whatever they are given: random, or fewer than rows. */
const NEVER_RIGHT = /^(Random|Multinomial|ParameterizedTruncatedNormal|TruncatedNormal|Segment|StringNGrams)/;

/** A graph whose only output is behind the operation; `op` need not be given what it takes, since nothing is run. */
function proofBehind(op: string, through: (graph: GraphModel, x: InputNode) => Node): RowProof {
  const graph = new GraphModel();
  const x = graph.input('float', [3]);
  graph.signature('s', [x], [through(graph, x)]);
  const [proof] = binding.proveRows(graph.metaGraph());
  assert.ok(proof !== undefined, op);
  return proof;
}

describe('the proof stops at', () => {
  for (const op of STOPS) {
    it(`${op}, and says so`, () => {
      const { proven, reason } = proofBehind(op, (graph, x) => graph.op('Identity', [graph.op(op, [x])], T(x)));
      assert.equal(proven, false);
      assert.match(reason, new RegExp(`\\b${op}\\b`));
    });
  }
});

describe('the proof passes', () => {
  for (const op of SILENT) {
    it(`${op}, of which nothing comes but an order`, () => {
      const { proven, reason } = proofBehind(op, (graph, x) => {
        const silent = graph.op(op, []);
        return graph.op('Identity', [x, { ref: `^${silent.ref}`, dtype: 'float' }], T(x));
      });
      assert.ok(proven, reason);
    });
  }
});
