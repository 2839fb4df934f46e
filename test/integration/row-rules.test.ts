/** The proof that rows are independent, rule by rule, against what TensorFlow computes with one row and with many. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { withPool } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';
import { type CaseResult, type RowCase, runCases } from '../support/row-cases.js';
import { ELEMENTWISE } from './row-rules/elementwise.js';
import { EXAMPLES_RULES } from './row-rules/examples.js';
import { FUNCTIONS } from './row-rules/functions.js';
import { IMAGES } from './row-rules/images.js';
import { MATRICES } from './row-rules/matrices.js';
import { REDUCTIONS } from './row-rules/reductions.js';
import type { RuleTable } from './row-rules/rule-tests.js';
import { SHAPES } from './row-rules/shapes.js';
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
      check(op, 'right', right.length, ({ name, proof, difference, refusedAlone }) => {
        assert.deepEqual([refusedAlone, difference], [undefined, undefined], name);
        assert.ok(proof.proven, `${name}: ${proof.reason}`);
      });
      check(op, 'wrong', wrong.length, ({ name, proof, difference }) => {
        assert.ok(difference !== undefined, `${name}: TensorFlow shows no difference`);
        assert.ok(!proof.proven, `${name} is proven, but ${difference}`);
      });
      check(op, 'beyond', beyond.length, ({ name, proof, difference }) => {
        assert.deepEqual([difference, proof.proven], [undefined, false], name);
      });
    });
  }
});
