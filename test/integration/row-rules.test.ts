/** The proof that rows are independent, rule by rule, against what TensorFlow computes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withPool } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';
import { runCases } from '../support/row-cases.js';
import { T } from '../support/graph-model.js';

test('x', () => withTempDir((folder) => withPool(1, async (pool) => {
  console.log(await runCases([
   {name: 'softmax', build: (g) => { const x = g.rows('float', [3]); return g.graph.op('Softmax', [x], T(x)); }},
   {name: 'cumsum', build: (g) => { const x = g.rows('float', [3]); return g.graph.op('Cumsum', [x, g.graph.constant('int32', [], [0])], T(x)); }},
   {name: 'lower', build: (g) => { const x = g.rows('string', [3]); return g.graph.op('StringLower', [x]); }},
   {name: 'sum', build: (g) => { const x = g.rows('int64', [3]); return g.graph.op('Sum', [x, g.graph.constant('int32', [], [0])], T(x)); }},
  ], pool, folder));
})));
