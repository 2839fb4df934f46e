/** Convolutions, pooling, resizing, normalization of images. */
import { type Node, T } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { Build, RuleTable, RuleTests } from './rule-tests.js';

const tableOf = (names: string, tests: (op: string) => RuleTests): RuleTable =>
  Object.fromEntries(names.split(' ').map((op) => [op, tests(op)]));

/** The image's height holds the rows, in a batch of `images`. */
function upright(build: (g: CaseGraph, x: Node) => Node): Build {
  return (g) => {
    const x = g.transposed(g.rows('float', [1, 4, 2]), 1, 0, 2, 3);
    return g.transposed(build(g, x), 1, 0, 2, 3);
  };
}

const ofMixed =
  (build: (g: CaseGraph, x: Node) => Node): Build =>
  (g) =>
    build(g, g.mixed(g.rows('float', [4, 4, 2])));

const of =
  (build: (g: CaseGraph, x: Node) => Node): Build =>
  (g) =>
    build(g, g.rows('float', [4, 4, 2]));

const conv = (g: CaseGraph, x: Node, strides = 1, padding = 'SAME') =>
  g.op('Conv2D', [x, g.weights([3, 3, 2, 3])], { ...T(x), strides: [1, strides, strides, 1], padding });
const depthwise = (g: CaseGraph, x: Node) =>
  g.op('DepthwiseConv2dNative', [x, g.weights([3, 3, 2, 2])], { ...T(x), strides: [1, 1, 1, 1], padding: 'SAME' });
const pool = (g: CaseGraph, op: string, x: Node, ksize = [1, 3, 3, 1], strides = [1, 1, 1, 1]) =>
  g.op(op, [x], { ...T(x), ksize, strides, padding: 'SAME' });
const resize = (g: CaseGraph, op: string, x: Node, size: Node) =>
  g.op(op, [x, size], { ...T(x), half_pixel_centers: true }, 'float');

const batchNorm = (g: CaseGraph, op: string, x: Node, is_training: boolean) => {
  const U = op === 'FusedBatchNorm' ? {} : { U: { type: 'float' } as const };
  const outputs = op === 'FusedBatchNormV3' ? 6 : 5;
  const moments = is_training ? [g.weights([0]), g.weights([0])] : [g.weights([2]), g.constant('float', [2], [1, 2])];
  const inputs = [x, g.weights([2]), g.weights([2]), ...moments];
  return g.ops(
    op,
    inputs,
    { ...T(x), ...U, is_training, epsilon: { float: 0.01 } },
    Array(outputs).fill('float'),
  )[0] as Node;
};

const blocks = (g: CaseGraph, op: string, x: Node, last: readonly number[]) =>
  g.op(op, [x, g.ints(2), g.constant('int32', [1, 2], last)], {
    ...T(x),
    Tblock_shape: { type: 'int32' },
    [op === 'SpaceToBatchND' ? 'Tpaddings' : 'Tcrops']: { type: 'int32' },
  });

export const IMAGES: RuleTable = {
  Conv2D: {
    right: [of(conv), of((g, x) => conv(g, x, 2, 'VALID'))],
    wrong: [upright(conv), ofMixed(conv)],
  },
  DepthwiseConv2dNative: { right: [of(depthwise)], wrong: [upright(depthwise), ofMixed(depthwise)] },
  Conv3D: {
    right: [
      (g) =>
        g.op('Conv3D', [g.rows('float', [3, 3, 3, 2]), g.weights([2, 2, 2, 2, 3])], {
          T: { type: 'float' },
          strides: [1, 1, 1, 1, 1],
          padding: 'SAME',
        }),
    ],
    wrong: [
      (g) => {
        const x = g.transposed(g.rows('float', [1, 3, 3, 2]), 1, 0, 2, 3, 4);
        const y = g.op('Conv3D', [x, g.weights([2, 2, 2, 2, 3])], {
          T: { type: 'float' },
          strides: [1, 1, 1, 1, 1],
          padding: 'SAME',
        });
        return g.transposed(y, 1, 0, 2, 3, 4);
      },
    ],
  },
  Conv2DBackpropInput: {
    right: [
      (g) => {
        const x = g.rows('float', [2, 2, 3]);
        const sizes = g.op('Pack', [g.count(x), g.int(4), g.int(4), g.int(2)], { N: 4, T: { type: 'int32' } });
        return g.op(
          'Conv2DBackpropInput',
          [sizes, g.weights([3, 3, 2, 3]), x],
          { ...T(x), strides: [1, 2, 2, 1], padding: 'SAME' },
          'float',
        );
      },
    ],
    wrong: [
      (g) => {
        const x = g.mixed(g.rows('float', [2, 2, 3]));
        const sizes = g.op('Pack', [g.count(x), g.int(4), g.int(4), g.int(2)], { N: 4, T: { type: 'int32' } });
        return g.op(
          'Conv2DBackpropInput',
          [sizes, g.weights([3, 3, 2, 3]), x],
          { ...T(x), strides: [1, 2, 2, 1], padding: 'SAME' },
          'float',
        );
      },
    ],
  },
  ...tableOf('MaxPool AvgPool', (op) => ({
    right: [of((g, x) => pool(g, op, x)), of((g, x) => pool(g, op, x, [1, 2, 2, 1], [1, 2, 2, 1]))],
    wrong: [upright((g, x) => pool(g, op, x)), ofMixed((g, x) => pool(g, op, x))],
  })),
  ...tableOf('MaxPool3D AvgPool3D', (op) => ({
    right: [
      (g) =>
        g.op(op, [g.rows('float', [3, 3, 3, 2])], {
          T: { type: 'float' },
          ksize: [1, 2, 2, 2, 1],
          strides: [1, 1, 1, 1, 1],
          padding: 'SAME',
        }),
    ],
    wrong: [
      (g) => {
        const x = g.transposed(g.rows('float', [1, 3, 3, 2]), 1, 0, 2, 3, 4);
        return g.transposed(
          g.op(op, [x], { T: { type: 'float' }, ksize: [1, 2, 2, 2, 1], strides: [1, 1, 1, 1, 1], padding: 'SAME' }),
          1,
          0,
          2,
          3,
          4,
        );
      },
    ],
  })),
  ...tableOf('FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3', (op) => ({
    right: [of((g, x) => batchNorm(g, op, x, false))],
    wrong: [of((g, x) => batchNorm(g, op, x, true)), ofMixed((g, x) => batchNorm(g, op, x, false))],
  })),
  ...tableOf('ResizeNearestNeighbor ResizeBilinear', (op) => ({
    right: [of((g, x) => resize(g, op, x, g.ints(6, 3)))],
    wrong: [
      of((g, x) => resize(g, op, x, g.op('Pack', [g.count(x), g.int(2)], { N: 2, T: { type: 'int32' } }))),
      upright((g, x) => resize(g, op, x, g.ints(5, 2))),
    ],
  })),
  SpaceToBatchND: {
    right: [(g) => blocks(g, 'BatchToSpaceND', blocks(g, 'SpaceToBatchND', g.rows('float', [4, 2]), [0, 0]), [0, 0])],
    wrong: [(g) => blocks(g, 'SpaceToBatchND', g.rows('float', [4, 2]), [0, 0])],
  },
  BatchToSpaceND: {
    right: [
      (g) => {
        const apart = blocks(g, 'SpaceToBatchND', g.rows('float', [3, 2]), [1, 0]);
        return blocks(g, 'BatchToSpaceND', g.op('Tanh', [apart], T(apart)), [1, 0]);
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [2, 2]);
        const twice = g.op('ConcatV2', [x, x, g.int(0)], { N: 2, ...T(x) });
        return g.mixed(blocks(g, 'BatchToSpaceND', twice, [0, 0]));
      },
    ],
  },
  ...tableOf('SpaceToDepth DepthToSpace', (op) => ({
    right: [(g) => g.op(op, [g.rows('float', [4, 4, 4])], { T: { type: 'float' }, block_size: 2 })],
    wrong: [(g) => g.op(op, [g.mixed(g.rows('float', [4, 4, 4]))], { T: { type: 'float' }, block_size: 2 })],
  })),
  LRN: {
    right: [of((g, x) => g.op('LRN', [x], T(x)))],
    wrong: [ofMixed((g, x) => g.op('LRN', [x], T(x)))],
  },
};
