/** Text, tables, and what becomes of rows of unequal length: sparse and ragged. */
import { type Node, T, type TypeName } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { Build, RuleTable, RuleTests } from './rule-tests.js';

const tableOf = (names: string, tests: (op: string) => RuleTests): RuleTable =>
  Object.fromEntries(names.split(' ').map((op) => [op, tests(op)]));

const NUMBERS = { words: ['1', '-2', '3.5'] };

function ofText(build: (g: CaseGraph, x: Node) => Node, values = {}): RuleTests {
  return {
    right: [(g) => build(g, g.rows('string', [], values)), (g) => build(g, g.rows('string', [2], values))],
    wrong: [(g) => build(g, g.mixed(g.rows('string', [], values)))],
  };
}

const long: TypeName = 'int64';

function table(g: CaseGraph): Node {
  const handle = g.op(
    'HashTableV2',
    [],
    { key_dtype: { type: 'string' }, value_dtype: { type: long }, shared_name: `table_${g.graph.nodes.length}` },
    'resource',
  );
  const [keys, values] = [g.constant('string', [3], ['a', 'b c', '12']), g.longs(1, 2, 0)];
  g.graph.initialize('InitializeTableV2', [handle, keys, values], { Tkey: { type: 'string' }, Tval: { type: long } });
  return handle;
}
const find = (g: CaseGraph, keys: Node) =>
  g.op(
    'LookupTableFindV2',
    [table(g), keys, g.constant(long, [], [0])],
    { Tin: { type: 'string' }, Tout: { type: long } },
    long,
  );

/** Words of each row: [places, words, shape]. */
const split = (g: CaseGraph, x: Node) =>
  g.ops('StringSplitV2', [x, g.constant('string', [], [''])], {}, [long, 'string', long]) as [Node, Node, Node];
const owners = (g: CaseGraph, places: Node) =>
  g.op('StridedSlice', [places, g.ints(0, 0), g.ints(0, 1), g.ints(1, 1)], {
    ...T(places),
    Index: { type: 'int32' },
    begin_mask: 1,
    end_mask: 1,
    shrink_axis_mask: 2,
  });
const rowsOf = (g: CaseGraph, shape: Node) =>
  g.op('StridedSlice', [shape, g.ints(0), g.ints(1), g.ints(1)], {
    ...T(shape),
    Index: { type: 'int32' },
    shrink_axis_mask: 1,
  });
const lengthOf = (g: CaseGraph, shape: Node) =>
  g.op('StridedSlice', [shape, g.ints(1), g.ints(2), g.ints(1)], {
    ...T(shape),
    Index: { type: 'int32' },
    shrink_axis_mask: 1,
  });
const unit = (g: CaseGraph, x: Node) =>
  g.op('Cast', [g.op('StringLength', [x], {}, 'int32')], { SrcT: { type: 'int32' }, DstT: { type: 'float' } }, 'float');
const segments = (g: CaseGraph, op: string, data: Node, ids: Node, count: Node) =>
  g.op(op, [data, ids, count], { ...T(data), Tindices: { type: long }, Tnumsegments: { type: count.dtype } });

const perRow = (g: CaseGraph, op: string, x: Node, count?: (shape: Node) => Node) => {
  const [places, words, shape] = split(g, x);
  return segments(g, op, unit(g, words), owners(g, places), (count ?? ((s) => rowsOf(g, s)))(shape));
};

const dense = (g: CaseGraph, shape: Node, places: Node, words: Node) =>
  g.op(
    'SparseToDense',
    [places, shape, words, g.constant('string', [], ['-'])],
    { T: { type: 'string' }, Tindices: { type: long } },
    'string',
  );
const pack = (g: CaseGraph, inputs: readonly Node[]) =>
  g.op('Pack', inputs, { N: inputs.length, T: { type: (inputs[0] as Node).dtype } });

const ragged = (g: CaseGraph, x: Node, width: Node) => {
  const [places, words, shape] = split(g, x);
  const inputs = [width, words, g.constant('string', [], ['-']), rowsOf(g, shape), owners(g, places)];
  return g.op(
    'RaggedTensorToTensor',
    inputs,
    {
      T: { type: 'string' },
      Tindex: { type: long },
      Tshape: { type: width.dtype },
      num_row_partition_tensors: 2,
      row_partition_types: { strings: ['FIRST_DIM_SIZE', 'VALUE_ROWIDS'] },
    },
    'string',
  );
};

const emptyFilled = (g: CaseGraph, x: Node) => {
  const [places, words, shape] = split(g, x);
  return [
    ...g.ops(
      'SparseFillEmptyRows',
      [places, words, shape, g.constant('string', [], ['?'])],
      { T: { type: 'string' } },
      [long, 'string', 'bool', long],
    ),
    shape,
  ] as readonly Node[];
};

const sparseSegments =
  (op: string): Build =>
  (g) => {
    const [places, words] = emptyFilled(g, g.rows('string', [])) as [Node, Node];
    return g.op(
      op,
      [g.weights([3, 2]), find(g, words), owners(g, places)],
      { T: { type: 'float' }, Tidx: { type: long }, Tsegmentids: { type: long } },
      'float',
    );
  };

export const TEXT: RuleTable = {
  StringLower: ofText((g, x) => g.op('StringLower', [x])),
  StringUpper: ofText((g, x) => g.op('StringUpper', [x])),
  StringStrip: ofText((g, x) => g.op('StringStrip', [x])),
  StringLength: ofText((g, x) => g.op('StringLength', [x], {}, 'int32')),
  EncodeBase64: ofText((g, x) => g.op('EncodeBase64', [x])),
  StaticRegexReplace: ofText((g, x) => g.op('StaticRegexReplace', [x], { pattern: '[aeiou]', rewrite: '_' })),
  StaticRegexFullMatch: ofText((g, x) => g.op('StaticRegexFullMatch', [x], { pattern: '.*a.*' }, 'bool')),
  RegexFullMatch: ofText((g, x) => g.op('RegexFullMatch', [x, g.constant('string', [], ['.*a.*'])], {}, 'bool')),
  RegexReplace: {
    right: ofText((g, x) => g.op('RegexReplace', [x, g.constant('string', [], ['a']), g.constant('string', [], ['b'])]))
      .right,
    wrong: [
      ...ofText((g, x) => g.op('RegexReplace', [x, g.constant('string', [], ['a']), g.constant('string', [], ['b'])]))
        .wrong,
      (g) => {
        const x = g.rows('string', [], { words: ['a', 'b', 'c'] });
        const first = g.op('StridedSlice', [x, g.ints(0), g.ints(1), g.ints(1)], {
          ...T(x),
          Index: { type: 'int32' },
          shrink_axis_mask: 1,
        });
        return g.op('RegexReplace', [x, first, g.constant('string', [], ['!'])]);
      },
    ],
  },
  StringToHashBucketFast: ofText((g, x) => g.op('StringToHashBucketFast', [x], { num_buckets: 50 }, long)),
  StringToHashBucketStrong: ofText((g, x) =>
    g.op('StringToHashBucketStrong', [x], { num_buckets: 50, key: [1, 2] }, long),
  ),
  StringToHashBucket: ofText((g, x) => g.op('StringToHashBucket', [x], { num_buckets: 50 }, long)),
  StringToNumber: ofText((g, x) => g.op('StringToNumber', [x], { out_type: { type: 'float' } }, 'float'), NUMBERS),
  AsString: {
    right: [(g) => g.op('AsString', [g.rows('int32', [2])], { T: { type: 'int32' } }, 'string')],
    wrong: [(g) => g.op('AsString', [g.mixed(g.rows('int32', [2]))], { T: { type: 'int32' } }, 'string')],
  },
  Substr: {
    right: [
      (g) =>
        g.op(
          'Substr',
          [g.rows('string', [], { words: ['abc', 'xyz'] }), g.int(0), g.int(2)],
          { T: { type: 'int32' } },
          'string',
        ),
    ],
    wrong: [
      (g) =>
        g.op(
          'Substr',
          [g.mixed(g.rows('string', [], { words: ['abc', 'xyz'] })), g.int(0), g.int(2)],
          { T: { type: 'int32' } },
          'string',
        ),
    ],
  },
  StringJoin: {
    right: [
      (g) =>
        g.op(
          'StringJoin',
          [g.rows('string', []), g.constant('string', [], ['+']), g.rows('string', [])],
          { N: 3, separator: '-' },
          'string',
        ),
    ],
    wrong: [
      (g) => {
        const x = g.rows('string', []);
        return g.op('StringJoin', [x, g.mixed(x)], { N: 2, separator: '-' }, 'string');
      },
    ],
  },
  HashTableV2: {
    right: [(g) => find(g, g.rows('string', [2]))],
    wrong: [(g) => find(g, g.mixed(g.rows('string', [2])))],
  },
  LookupTableFindV2: {
    right: [(g) => find(g, g.rows('string', []))],
    wrong: [(g) => g.mixed(find(g, g.rows('string', [])))],
  },
  StringSplitV2: {
    right: [(g) => perRow(g, 'UnsortedSegmentSum', g.rows('string', []))],
    wrong: [
      (g) => split(g, g.rows('string', []))[1],
      (g) => split(g, g.rows('string', []))[0],
      (g) => {
        const [, , shape] = split(g, g.rows('string', []));
        return g.op(
          'Fill',
          [pack(g, [rowsOf(g, shape)]), lengthOf(g, shape)],
          { T: { type: long }, index_type: { type: long } },
          long,
        );
      },
    ],
  },
  ...tableOf('UnsortedSegmentSum UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd', (op) => ({
    right: [(g) => perRow(g, op, g.rows('string', []))],
    wrong: [
      // So many segments as the longest row has words.
      (g) => perRow(g, op, g.rows('string', []), (shape) => lengthOf(g, shape)),
      // All rows belong to the first.
      (g) => {
        const x = g.rows('float', []);
        return segments(g, op, x, g.rows(long, [], { from: 0, to: 1 }), g.count(x));
      },
      (g) => segments(g, op, g.rows('float', []), g.rows(long, [], { from: 0, to: 1 }), g.int(1)),
    ],
  })),
  SparseToDense: {
    right: [
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        return dense(g, pack(g, [rowsOf(g, shape), g.constant(long, [], [9])]), places, words);
      },
    ],
    wrong: [
      // Padded to the longest row.
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        return dense(g, shape, places, words);
      },
    ],
  },
  RaggedTensorToTensor: {
    right: [(g) => ragged(g, g.rows('string', []), g.longs(-1, 4))],
    wrong: [(g) => ragged(g, g.rows('string', []), g.longs(-1, -1))],
  },
  SparseFillEmptyRows: {
    right: [
      (g) => {
        const [places, words, , , shape] = emptyFilled(g, g.rows('string', [])) as [Node, Node, Node, Node, Node];
        return segments(g, 'UnsortedSegmentSum', unit(g, words), owners(g, places), rowsOf(g, shape));
      },
      (g) => emptyFilled(g, g.rows('string', []))[2] as Node,
    ],
    wrong: [
      (g) => emptyFilled(g, g.rows('string', []))[1] as Node,
      (g) => emptyFilled(g, g.rows('string', []))[3] as Node,
    ],
  },
  ...tableOf('SparseSegmentMean SparseSegmentSum SparseSegmentSqrtN', (op) => ({
    right: [sparseSegments(op)],
    wrong: [
      // Rows without words at the end are left out.
      (g) => {
        const [places, words] = split(g, g.rows('string', [], { words: ['', 'a', 'b c'] }));
        return g.op(
          op,
          [g.weights([3, 2]), find(g, words), owners(g, places)],
          { T: { type: 'float' }, Tidx: { type: long }, Tsegmentids: { type: long } },
          'float',
        );
      },
      // Rows are the data.
      (g) => {
        const x = g.rows('float', [2]);
        const places = g.op('Range', [g.int(0), g.count(x), g.int(1)], { Tidx: { type: 'int32' } });
        const one = g.op('ZerosLike', [places], { T: { type: 'int32' } });
        return g.op(
          op,
          [x, places, one],
          { T: { type: 'float' }, Tidx: { type: 'int32' }, Tsegmentids: { type: 'int32' } },
          'float',
        );
      },
    ],
  })),
  SparseReshape: {
    right: [
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        const [moved] = g.ops('SparseReshape', [places, shape, shape], {}, [long, long]);
        return segments(g, 'UnsortedSegmentSum', unit(g, words), owners(g, moved as Node), rowsOf(g, shape));
      },
    ],
    wrong: [
      // Made flat by the length of the longest row.
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        const size = g.op('Mul', [rowsOf(g, shape), lengthOf(g, shape)], T(shape));
        const [moved] = g.ops('SparseReshape', [places, shape, pack(g, [size, g.constant(long, [], [1])])], {}, [
          long,
          long,
        ]);
        return segments(g, 'UnsortedSegmentSum', unit(g, words), owners(g, moved as Node), size);
      },
    ],
  },
  Unique: {
    right: [
      (g) => {
        const x = g.rows(long, [], { from: 0, to: 3 });
        const [values, places] = g.ops('Unique', [x], { T: { type: long }, out_idx: { type: long } }, [long, long]) as [
          Node,
          Node,
        ];
        const rows = g.op('GatherV2', [g.weights([3, 2]), values, g.int(0)], {
          Tparams: { type: 'float' },
          Tindices: { type: long },
          Taxis: { type: 'int32' },
        });
        return g.op('GatherV2', [rows, places, g.int(0)], {
          Tparams: { type: 'float' },
          Tindices: { type: long },
          Taxis: { type: 'int32' },
        });
      },
    ],
    wrong: [
      (g) =>
        g.ops('Unique', [g.rows(long, [])], { T: { type: long }, out_idx: { type: long } }, [long, long])[0] as Node,
      (g) =>
        g.ops('Unique', [g.rows(long, [])], { T: { type: long }, out_idx: { type: long } }, [long, long])[1] as Node,
    ],
  },
  Where: {
    right: [
      // Places of what is there, summed up by row.
      (g) => {
        const x = g.rows('float', [4]);
        const places = g.op(
          'Where',
          [g.op('Greater', [x, g.constant('float', [], [0])], T(x), 'bool')],
          { T: { type: 'bool' } },
          long,
        );
        const values = g.op('GatherNd', [x, places], { Tparams: { type: 'float' }, Tindices: { type: long } });
        return segments(g, 'UnsortedSegmentSum', values, owners(g, places), g.count(x));
      },
    ],
    wrong: [
      (g) => g.op('Where', [g.rows('bool', [])], { T: { type: 'bool' } }, long),
      (g) => {
        const x = g.rows('float', [2]);
        const first = g.op(
          'Greater',
          [g.op('Max', [x, g.ints(1)], { ...T(x), Tidx: { type: 'int32' } }), g.constant('float', [], [0])],
          T(x),
          'bool',
        );
        const places = g.op('Where', [first], { T: { type: 'bool' } }, long);
        return g.op('GatherNd', [x, places], { Tparams: { type: 'float' }, Tindices: { type: long } });
      },
    ],
  },
  DenseBincount: {
    right: [
      (g) =>
        g.op(
          'DenseBincount',
          [g.rows('int32', [4]), g.int(3), g.constant('float', [0], [])],
          { Tidx: { type: 'int32' }, T: { type: 'float' }, binary_output: true },
          'float',
        ),
    ],
    wrong: [
      // One row of all.
      (g) => {
        const x = g.rows('int32', []);
        const counts = g.op(
          'DenseBincount',
          [x, g.int(3), g.constant('float', [0], [])],
          { Tidx: { type: 'int32' }, T: { type: 'float' } },
          'float',
        );
        return g.op('GatherV2', [counts, x, g.int(0)], {
          Tparams: { type: 'float' },
          Tindices: { type: 'int32' },
          Taxis: { type: 'int32' },
        });
      },
    ],
  },
};
