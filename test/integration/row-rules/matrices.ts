/** Products of matrices. */
import { type Node, T } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { RuleTable, RuleTests } from './rule-tests.js';

const matMul = (g: CaseGraph, a: Node, b: Node, transpose_a = false, transpose_b = false) =>
  g.op('MatMul', [a, b], { ...T(a), transpose_a, transpose_b });

const batchMatMul =
  (op: string) =>
  (g: CaseGraph, a: Node, b: Node, adj_x = false, adj_y = false) =>
    g.op(op, [a, b], { ...T(a), adj_x, adj_y });

const einsum = (g: CaseGraph, equation: string, ...inputs: Node[]) =>
  g.op('Einsum', inputs, { equation, N: inputs.length, T: { type: 'float' } });

function batches(op: string): RuleTests {
  const product = batchMatMul(op);
  return {
    right: [
      (g) => product(g, g.rows('float', [2, 3]), g.rows('float', [3, 4])),
      (g) => product(g, g.rows('float', [2, 3]), g.rows('float', [4, 3]), false, true),
      (g) => product(g, g.rows('float', [2, 2, 3]), g.rows('float', [2, 2, 3]), true, false),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        return product(g, product(g, x, x, false, true), x);
      },
      // Rows in the last dimension, which is summed over.
      (g) => {
        const x = g.transposed(g.rows('float', [2, 2]), 1, 2, 0);
        return g.transposed(product(g, product(g, x, x, false, true), x), 2, 0, 1);
      },
      (g) => product(g, g.rows('float', [2, 3]), g.mixed(g.rows('float', [3, 4]))),
    ],
  };
}

export const MATRICES: RuleTable = {
  MatMul: {
    right: [
      (g) => matMul(g, g.rows('float', [3]), g.weights([3, 2])),
      (g) => matMul(g, g.rows('float', [3]), g.weights([2, 3]), false, true),
      (g) => matMul(g, g.transposed(g.rows('float', [3]), 1, 0), g.weights([3, 2]), true),
      // Rows in the second dimension of the second.
      (g) => g.transposed(matMul(g, g.weights([2, 3]), g.transposed(g.rows('float', [3]), 1, 0)), 1, 0),
    ],
    wrong: [
      // In-batch attention.
      (g) => {
        const x = g.rows('float', [3]);
        return matMul(g, matMul(g, x, x, false, true), x);
      },
      (g) => {
        const x = g.rows('float', [3]);
        return matMul(g, x, matMul(g, x, x, true));
      },
      (g) => matMul(g, g.rows('float', [1]), g.slice(g.rows('float', [3]), [0], [1])),
      (g) => matMul(g, g.mixed(g.rows('float', [3])), g.weights([3, 2])),
    ],
  },
  BatchMatMulV2: {
    right: [
      ...batches('BatchMatMulV2').right,
      (g) => batchMatMul('BatchMatMulV2')(g, g.rows('float', [2, 3]), g.weights([3, 4])),
      (g) => batchMatMul('BatchMatMulV2')(g, g.rows('float', [5, 2, 3]), g.rows('float', [1, 3, 2])),
    ],
    wrong: [
      ...batches('BatchMatMulV2').wrong,
      // Each row with each.
      (g) => batchMatMul('BatchMatMulV2')(g, g.rows('float', [1, 2, 3]), g.rows('float', [3, 2])),
    ],
  },
  BatchMatMul: batches('BatchMatMul'),
  BatchMatMulV3: {
    right: [
      (g) =>
        g.op('BatchMatMulV3', [g.rows('float', [2, 3]), g.rows('float', [3, 4])], {
          Ta: { type: 'float' },
          Tb: { type: 'float' },
          Tout: { type: 'float' },
        }),
    ],
    wrong: [
      (g) =>
        g.op('BatchMatMulV3', [g.rows('float', [1, 2, 3]), g.rows('float', [3, 2])], {
          Ta: { type: 'float' },
          Tb: { type: 'float' },
          Tout: { type: 'float' },
        }),
    ],
  },
  Einsum: {
    right: [
      (g) => einsum(g, 'bi,ij->bj', g.rows('float', [3]), g.weights([3, 2])),
      (g) => einsum(g, 'bqhd,bkhd->bhqk', g.rows('float', [3, 2, 4]), g.rows('float', [3, 2, 4])),
      (g) => einsum(g, 'bij->bji', g.rows('float', [2, 3])),
      (g) => g.transposed(einsum(g, 'abc,cd->dab', g.rows('float', [2, 3]), g.weights([3, 2])), 1, 2, 0),
      (g) => einsum(g, '...c,cd->...d', g.rows('float', [2, 3]), g.weights([3, 2])),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        return einsum(g, 'bc,ci->bi', einsum(g, 'bi,ci->bc', x, x), x);
      },
      (g) => einsum(g, 'bi,cj->bij', g.rows('float', [3]), g.rows('float', [3])),
      (g) => {
        const x = g.rows('float', [3]);
        return g.op('AddV2', [x, einsum(g, 'bi->i', x)], T(x));
      },
      (g) => einsum(g, 'bi->ib', g.rows('float', [3])),
      (g) => einsum(g, 'bi,cj->bj', g.rows('float', [3]), g.rows('float', [3])),
    ],
  },
};
