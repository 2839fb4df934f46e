/** Operations that put the values along dimensions together: sums, the largest, order. */
import { type Node, T, type TypeName } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { RuleTable, RuleTests } from './rule-tests.js';

const reduce = (g: CaseGraph, op: string, x: Node, axes: Node, keep_dims = false) =>
  g.op(op, [x, axes], { ...(x.dtype === 'bool' ? {} : T(x)), keep_dims, Tidx: { type: 'int32' } });

const reduction = (op: string, dtype: TypeName): RuleTests => ({
  right: [
    (g) => reduce(g, op, g.rows(dtype, [3]), g.ints(1)),
    (g) => reduce(g, op, g.rows(dtype, [2, 3]), g.ints(-1), true),
    (g) => reduce(g, op, g.rows(dtype, [2, 3]), g.ints(2, -2)),
    (g) => reduce(g, op, g.rows(dtype, [3]), g.int(1)),
    // Rows in the second dimension.
    (g) => reduce(g, op, g.transposed(g.rows(dtype, [3]), 1, 0), g.int(0)),
    (g) => reduce(g, op, g.rows(dtype, [3]), g.ints()),
  ],
  wrong: [
    (g) => reduce(g, op, g.rows(dtype, [3]), g.ints(0), true),
    (g) => reduce(g, op, g.rows(dtype, [3]), g.ints(-2), true),
    (g) => reduce(g, op, g.rows(dtype, [3]), g.ints(0, 1), true),
    // All axes, as many as there are.
    (g) => {
      const x = g.rows(dtype, [3]);
      const axes = g.op('Range', [g.int(0), g.op('Rank', [x], T(x), 'int32'), g.int(1)], { Tidx: { type: 'int32' } });
      return reduce(g, op, x, axes, true);
    },
    (g) => reduce(g, op, g.transposed(g.rows(dtype, [3]), 1, 0), g.int(1)),
    // The result for all rows is given to each.
    (g) => {
      const x = g.rows(dtype, []);
      const all = reduce(g, op, x, g.ints(0), true);
      return g.op('BroadcastTo', [all, g.shape(x)], { ...T(all), Tidx: { type: 'int32' } });
    },
  ],
});

const tableOf = (names: string, tests: (op: string) => RuleTests): RuleTable =>
  Object.fromEntries(names.split(' ').map((op) => [op, tests(op)]));

const arg = (g: CaseGraph, op: string, x: Node, axis: number) =>
  g.op(op, [x, g.int(axis)], { ...T(x), Tidx: { type: 'int32' }, output_type: { type: 'int64' } }, 'int64');

const cumulative = (g: CaseGraph, op: string, x: Node, axis: number) =>
  g.op(op, [x, g.int(axis)], { ...T(x), Tidx: { type: 'int32' } });

const topK = (g: CaseGraph, x: Node, k: Node) => g.ops('TopKV2', [x, k], { ...T(x), sorted: true }, [x.dtype, 'int32']);

export const REDUCTIONS: RuleTable = {
  ...tableOf('Sum Mean Prod Max Min', (op) => reduction(op, 'float')),
  EuclideanNorm: reduction('EuclideanNorm', 'float'),
  All: reduction('All', 'bool'),
  Any: reduction('Any', 'bool'),
  ...tableOf('ArgMax ArgMin', (op) => ({
    right: [
      (g) => arg(g, op, g.rows('float', [4]), 1),
      (g) => arg(g, op, g.rows('float', [4, 2]), -2),
      (g) => arg(g, op, g.transposed(g.rows('float', [4]), 1, 0), 0),
    ],
    wrong: [
      (g) =>
        g.op('BroadcastTo', [arg(g, op, g.rows('float', [1]), 0), g.shape(g.rows('float', []))], {
          T: { type: 'int64' },
          Tidx: { type: 'int32' },
        }),
      (g) => arg(g, op, g.rows('float', [4]), -2),
      (g) => arg(g, op, g.transposed(g.rows('float', [4]), 1, 0), 1),
    ],
  })),
  ...tableOf('Softmax LogSoftmax', (op) => ({
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.op(op, [x], T(x));
      },
      (g) => {
        const x = g.transposed(g.rows('float', [2, 3]), 1, 0, 2);
        return g.transposed(g.op(op, [x], T(x)), 1, 0, 2);
      },
    ],
    wrong: [
      (g) => {
        const x = g.transposed(g.rows('float', [3]), 1, 0);
        return g.transposed(g.op(op, [x], T(x)), 1, 0);
      },
      (g) => {
        const x = g.rows('float', []);
        return g.op(op, [x], T(x));
      },
    ],
  })),
  ...tableOf('Cumsum Cumprod', (op) => ({
    right: [(g) => cumulative(g, op, g.rows('float', [3]), 1), (g) => cumulative(g, op, g.rows('float', [2, 3]), -1)],
    wrong: [(g) => cumulative(g, op, g.rows('float', [3]), 0), (g) => cumulative(g, op, g.rows('float', [3]), -2)],
  })),
  TopKV2: {
    right: [(g) => topK(g, g.rows('float', [4]), g.int(2)), (g) => topK(g, g.rows('float', [2, 4]), g.int(3))],
    wrong: [
      (g) => {
        const [values] = topK(g, g.transposed(g.rows('float', [2]), 1, 0), g.int(1));
        return g.transposed(values as Node, 1, 0);
      },
      (g) => {
        const x = g.rows('float', []);
        return topK(g, x, g.count(x));
      },
      (g) => {
        const x = g.rows('float', [6]);
        return topK(g, x, g.count(x))[0] as Node;
      },
    ],
  },
};
