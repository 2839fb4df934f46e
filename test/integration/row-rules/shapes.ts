/** Operations that move, cut, repeat and put together, and those that make shapes and tensors of shapes. */
import { type Node, T } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { RuleTable } from './rule-tests.js';

const shrink = { shrink_axis_mask: 1 };

function pack(g: CaseGraph, inputs: readonly Node[], axis: number): Node {
  return g.op('Pack', inputs, { N: inputs.length, axis, T: { type: (inputs[0] as Node).dtype } });
}

function concat(g: CaseGraph, inputs: readonly Node[], axis: number): Node {
  return g.op('ConcatV2', [...inputs, g.int(axis)], { N: inputs.length, T: { type: (inputs[0] as Node).dtype } });
}

const reshape = (g: CaseGraph, x: Node, shape: Node) => g.op('Reshape', [x, shape], T(x));
const fill = (g: CaseGraph, dims: Node, value: Node) => g.op('Fill', [dims, value], T(value), value.dtype);
const tile = (g: CaseGraph, x: Node, multiples: Node) => g.op('Tile', [x, multiples], T(x));
const oneHot = (g: CaseGraph, x: Node, depth: Node, axis: number) =>
  g.op(
    'OneHot',
    [x, depth, g.constant('float', [], [1]), g.constant('float', [], [0])],
    { axis, T: { type: 'float' }, TI: { type: 'int32' } },
    'float',
  );
const gather = (g: CaseGraph, params: Node, indices: Node, axis: number, batch_dims = 0) =>
  g.op('GatherV2', [params, indices, g.int(axis)], {
    batch_dims,
    Tparams: { type: params.dtype },
    Tindices: { type: indices.dtype },
    Taxis: { type: 'int32' },
  });
const toFloat = (g: CaseGraph, x: Node) =>
  g.op('Cast', [x], { SrcT: { type: x.dtype }, DstT: { type: 'float' } }, 'float');
const plus = (g: CaseGraph, x: Node, y: Node) => g.op('AddV2', [x, y], T(x));
const add = (g: CaseGraph, x: Node, amount: number) => plus(g, x, g.constant(x.dtype, [], [amount]));

export const SHAPES: RuleTable = {
  Reshape: {
    right: [
      (g) => reshape(g, g.rows('float', [2, 3]), g.ints(-1, 6)),
      (g) => reshape(g, g.rows('float', [6]), g.ints(-1, 2, 3)),
      (g) => reshape(g, g.rows('float', [1]), g.ints(-1)),
      (g) => {
        const x = g.rows('float', [6]);
        return reshape(g, x, pack(g, [g.count(x), g.int(3), g.int(-1)], 0));
      },
      // The rows' dimension is put together with another, and taken apart again.
      (g) => {
        const x = g.rows('float', [2, 3]);
        const flat = reshape(g, x, g.ints(-1, 3));
        return reshape(g, g.op('Tanh', [flat], T(flat)), pack(g, [g.count(x), g.int(2), g.int(3)], 0));
      },
      (g) => reshape(g, reshape(g, g.rows('float', [2, 3]), g.ints(-1, 3)), g.ints(-1, 2, 3)),
    ],
    wrong: [
      (g) => reshape(g, g.rows('float', [3]), g.ints(-1)),
      (g) => reshape(g, g.rows('float', [3]), g.ints(1, -1)),
      (g) => reshape(g, g.transposed(g.rows('float', [3]), 1, 0), g.ints(-1, 3)),
      (g) => {
        const x = g.rows('float', [3]);
        return reshape(g, g.transposed(x, 1, 0), g.shape(x));
      },
      (g) => {
        const x = g.rows('float', [6]);
        return reshape(g, reshape(g, x, g.ints(-1, 3)), pack(g, [g.int(2), g.count(x), g.int(3)], 0));
      },
    ],
  },
  ExpandDims: {
    right: [
      (g) => g.op('ExpandDims', [g.rows('float', [3]), g.int(1)], { T: { type: 'float' } }),
      (g) => g.op('ExpandDims', [g.rows('float', [3]), g.int(-1)], { T: { type: 'float' } }),
      (g) => {
        const x = g.op('ExpandDims', [g.rows('float', [3]), g.int(0)], { T: { type: 'float' } });
        return g.transposed(x, 1, 0, 2);
      },
    ],
    wrong: [
      (g) => g.op('ExpandDims', [g.rows('float', [3]), g.int(0)], { T: { type: 'float' } }),
      (g) => g.op('ExpandDims', [g.rows('float', [3]), g.int(-3)], { T: { type: 'float' } }),
    ],
  },
  Squeeze: {
    right: [
      (g) => g.op('Squeeze', [g.rows('float', [1, 3])], { T: { type: 'float' }, squeeze_dims: [1] }),
      (g) => g.op('Squeeze', [g.rows('float', [3, 1])], { T: { type: 'float' }, squeeze_dims: [-1] }),
    ],
    wrong: [
      // One row's dimension goes, too.
      (g) => g.op('Squeeze', [g.rows('float', [1, 3])], { T: { type: 'float' } }),
      (g) => g.op('Squeeze', [g.rows('float', [3])], { T: { type: 'float' }, squeeze_dims: [0] }),
      (g) => g.op('Squeeze', [g.rows('float', [3])], { T: { type: 'float' }, squeeze_dims: [-2] }),
    ],
  },
  Transpose: {
    right: [
      (g) => g.transposed(g.rows('float', [2, 3]), 0, 2, 1),
      (g) => g.transposed(g.transposed(g.rows('float', [2, 3]), 2, 0, 1), 1, 2, 0),
    ],
    wrong: [
      (g) => g.transposed(g.rows('float', [3]), 1, 0),
      (g) => g.transposed(g.transposed(g.rows('float', [2, 3]), 2, 0, 1), 2, 1, 0),
    ],
  },
  ConcatV2: {
    right: [
      (g) => concat(g, [g.rows('float', [3]), g.rows('float', [2])], 1),
      (g) => concat(g, [g.rows('float', [2, 3]), g.rows('float', [2, 1])], -1),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        return concat(g, [x, x], 0);
      },
      (g) => {
        const x = g.rows('float', [3]);
        return concat(g, [x, x], -2);
      },
      (g) => {
        const x = g.rows('float', [3]);
        return concat(g, [x, g.mixed(x)], 1);
      },
      (g) => concat(g, [g.rows('float', [2]), g.weights([1, 2])], 0),
      // What is beside the rows is there once for each run.
      (g) => concat(g, [g.rows('float', [2]), g.weights([1, 2])], 1),
    ],
  },
  Pack: {
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return pack(g, [x, x], 1);
      },
      (g) => {
        const x = g.rows('float', []);
        return pack(g, [x, g.rows('float', [])], -1);
      },
      (g) => {
        const x = g.rows('float', [3]);
        return g.transposed(pack(g, [x, x], 0), 1, 0, 2);
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        return pack(g, [x, x], 0);
      },
      (g) => {
        const x = g.rows('float', [3]);
        return pack(g, [x, x], -3);
      },
      (g) => {
        const x = g.rows('float', []);
        return pack(g, [x, g.mixed(x)], 1);
      },
    ],
  },
  Unpack: {
    right: [
      (g) => g.ops('Unpack', [g.rows('float', [2])], { num: 2, axis: 1, T: { type: 'float' } }, ['float', 'float']),
      (g) =>
        g.ops('Unpack', [g.rows('float', [3, 2])], { num: 2, axis: -1, T: { type: 'float' } }, [
          'float',
          'float',
        ])[1] as Node,
    ],
    wrong: [
      (g) => {
        const x = g.slice(g.rows('float', [3]), [0], [1]);
        return g.ops('Unpack', [x], { num: 1, axis: 0, T: { type: 'float' } }, ['float'])[0] as Node;
      },
      (g) =>
        g.ops('Unpack', [g.mixed(g.rows('float', [2]))], { num: 2, axis: 1, T: { type: 'float' } }, ['float', 'float']),
    ],
  },
  Split: {
    right: [
      (g) =>
        g.ops('Split', [g.int(1), g.rows('float', [4])], { num_split: 2, T: { type: 'float' } }, ['float', 'float']),
      (g) =>
        g.ops('Split', [g.int(-1), g.rows('float', [3, 2])], { num_split: 2, T: { type: 'float' } }, [
          'float',
          'float',
        ]),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [2]);
        const parts = g.ops('Split', [g.int(0), concat(g, [x, x], 0)], { num_split: 2, T: { type: 'float' } }, [
          'float',
          'float',
        ]);
        return g.mixed(parts[1] as Node);
      },
      (g) =>
        g.ops('Split', [g.int(1), g.mixed(g.rows('float', [4]))], { num_split: 2, T: { type: 'float' } }, [
          'float',
          'float',
        ]),
    ],
  },
  SplitV: {
    right: [
      (g) =>
        g.ops(
          'SplitV',
          [g.rows('float', [5]), g.ints(2, 3), g.int(1)],
          { num_split: 2, Tlen: { type: 'int32' }, T: { type: 'float' } },
          ['float', 'float'],
        ),
    ],
    wrong: [
      (g) => {
        const x = tile(g, g.rows('float', [2]), g.ints(2, 1));
        return g.ops(
          'SplitV',
          [x, g.ints(1, -1), g.int(0)],
          { num_split: 2, Tlen: { type: 'int32' }, T: { type: 'float' } },
          ['float', 'float'],
        )[1] as Node;
      },
    ],
  },
  Slice: {
    right: [
      (g) =>
        g.op('Slice', [g.rows('float', [4]), g.ints(0, 1), g.ints(-1, 2)], {
          T: { type: 'float' },
          Index: { type: 'int32' },
        }),
      (g) => {
        const x = g.rows('float', [4]);
        return g.op('Slice', [x, g.ints(0, 1), pack(g, [g.count(x), g.int(2)], 0)], {
          T: { type: 'float' },
          Index: { type: 'int32' },
        });
      },
    ],
    wrong: [
      (g) =>
        g.op('Slice', [g.rows('float', [4]), g.ints(0, 1), g.ints(1, 2)], {
          T: { type: 'float' },
          Index: { type: 'int32' },
        }),
      (g) =>
        g.op('Slice', [tile(g, g.rows('float', [4]), g.ints(2, 1)), g.ints(1, 0), g.ints(-1, 2)], {
          T: { type: 'float' },
          Index: { type: 'int32' },
        }),
      // So many columns as there are rows.
      (g) => {
        const x = g.rows('float', [6]);
        return g.op('Slice', [x, g.ints(0, 0), pack(g, [g.count(x), g.count(x)], 0)], {
          T: { type: 'float' },
          Index: { type: 'int32' },
        });
      },
      (g) => {
        const x = g.rows('float', [6]);
        return g.op('Slice', [x, pack(g, [g.int(0), g.count(x)], 0), g.ints(-1, 1)], {
          T: { type: 'float' },
          Index: { type: 'int32' },
        });
      },
    ],
  },
  StridedSlice: {
    right: [
      (g) => g.slice(g.rows('float', [4]), [0, 1], [0, 3], { begin_mask: 1, end_mask: 1 }),
      (g) => g.slice(g.rows('float', [4]), [0, 1], [0, 2], { begin_mask: 1, end_mask: 1, shrink_axis_mask: 2 }),
      (g) => g.slice(g.rows('float', [3, 4]), [0, -1], [0, 0], { ellipsis_mask: 1, shrink_axis_mask: 2 }),
      (g) => g.slice(g.rows('float', [4]), [0, 0, 0], [0, 0, 0], { begin_mask: 5, end_mask: 5, new_axis_mask: 2 }),
      (g) => {
        const x = g.rows('float', [3, 4]);
        return g.slice(x, [0], [0], { begin_mask: 1, end_mask: 1 });
      },
    ],
    wrong: [
      (g) => g.slice(g.rows('float', [4]), [0], [1]),
      (g) => g.slice(tile(g, g.rows('float', [4]), g.ints(2, 1)), [1], [0], { end_mask: 1 }),
      (g) => {
        const x = g.rows('float', [4]);
        const attrs = { T: { type: 'float' }, Index: { type: 'int32' }, begin_mask: 1, end_mask: 1 } as const;
        return g.op('StridedSlice', [x, g.ints(0), g.ints(0), g.ints(-1)], attrs);
      },
      (g) => {
        const x = g.rows('float', [4]);
        return plus(g, x, g.slice(x, [-1], [0], shrink));
      },
      // A new first dimension, and the rows in the second.
      (g) => g.slice(g.rows('float', [4]), [0, 0], [0, 0], { begin_mask: 2, end_mask: 2, new_axis_mask: 1 }),
    ],
  },
  Tile: {
    right: [
      (g) => tile(g, g.rows('float', [3]), g.ints(1, 2)),
      (g) => {
        const x = g.rows('float', [3]);
        return tile(g, g.weights([1, 2]), pack(g, [g.count(x), g.int(1)], 0));
      },
      (g) => {
        const x = g.rows('float', [2, 3]);
        return plus(g, x, tile(g, g.weights([1, 1, 3]), pack(g, [g.count(x), g.int(2), g.int(1)], 0)));
      },
    ],
    wrong: [
      (g) => tile(g, g.rows('float', [3]), g.ints(2, 1)),
      (g) => {
        const x = g.rows('float', [3]);
        return tile(g, x, pack(g, [g.count(x), g.int(1)], 0));
      },
      (g) => {
        const x = g.rows('float', [3]);
        return tile(g, x, pack(g, [g.int(1), g.count(x)], 0));
      },
      // Two rows for each.
      (g) => {
        const x = g.rows('float', [3]);
        return tile(g, g.weights([2, 2]), pack(g, [g.count(x), g.int(1)], 0));
      },
    ],
  },
  Pad: {
    right: [
      (g) =>
        g.op('Pad', [g.rows('float', [3]), g.constant('int32', [2, 2], [0, 0, 1, 2])], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
        }),
    ],
    wrong: [
      (g) =>
        g.op('Pad', [g.rows('float', [3]), g.constant('int32', [2, 2], [1, 0, 0, 0])], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
        }),
      (g) => {
        const x = g.rows('float', [3]);
        const paddings = pack(g, [g.ints(0, 0), pack(g, [g.int(0), g.count(x)], 0)], 0);
        return g.op('Pad', [x, paddings], { T: { type: 'float' }, Tpaddings: { type: 'int32' } });
      },
    ],
  },
  PadV2: {
    right: [
      (g) =>
        g.op('PadV2', [g.rows('float', [3]), g.constant('int32', [2, 2], [0, 0, 1, 2]), g.constant('float', [], [7])], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
        }),
    ],
    wrong: [
      (g) =>
        g.op('PadV2', [g.rows('float', [3]), g.constant('int32', [2, 2], [0, 1, 0, 0]), g.constant('float', [], [7])], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
        }),
      (g) => {
        const x = g.rows('float', []);
        const wide = reshape(g, x, g.ints(-1, 1));
        return g.op('PadV2', [wide, g.constant('int32', [2, 2], [0, 0, 1, 2]), g.slice(x, [0], [1], shrink)], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
        });
      },
    ],
  },
  MirrorPad: {
    right: [
      (g) =>
        g.op('MirrorPad', [g.rows('float', [3]), g.constant('int32', [2, 2], [0, 0, 1, 2])], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
          mode: 'REFLECT',
        }),
    ],
    wrong: [
      (g) =>
        g.op('MirrorPad', [g.rows('float', [3]), g.constant('int32', [2, 2], [1, 0, 0, 0])], {
          T: { type: 'float' },
          Tpaddings: { type: 'int32' },
          mode: 'SYMMETRIC',
        }),
    ],
  },
  BroadcastTo: {
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.op('BroadcastTo', [g.weights([2]), pack(g, [g.count(x), g.int(2)], 0)], {
          T: { type: 'float' },
          Tidx: { type: 'int32' },
        });
      },
      (g) => {
        const x = g.rows('float', [1]);
        return g.op('BroadcastTo', [x, pack(g, [g.count(x), g.int(4)], 0)], {
          T: { type: 'float' },
          Tidx: { type: 'int32' },
        });
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', []);
        return g.op('BroadcastTo', [x, pack(g, [g.count(x), g.count(x)], 0)], {
          T: { type: 'float' },
          Tidx: { type: 'int32' },
        });
      },
      (g) =>
        g.op('BroadcastTo', [g.rows('float', [2]), g.ints(5, 2)], { T: { type: 'float' }, Tidx: { type: 'int32' } }),
    ],
  },
  Fill: {
    right: [
      (g) => fill(g, g.shape(g.rows('float', [3])), g.constant('float', [], [2])),
      (g) => fill(g, pack(g, [g.count(g.rows('float', [3])), g.int(2)], 0), g.constant('float', [], [2])),
    ],
    wrong: [
      (g) => fill(g, g.ints(5, 2), g.slice(g.rows('float', []), [0], [1], shrink)),
      (g) => {
        const x = g.rows('float', []);
        return fill(g, g.shape(x), g.slice(x, [0], [1], shrink));
      },
      (g) => {
        const x = g.rows('float', []);
        return fill(g, g.shape(x), g.count(x));
      },
      (g) => fill(g, pack(g, [g.int(2), g.count(g.rows('float', []))], 0), g.int(7)),
      (g) => {
        const twice = g.op('Mul', [g.count(g.rows('float', [])), g.int(2)], { T: { type: 'int32' } });
        return fill(g, pack(g, [twice, g.int(1)], 0), g.int(7));
      },
    ],
  },
  GatherV2: {
    right: [
      (g) => gather(g, g.weights([3, 2]), g.rows('int32', [4]), 0),
      (g) => gather(g, g.weights([3, 2]), g.rows('int32', []), -2),
      (g) => gather(g, g.rows('float', [4]), g.ints(2, 0), 1),
      (g) => gather(g, g.rows('float', [4, 2]), g.rows('int32', [3]), 1, 1),
      (g) => g.transposed(gather(g, g.weights([2, 3]), g.rows('int32', []), 1), 1, 0),
    ],
    wrong: [
      (g) => gather(g, g.rows('float', [2]), g.ints(0), 0),
      (g) =>
        gather(
          g,
          g.rows('float', [2]),
          g.op('Minimum', [g.rows('int32', []), g.constant('int32', [], [0])], { T: { type: 'int32' } }),
          0,
        ),
      // Each row's places in the values of each.
      (g) => gather(g, g.rows('float', [4]), g.rows('int32', [3]), 1),
      (g) => gather(g, g.weights([2, 3]), g.rows('int32', []), 1),
      (g) => gather(g, g.weights([3, 2]), g.mixed(g.rows('int32', [])), 0),
    ],
  },
  OneHot: {
    right: [
      (g) => oneHot(g, g.rows('int32', [2]), g.int(3), -1),
      (g) => oneHot(g, g.rows('int32', [2]), g.int(3), 1),
      (g) => g.transposed(oneHot(g, g.rows('int32', []), g.int(3), 0), 1, 0),
    ],
    wrong: [
      (g) => oneHot(g, g.rows('int32', []), g.int(3), 0),
      (g) => {
        const x = g.rows('int32', []);
        return oneHot(g, x, g.count(x), -1);
      },
    ],
  },
  Shape: {
    right: [
      (g) => fill(g, g.shape(g.rows('float', [2])), g.int(1)),
      // The size of another dimension than the rows'.
      (g) => {
        const x = g.rows('float', [4]);
        const width = g.slice(g.shape(x), [1], [2], shrink);
        return plus(g, x, toFloat(g, width));
      },
    ],
    wrong: [
      (g) => g.shape(g.rows('float', [])),
      (g) => {
        const x = g.rows('float', []);
        return plus(g, x, toFloat(g, g.shape(x)));
      },
      (g) => fill(g, g.shape(g.transposed(g.rows('float', [2]), 1, 0)), g.int(1)),
    ],
  },
  Size: {
    right: [
      (g) => {
        const x = g.rows('float', [4]);
        return plus(g, x, toFloat(g, g.op('Size', [g.weights([2, 3])], { T: { type: 'float' } }, 'int32')));
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [4]);
        return plus(g, x, toFloat(g, g.op('Size', [x], T(x), 'int32')));
      },
    ],
  },
  Rank: {
    right: [
      (g) => {
        const x = g.rows('float', [4]);
        return plus(g, x, toFloat(g, g.op('Rank', [x], T(x), 'int32')));
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [4]);
        return plus(g, g.mixed(x), toFloat(g, g.op('Rank', [x], T(x), 'int32')));
      },
    ],
  },
  Range: {
    right: [
      (g) => {
        const x = g.rows('float', [4]);
        return plus(
          g,
          x,
          g.op(
            'Range',
            [0, 4, 1].map((value) => g.constant('float', [], [value])),
            { Tidx: { type: 'float' } },
          ),
        );
      },
    ],
    wrong: [
      // Numbers the rows.
      (g) => g.op('Range', [g.int(0), g.count(g.rows('float', [])), g.int(1)], { Tidx: { type: 'int32' } }),
      (g) => {
        const x = g.rows('float', [1]);
        const places = g.op('Range', [g.int(0), g.count(x), g.int(1)], { Tidx: { type: 'int32' } });
        return plus(g, x, reshape(g, toFloat(g, places), g.ints(-1, 1)));
      },
      (g) => g.op('Range', [g.count(g.rows('float', [])), g.int(9), g.int(1)], { Tidx: { type: 'int32' } }),
    ],
  },
  ReverseV2: {
    right: [
      (g) => g.op('ReverseV2', [g.rows('float', [4]), g.ints(1)], { Tidx: { type: 'int32' }, T: { type: 'float' } }),
      (g) =>
        g.op('ReverseV2', [g.rows('float', [2, 4]), g.ints(-1, 1)], { Tidx: { type: 'int32' }, T: { type: 'float' } }),
    ],
    wrong: [
      (g) => g.mixed(g.rows('float', [4])),
      (g) =>
        g.op('ReverseV2', [g.rows('float', [4]), g.ints(1, -2)], { Tidx: { type: 'int32' }, T: { type: 'float' } }),
    ],
  },
  ReverseSequence: {
    right: [
      (g) =>
        g.op('ReverseSequence', [g.rows('float', [4]), g.rows('int32', [])], {
          seq_dim: 1,
          batch_dim: 0,
          Tlen: { type: 'int32' },
          T: { type: 'float' },
        }),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [2]);
        const lengths = fill(g, g.ints(2), g.count(x));
        return g.op('ReverseSequence', [x, lengths], {
          seq_dim: 0,
          batch_dim: 1,
          Tlen: { type: 'int32' },
          T: { type: 'float' },
        });
      },
    ],
  },
  GatherNd: {
    right: [
      (g) =>
        g.op('GatherNd', [g.weights([3, 3, 2]), g.rows('int32', [2])], {
          Tparams: { type: 'float' },
          Tindices: { type: 'int32' },
        }),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [2]);
        const places = g.op('ZerosLike', [g.rows('int32', [1])], { T: { type: 'int32' } });
        return g.op('GatherNd', [x, places], { Tparams: { type: 'float' }, Tindices: { type: 'int32' } });
      },
    ],
  },
  Const: {
    right: [(g) => plus(g, g.rows('float', [3]), g.weights([3]))],
    wrong: [(g) => plus(g, g.rows('float', [3]), g.weights([5, 3])), (g) => add(g, g.weights([1, 2]), 1)],
  },
  Placeholder: {
    right: [(g) => add(g, g.rows('float', [3]), 1)],
    wrong: [(g) => [add(g, g.rows('float', [3]), 1), g.mixed(g.rows('float', [3]))]],
  },
  PlaceholderWithDefault: {
    right: [
      (g) =>
        plus(
          g,
          g.rows('float', [3]),
          g.op('PlaceholderWithDefault', [g.weights([3])], { dtype: { type: 'float' }, shape: { shape: [3] } }),
        ),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        const last = g.slice(x, [-1], [0], shrink);
        return plus(g, x, g.op('PlaceholderWithDefault', [last], { dtype: { type: 'float' }, shape: { shape: [3] } }));
      },
    ],
  },
};
