/** tf.Examples, parsed into columns. */
import { type Node, T } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { RuleTable } from './rule-tests.js';

/** Serialized Examples of `a`, one float, and `w`, some words: none, both, words alone. */
const EXAMPLES = {
  words: [
    '',
    '\x0a\x0c\x0a\x0a\x0a\x01w\x12\x05\x0a\x03\x0a\x01x',
    '\x0a\x0f\x0a\x0d\x0a\x01w\x12\x08\x0a\x06\x0a\x01y\x0a\x01z',
    '\x0a\x0f\x0a\x0d\x0a\x01a\x12\x08\x12\x06\x0a\x04\x00\x00\x00\x40',
  ],
};

/** [places, values, shape] of `w`, then `a`. */
function parse(g: CaseGraph, x: Node): readonly Node[] {
  const none = g.constant('string', [0], []);
  const inputs = [
    x,
    none,
    g.constant('string', [1], ['w']),
    g.constant('string', [1], ['a']),
    none,
    g.constant('float', [1], [7]),
  ];
  const attrs = {
    Tdense: { types: ['float'] },
    num_sparse: 1,
    sparse_types: { types: ['string'] },
    ragged_value_types: { types: [] },
    ragged_split_types: { types: [] },
    dense_shapes: { shapes: [[1]] },
  } as const;
  return g.ops('ParseExampleV2', inputs, attrs, ['int64', 'string', 'int64', 'float']);
}

/** As parse(), by the first version of the operation, which has a list of keys' tensors. */
function parseFirst(g: CaseGraph, x: Node): readonly Node[] {
  const keys = [g.constant('string', [], ['w']), g.constant('string', [], ['a'])];
  const attrs = {
    Nsparse: 1,
    Ndense: 1,
    sparse_types: { types: ['string'] },
    Tdense: { types: ['float'] },
    dense_shapes: { shapes: [[1]] },
  } as const;
  const inputs = [x, g.constant('string', [0], []), ...keys, g.constant('float', [1], [7])];
  return g.ops('ParseExample', inputs, attrs, ['int64', 'string', 'int64', 'float']);
}

export const EXAMPLES_RULES: RuleTable = {
  ParseExampleV2: {
    right: [
      (g) => parse(g, g.rows('string', [], EXAMPLES))[3] as Node,
      (g) => {
        const [places, , shape] = parse(g, g.rows('string', [], EXAMPLES)) as [Node, Node, Node];
        const owners = g.op('StridedSlice', [places, g.ints(0, 0), g.ints(0, 1), g.ints(1, 1)], {
          ...T(places),
          Index: { type: 'int32' },
          begin_mask: 1,
          end_mask: 1,
          shrink_axis_mask: 2,
        });
        const ones = g.op('OnesLike', [owners], T(owners));
        const count = g.op('StridedSlice', [shape, g.ints(0), g.ints(1), g.ints(1)], {
          ...T(shape),
          Index: { type: 'int32' },
          shrink_axis_mask: 1,
        });
        return g.op('UnsortedSegmentSum', [ones, owners, count], {
          ...T(ones),
          Tindices: { type: 'int64' },
          Tnumsegments: { type: 'int64' },
        });
      },
    ],
    wrong: [
      (g) => parse(g, g.rows('string', [], EXAMPLES))[1] as Node,
      (g) => g.mixed(parse(g, g.rows('string', [], EXAMPLES))[3] as Node),
      // All rows' words beside one another, as wide as the one with most.
      (g) => {
        const [places, values, shape] = parse(g, g.rows('string', [], EXAMPLES)) as [Node, Node, Node];
        const empty = g.constant('string', [], ['-']);
        return g.op(
          'SparseToDense',
          [places, shape, values, empty],
          { T: { type: 'string' }, Tindices: { type: 'int64' } },
          'string',
        );
      },
    ],
  },
  ParseExample: {
    right: [(g) => parseFirst(g, g.rows('string', [], EXAMPLES))[3] as Node],
    wrong: [
      (g) => parseFirst(g, g.rows('string', [], EXAMPLES))[1] as Node,
      (g) => parseFirst(g, g.mixed(g.rows('string', [], EXAMPLES)))[3] as Node,
    ],
  },
};
