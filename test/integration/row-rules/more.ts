/** Operations that are met less often. */
import { type Attrs, type Node, T, type TypeName } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { Build, RuleTable, RuleTests } from './rule-tests.js';

const tableOf = (names: string, tests: (op: string) => RuleTests): RuleTable =>
  Object.fromEntries(names.split(' ').map((op) => [op, tests(op)]));

const long: TypeName = 'int64';
const float = { type: 'float' } as const;
const int = { type: 'int32' } as const;
const longs = { type: 'int64' } as const;

/** Right for rows of this shape; wrong where they have changed places before. */
function ofRows(
  dtype: TypeName,
  shape: readonly number[],
  build: (g: CaseGraph, x: Node) => Node,
  values = {},
): RuleTests {
  return {
    right: [(g) => build(g, g.rows(dtype, shape, values))],
    wrong: [(g) => build(g, g.mixed(g.rows(dtype, shape, values)))],
  };
}

/** As ofRows(), and wrong where the rows are in the dimension that the operation works on. */
function ofLast(shape: readonly number[], build: (g: CaseGraph, x: Node) => Node, values = {}): RuleTests {
  const { right, wrong } = ofRows('float', shape, build, values);
  const order = shape.map((_, i) => i);
  const last: Build = (g) => {
    const x = g.transposed(g.rows('float', shape, values), ...order.map((axis) => axis + 1), 0);
    return g.transposed(build(g, x), order.length, ...order);
  };
  return { right, wrong: [...wrong, last] };
}

const shared = (g: CaseGraph, name: string) => `${name}_${g.graph.nodes.length}`;
const cast = (g: CaseGraph, x: Node, to: TypeName) =>
  g.op('Cast', [x], { SrcT: { type: x.dtype }, DstT: { type: to } }, to);
const complex = (g: CaseGraph, x: Node) => cast(g, x, 'complex64');
const real = (g: CaseGraph, x: Node) => g.op('Real', [x], { T: { type: 'complex64' }, Tout: float }, 'float');
const plus = (g: CaseGraph, x: Node, y: Node) => g.op('AddV2', [x, y], T(x));
const pack = (g: CaseGraph, inputs: readonly Node[]) =>
  g.op('Pack', inputs, { N: inputs.length, T: { type: (inputs[0] as Node).dtype } });
const column = (g: CaseGraph, places: Node) =>
  g.op('StridedSlice', [places, g.ints(0, 0), g.ints(0, 1), g.ints(1, 1)], {
    ...T(places),
    Index: int,
    begin_mask: 1,
    end_mask: 1,
    shrink_axis_mask: 2,
  });
const element = (g: CaseGraph, vector: Node, index = 0) =>
  g.op('StridedSlice', [vector, g.ints(index), g.ints(index + 1), g.ints(1)], {
    ...T(vector),
    Index: int,
    shrink_axis_mask: 1,
  });
/** What the proof knows the type of alone, with its shape. */
const shaped = (g: CaseGraph, x: Node, ...shape: number[]) =>
  g.op('Reshape', [x, g.ints(...shape)], { ...T(x), Tshape: int });
const first = (g: CaseGraph, x: Node) => element(g, x);

// Tables

/** A lookup in a table that is filled when the model is loaded. */
function lookUp(g: CaseGraph, x: Node, handle: Node, fill: string, find: string): Node {
  const key = { type: 'string' } as const;
  g.graph.initialize(
    fill,
    [handle, g.constant('string', [2], ['a', 'b c']), g.longs(1, 2)],
    fill.startsWith('LookupTableImport') ? { Tin: key, Tout: longs } : { Tkey: key, Tval: longs },
  );
  return g.op(find, [handle, x, g.constant(long, [], [0])], { Tin: key, Tout: longs }, long);
}
/** A lookup in a table of vectors. */
function vectorsOf(g: CaseGraph, x: Node): Node {
  const handle = g.op('MutableHashTableOfTensorsV2', [], { ...tableAttrs(g), value_shape: { shape: [1] } }, 'resource');
  const [key, keys] = [{ type: 'string' } as const, g.constant('string', [2], ['a', 'b c'])];
  g.graph.initialize('LookupTableImportV2', [handle, keys, g.constant(long, [2, 1], [1, 2])], {
    Tin: key,
    Tout: longs,
  });
  return g.op('LookupTableFindV2', [handle, x, g.constant(long, [1], [0])], { Tin: key, Tout: longs }, long);
}
const tableAttrs = (g: CaseGraph) =>
  ({ key_dtype: { type: 'string' }, value_dtype: longs, shared_name: shared(g, 'table') }) as const;

const ofTable = (handle: (g: CaseGraph) => Node, fill: string, find = 'LookupTableFindV2'): RuleTests =>
  ofRows('string', [2], (g, x) => lookUp(g, x, handle(g), fill, find));

function filled(g: CaseGraph): Node {
  const handle = g.op('MutableHashTableV2', [], tableAttrs(g), 'resource');
  g.graph.initialize('LookupTableImportV2', [handle, g.constant('string', [2], ['a', 'b c']), g.longs(1, 2)], {
    Tin: { type: 'string' },
    Tout: longs,
  });
  return handle;
}

/** What is the same for all rows, added to them. */
const addedToRows = (build: (g: CaseGraph) => Node, ...shape: number[]): RuleTests => ({
  right: [(g) => plus(g, g.rows('float', [2]), shaped(g, build(g), ...shape))],
  wrong: [(g) => plus(g, g.mixed(g.rows('float', [2])), shaped(g, build(g), ...shape))],
});

// Ragged and sparse

const split = (g: CaseGraph, x: Node) =>
  g.ops('StringSplitV2', [x, g.constant('string', [], [''])], {}, [long, 'string', long]) as [Node, Node, Node];
const lengths = (g: CaseGraph, words: Node) => cast(g, g.op('StringLength', [words], {}, 'int32'), 'float');

/** Words that no row is without. */
const FULL = { words: ['a', 'b c', 'The cat', 'zz top a'] };

const UNICODE = { input_encoding: 'UTF-8', Tsplits: longs } as const;
const decodeUnicode = (g: CaseGraph, op: string, x: Node) =>
  g.ops(op, [x], UNICODE, op === 'UnicodeDecode' ? [long, 'int32'] : [long, 'int32', long]);

/** What belongs to rows by splits, as a tensor with so many columns. */
const fromSplits = (g: CaseGraph, splits: Node, values: Node, width: Node, empty: Node) =>
  g.op(
    'RaggedTensorToTensor',
    [width, values, empty, splits],
    {
      ...T(values),
      Tindex: longs,
      Tshape: longs,
      num_row_partition_tensors: 1,
      row_partition_types: { strings: ['ROW_SPLITS'] },
    },
    values.dtype,
  );

const decoded = (op: string): RuleTests => ({
  right: [
    (g) => {
      const [splits, values] = decodeUnicode(g, op, g.rows('string', [])) as [Node, Node];
      return fromSplits(g, splits, values, g.longs(-1, 3), g.int(0));
    },
  ],
  wrong: [
    // As wide as the longest row.
    (g) => {
      const [splits, values] = decodeUnicode(g, op, g.rows('string', [])) as [Node, Node];
      return fromSplits(g, splits, values, g.longs(-1, -1), g.int(0));
    },
    (g) => decodeUnicode(g, op, g.rows('string', []))[1] as Node,
    (g) => decodeUnicode(g, op, g.rows('string', []))[0] as Node,
  ],
});

const segment = (op: string): RuleTests => ({
  right: [],
  wrong: [
    // Fewer than rows where the last ones have no words.
    (g) => {
      const [places, words] = split(g, g.rows('string', [], { words: ['', 'a', 'b c'] }));
      return g.op(op, [lengths(g, words), column(g, places)], { T: float, Tindices: longs });
    },
    (g) =>
      g.op(op, [g.rows('float', []), g.op('ZerosLike', [g.rows('int32', [])], { T: int })], {
        T: float,
        Tindices: int,
      }),
  ],
});

/** An operation on rows' words, with the number of rows. */
const sparseWithNumber = (g: CaseGraph, op: string, x: Node, number: (shape: Node) => Node) => {
  const [places, words, shape] = split(g, x);
  const indices = g.op('StringToHashBucketFast', [words], { num_buckets: 3 }, long);
  return g.op(
    op,
    [g.weights([3, 2]), indices, column(g, places), number(shape)],
    { T: float, Tidx: longs, Tsegmentids: longs, Tnumsegments: longs },
    'float',
  );
};

const bincount = (g: CaseGraph, op: string, x: Node, number: (shape: Node) => Node) => {
  const [places, words, shape] = split(g, x);
  const values = g.op('StringToHashBucketFast', [words], { num_buckets: 3 }, long);
  const whole = pack(g, [number(shape), element(g, shape, 1)]);
  return g.op(
    op,
    [places, values, whole, g.constant(long, [], [3]), g.constant('float', [0], [])],
    { Tidx: longs, T: float },
    'float',
  );
};

// Lists

const list = { element_dtype: float, shape_type: int } as const;
const emptyList = (g: CaseGraph, shape: Node) => g.op('EmptyTensorList', [shape, g.int(-1)], list, 'variant');
const push = (g: CaseGraph, to: Node, x: Node) =>
  g.op('TensorListPushBack', [to, x], { element_dtype: float }, 'variant');
const pop = (g: CaseGraph, from: Node, shape: Node) =>
  g.ops('TensorListPopBack', [from, shape], { element_dtype: float }, ['variant', 'float'])[1] as Node;
const timeMajor = (g: CaseGraph) => g.transposed(g.rows('float', [4, 3]), 1, 0, 2);

/** Twice the rows in a list, one of them changed. */
const pushed =
  (change: (g: CaseGraph, x: Node) => Node): Build =>
  (g) => {
    const x = g.rows('float', [3]);
    return pop(g, push(g, push(g, emptyList(g, g.ints(-1, 3)), x), change(g, x)), g.ints(-1, 3));
  };

// Images

const sizes = (g: CaseGraph, x: Node, ...others: number[]) =>
  pack(g, [g.count(x), ...others.map((size) => g.int(size))]);
const conv3d = (g: CaseGraph, x: Node) =>
  g.op(
    'Conv3DBackpropInputV2',
    [sizes(g, x, 4, 4, 4, 2), g.weights([2, 2, 2, 2, 3]), x],
    { T: float, Tshape: int, strides: [1, 2, 2, 2, 1], padding: 'SAME' },
    'float',
  );
const depthwise = (g: CaseGraph, x: Node) =>
  g.op(
    'DepthwiseConv2dNativeBackpropInput',
    [sizes(g, x, 4, 4, 2), g.weights([3, 3, 2, 1]), x],
    { T: float, strides: [1, 2, 2, 1], padding: 'SAME' },
    'float',
  );

function suppress(g: CaseGraph, boxes: Node, scores: Node): readonly Node[] {
  const numbers = [g.int(2), g.int(3), g.constant('float', [], [0.5]), g.constant('float', [], [0.1])];
  return g.ops('CombinedNonMaxSuppression', [boxes, scores, ...numbers], {}, ['float', 'float', 'float', 'int32']);
}

// Random numbers

const random = (build: (g: CaseGraph, shape: Node) => Node): RuleTests => ({
  right: [],
  wrong: [
    (g) => {
      const x = g.rows('float', [2], { from: 0.5, to: 3 });
      const drawn = build(g, g.shape(x));
      return drawn.dtype === 'float' ? plus(g, x, drawn) : drawn;
    },
    (g) => {
      const x = g.rows('float', []);
      return plus(g, x, cast(g, build(g, g.ints(1)), 'float'));
    },
  ],
});

const alike = (op: string): RuleTests => random((g, shape) => g.op(op, [shape], { T: int, dtype: float }, 'float'));

/** Numbers that the seed alone decides: one set for all rows is theirs together. */
const stateless = (build: (g: CaseGraph, shape: Node) => Node): RuleTests => ({
  right: [(g) => plus(g, g.rows('float', [2]), shaped(g, cast(g, build(g, g.ints(2)), 'float'), 2))],
  wrong: [
    (g) => build(g, g.shape(g.rows('float', [2]))),
    (g) => {
      const x = g.rows('float', []);
      return plus(g, x, cast(g, build(g, g.shape(x)), 'float'));
    },
  ],
});
const seed = (g: CaseGraph) => g.longs(1, 2);
const generator = (g: CaseGraph) => {
  const [key, counter] = g.ops('StatelessRandomGetKeyCounter', [seed(g)], { Tseed: longs }, ['uint64', 'uint64']) as [
    Node,
    Node,
  ];
  return [key, counter, g.op('StatelessRandomGetAlg', [], {}, 'int32')] as const;
};
const drawnV1 = (op: string) =>
  stateless((g, shape) => g.op(op, [shape, seed(g)], { T: int, Tseed: longs, dtype: float }, 'float'));
const drawnV2 = (op: string) =>
  stateless((g, shape) => g.op(op, [shape, ...generator(g)], { Tshape: int, dtype: float }, 'float'));

const POSITIVE = { from: 0.2, to: 2 };
const two = (op: string, attrs: Attrs = { T: float }): RuleTests => ({
  right: [(g) => g.op(op, [g.rows('float', [3], POSITIVE), g.rows('float', [3], POSITIVE)], attrs, 'float')],
  wrong: [
    (g) => g.op(op, [g.mixed(g.rows('float', [3], POSITIVE)), g.rows('float', [3], POSITIVE)], attrs, 'float'),
    (g) => g.op(op, [g.rows('float', [1], POSITIVE), g.rows('float', [], POSITIVE)], attrs, 'float'),
  ],
});

/** A dark and a bright image of one grey, as base64. */
const PNG = [
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVQImWPUYGBiYAAAANoALOn5A-EAAAAASUVORK5CYII',
  'iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAAAAABX3VL4AAAADklEQVQImWM8wcDEwAAAA_oAzHdKlBMAAAAASUVORK5CYII',
];
const JPEG_START =
  '_9j_4AAQSkZJRgABAQEBLAEsAAD_2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i' +
  'Z2hnPk1xeXBkeFxlZ2P_wAALCAABAAEBAREA_8QAFAABAAAAAAAAAAAAAAAAAAAABv_EABQQAQAAAAAAAAAAAAAAAAAAAAD_2gAIAQEAAD8A';
const BMP_START = 'Qk0-AAAAAAAAADYAAAAoAAAAAQAAAAEAAAABABgAAAAAAAgAAAATCwAAEwsAAAAAAAAAAAAA';
const IMAGE_FILES: Readonly<Record<string, readonly string[]>> = {
  DecodePng: PNG,
  DecodeImage: PNG,
  DecodeJpeg: [`${JPEG_START}Jv_Z`, `${JPEG_START}SP_Z`],
  DecodeBmp: [`${BMP_START}KCgoAA`, `${BMP_START}yMjIAA`],
};

/** The image's brightest value. */
function brightness(g: CaseGraph, op: string, file: Node): Node {
  const image = g.op(op, [g.op('DecodeBase64', [file])], {}, 'uint8');
  const values = g.op('Reshape', [cast(g, image, 'float'), g.ints(-1)], { T: float, Tshape: int });
  return g.op('Max', [values, g.ints(0)], { T: float, Tidx: int });
}

export const MORE: RuleTable = {
  // Variables and tables
  VariableV2: {
    right: [(g) => plus(g, g.rows('float', [2]), variable(g, 'VariableV2'))],
    wrong: [(g) => plus(g, g.mixed(g.rows('float', [2])), variable(g, 'VariableV2'))],
  },
  Variable: {
    right: [(g) => plus(g, g.rows('float', [2]), variable(g, 'Variable'))],
    wrong: [(g) => plus(g, g.mixed(g.rows('float', [2])), variable(g, 'Variable'))],
  },
  ...tableOf('VarIsInitializedOp IsVariableInitialized', (op) =>
    addedToRows((g) => {
      const handle = op === 'IsVariableInitialized' ? variable(g, 'VariableV2') : resource(g, [2]);
      return cast(g, g.op(op, [handle], op === 'IsVariableInitialized' ? { dtype: float } : {}, 'bool'), 'float');
    }),
  ),
  HashTable: ofTable((g) => g.op('HashTable', [], tableAttrs(g), 'string'), 'InitializeTable', 'LookupTableFind'),
  LookupTableFind: ofTable((g) => g.op('HashTable', [], tableAttrs(g), 'string'), 'InitializeTable', 'LookupTableFind'),
  MutableHashTable: ofTable(
    (g) => g.op('MutableHashTable', [], tableAttrs(g), 'string'),
    'LookupTableImport',
    'LookupTableFind',
  ),
  MutableHashTableV2: ofTable((g) => g.op('MutableHashTableV2', [], tableAttrs(g), 'resource'), 'LookupTableImportV2'),
  MutableHashTableOfTensorsV2: {
    right: [],
    wrong: [(g) => g.mixed(vectorsOf(g, g.rows('string', [])))],
    beyond: [(g) => vectorsOf(g, g.rows('string', []))],
  },
  // Empty: what is found is the default.
  MutableDenseHashTableV2: ofRows('string', [], (g, x) => {
    const [empty, deleted] = [g.constant('string', [], ['!']), g.constant('string', [], ['?'])];
    const handle = g.op('MutableDenseHashTableV2', [empty, deleted], tableAttrs(g), 'resource');
    const found = g.op(
      'LookupTableFindV2',
      [handle, x, g.constant(long, [], [5])],
      { Tin: { type: 'string' }, Tout: longs },
      long,
    );
    return plus(g, cast(g, found, 'float'), lengths(g, x));
  }),
  LookupTableSizeV2: addedToRows((g) => cast(g, g.op('LookupTableSizeV2', [filled(g)], {}, long), 'float')),
  LookupTableExportV2: addedToRows((g) => {
    const [, values] = g.ops('LookupTableExportV2', [filled(g)], { Tkeys: { type: 'string' }, Tvalues: longs }, [
      'string',
      long,
    ]);
    return g.op('Sum', [cast(g, values as Node, 'float'), g.ints(0)], { T: float, Tidx: int });
  }),
  ResourceGatherNd: {
    right: [
      (g) =>
        g.op(
          'ResourceGatherNd',
          [resource(g, [3, 3, 2]), g.rows('int32', [2])],
          { dtype: float, Tindices: int },
          'float',
        ),
    ],
    wrong: [
      (g) =>
        g.op(
          'ResourceGatherNd',
          [resource(g, [3, 3, 2]), g.mixed(g.rows('int32', [2]))],
          { dtype: float, Tindices: int },
          'float',
        ),
    ],
  },

  // What passes values on
  ...tableOf('Snapshot CheckNumerics CheckNumericsV2', (op) =>
    ofRows('float', [3], (g, x) => g.op(op, [x], { ...T(x), ...(op === 'Snapshot' ? {} : { message: 'm' }) })),
  ),
  RefIdentity: addedToRows((g) => g.op('RefIdentity', [variable(g, 'VariableV2')], { T: float }, 'float'), 2),
  EnsureShape: {
    right: [(g) => g.op('EnsureShape', [g.rows('float', [3])], { T: float, shape: { shape: [-1, 3] } })],
    wrong: [
      (g) => g.op('EnsureShape', [g.mixed(g.rows('float', [3]))], { T: float, shape: { shape: [-1, 3] } }),
      // Only five rows are right.
      (g) => g.op('EnsureShape', [g.rows('float', [3])], { T: float, shape: { shape: [1, 3] } }),
    ],
  },

  // Element by element
  ...tableOf('Igamma Igammac NextAfter Zeta', (op) => two(op)),
  Polygamma: ofRows(
    'float',
    [3],
    (g, x) => g.op('Polygamma', [g.constant('float', [], [1]), x], { T: float }),
    POSITIVE,
  ),
  Betainc: {
    right: [
      (g) =>
        g.op(
          'Betainc',
          [g.rows('float', [2], POSITIVE), g.rows('float', [2], POSITIVE), g.rows('float', [2], { from: 0, to: 1 })],
          { T: float },
        ),
    ],
    wrong: [
      (g) =>
        g.op(
          'Betainc',
          [
            g.mixed(g.rows('float', [2], POSITIVE)),
            g.rows('float', [2], POSITIVE),
            g.rows('float', [2], { from: 0, to: 1 }),
          ],
          { T: float },
        ),
    ],
  },
  Complex: {
    right: [
      (g) =>
        real(
          g,
          g.op(
            'Complex',
            [g.rows('float', [2]), g.rows('float', [2])],
            { T: float, Tout: { type: 'complex64' } },
            'complex64',
          ),
        ),
    ],
    wrong: [
      (g) =>
        real(
          g,
          g.op(
            'Complex',
            [g.rows('float', [1]), g.rows('float', [])],
            { T: float, Tout: { type: 'complex64' } },
            'complex64',
          ),
        ),
    ],
  },
  ...tableOf('Angle ComplexAbs Imag Real', (op) =>
    ofRows('float', [3], (g, x) => {
      const turned = g.op('Complex', [x, x], { T: float, Tout: { type: 'complex64' } }, 'complex64');
      return g.op(op, [turned], { T: { type: 'complex64' }, Tout: float }, 'float');
    }),
  ),
  Conj: ofRows('float', [3], (g, x) => real(g, g.op('Conj', [complex(g, x)], { T: { type: 'complex64' } }))),
  Bitcast: {
    right: [],
    wrong: [
      (g) => g.mixed(g.op('Bitcast', [g.rows('float', [2])], { T: float, type: int }, 'int32')),
      // Two rows become one value.
      (g) => g.op('Bitcast', [g.transposed(g.rows('int32', [2]), 1, 0)], { T: int, type: int }, 'int32'),
    ],
    beyond: [(g) => g.op('Bitcast', [g.rows('float', [2])], { T: float, type: int }, 'int32')],
  },
  FakeQuantWithMinMaxArgs: ofRows('float', [3], (g, x) =>
    g.op('FakeQuantWithMinMaxArgs', [x], { min: { float: -1 }, max: { float: 1 } }),
  ),
  FakeQuantWithMinMaxVars: {
    right: [
      (g) =>
        g.op('FakeQuantWithMinMaxVars', [
          g.rows('float', [3]),
          g.constant('float', [], [-1]),
          g.constant('float', [], [1]),
        ]),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [], { from: -2, to: -0.5 });
        return g.op('FakeQuantWithMinMaxVars', [x, first(g, x), g.constant('float', [], [1])]);
      },
    ],
  },
  DecodeBase64: ofRows('string', [], (g, x) => g.op('DecodeBase64', [g.op('EncodeBase64', [x])])),
  UnicodeScript: ofRows('int32', [2], (g, x) => g.op('UnicodeScript', [x]), { from: 40, to: 1200 }),
  UnicodeTranscode: ofRows('string', [], (g, x) =>
    g.op('UnicodeTranscode', [x], { input_encoding: 'UTF-8', output_encoding: 'UTF-16-BE' }),
  ),
  DecodeRaw: {
    right: [
      (g) => g.op('DecodeRaw', [g.rows('string', [], { words: ['abcd', 'efgh', 'xyzz'] })], { out_type: int }, 'int32'),
    ],
    wrong: [
      (g) =>
        g.op(
          'DecodeRaw',
          [g.mixed(g.rows('string', [], { words: ['abcd', 'efgh', 'xyzz'] }))],
          { out_type: int },
          'int32',
        ),
    ],
  },

  // Shapes
  ShapeN: {
    right: [
      (g) => {
        const x = g.rows('float', [2]);
        const [shape] = g.ops('ShapeN', [x, x], { N: 2, T: float, out_type: int }, ['int32', 'int32']);
        return g.op('Fill', [shape as Node, g.int(7)], { T: int, index_type: int }, 'int32');
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', []);
        return g.ops('ShapeN', [x, x], { N: 2, T: float, out_type: int }, ['int32', 'int32'])[1] as Node;
      },
    ],
  },
  BroadcastArgs: {
    right: [
      (g) => {
        const x = g.rows('float', [2]);
        const shape = g.op('BroadcastArgs', [g.shape(x), g.ints(1, 2)], { T: int });
        return g.op('BroadcastTo', [g.weights([2]), shape], { T: float, Tidx: int });
      },
    ],
    wrong: [
      (g) => {
        const shape = g.op('BroadcastArgs', [g.shape(g.rows('float', [1])), g.shape(g.rows('float', []))], { T: int });
        return g.op('BroadcastTo', [g.weights([1]), shape], { T: float, Tidx: int });
      },
      (g) => {
        const shape = g.op('BroadcastArgs', [g.shape(g.rows('float', [1])), g.ints(5, 1)], { T: int });
        return g.op('BroadcastTo', [g.weights([1]), shape], { T: float, Tidx: int });
      },
    ],
  },
  Concat: {
    right: [(g) => g.op('Concat', [g.int(1), g.rows('float', [2]), g.rows('float', [3])], { N: 2, T: float }, 'float')],
    wrong: [
      (g) => {
        const x = g.rows('float', [2]);
        return g.op('Concat', [g.int(0), x, x], { N: 2, T: float }, 'float');
      },
    ],
  },
  Roll: {
    right: [(g) => g.op('Roll', [g.rows('float', [4]), g.ints(1), g.ints(1)], { T: float, Tshift: int, Taxis: int })],
    wrong: [
      (g) => g.op('Roll', [g.rows('float', [4]), g.ints(1), g.ints(0)], { T: float, Tshift: int, Taxis: int }),
      (g) => g.op('Roll', [g.rows('float', [4]), g.ints(1), g.ints(-2)], { T: float, Tshift: int, Taxis: int }),
      (g) => {
        const x = g.rows('float', [4]);
        return g.op('Roll', [x, pack(g, [g.count(x)]), g.ints(1)], { T: float, Tshift: int, Taxis: int });
      },
    ],
  },
  InvertPermutation: {
    right: [
      (g) =>
        g.op(
          'GatherV2',
          [g.rows('float', [3]), shaped(g, g.op('InvertPermutation', [g.ints(2, 0, 1)], { T: int }), 3), g.int(1)],
          {
            Tparams: float,
            Tindices: int,
            Taxis: int,
          },
        ),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', []);
        const places = g.op('Range', [g.int(0), g.count(x), g.int(1)], { Tidx: int });
        return g.op('InvertPermutation', [places], { T: int });
      },
    ],
  },
  LinSpace: {
    right: [
      (g) =>
        plus(
          g,
          g.rows('float', [4]),
          shaped(
            g,
            g.op('LinSpace', [g.constant('float', [], [0]), g.constant('float', [], [1]), g.int(4)], {
              T: float,
              Tidx: int,
            }),
            4,
          ),
        ),
    ],
    wrong: [
      (g) =>
        g.op('LinSpace', [g.constant('float', [], [0]), g.constant('float', [], [1]), g.count(g.rows('float', []))], {
          T: float,
          Tidx: int,
        }),
    ],
  },
  Gather: {
    right: [(g) => g.op('Gather', [g.weights([3, 2]), g.rows('int32', [2])], { Tparams: float, Tindices: int })],
    wrong: [
      (g) => g.op('Gather', [g.weights([3, 2]), g.mixed(g.rows('int32', [2]))], { Tparams: float, Tindices: int }),
      (g) =>
        g.op('Gather', [g.rows('float', [2]), g.op('ZerosLike', [g.rows('int32', [])], { T: int })], {
          Tparams: float,
          Tindices: int,
        }),
    ],
  },

  // Linear algebra, signals
  ...tableOf('Qr Svd', (op) => ({
    right: [(g) => plus(g, g.rows('float', [2]), shaped(g, decomposed(g, op, g.weights([2, 2])), 2))],
    wrong: [
      (g) => {
        const x = g.rows('float', [2]);
        return plus(g, x, decomposed(g, op, g.op('MatMul', [x, x], { T: float, transpose_a: true })));
      },
    ],
  })),
  Cholesky: ofRows('float', [2, 2], (g, x) =>
    g.op(
      'Cholesky',
      [plus(g, g.op('BatchMatMulV2', [x, x], { T: float, adj_y: true }), g.constant('float', [2, 2], [1, 0, 0, 1]))],
      { T: float },
    ),
  ),
  MatrixInverse: ofRows('float', [2, 2], (g, x) =>
    g.op('MatrixInverse', [plus(g, x, g.constant('float', [2, 2], [9, 0, 0, 9]))], { T: float }),
  ),
  MatrixBandPart: {
    right: [(g) => g.op('MatrixBandPart', [g.rows('float', [3, 3]), g.int(0), g.int(-1)], { T: float, Tindex: int })],
    wrong: [
      (g) => g.op('MatrixBandPart', [g.rows('float', [3]), g.int(0), g.int(-1)], { T: float, Tindex: int }),
      (g) => {
        const x = g.rows('float', [6, 6]);
        return g.op('MatrixBandPart', [x, g.count(x), g.int(0)], { T: float, Tindex: int });
      },
    ],
  },
  ...tableOf('FFT IFFT', (op) =>
    ofLast([4], (g, x) => real(g, g.op(op, [complex(g, x)], { Tcomplex: { type: 'complex64' } }))),
  ),
  ...tableOf('FFT2D IFFT2D', (op) =>
    ofLast([2, 4], (g, x) => real(g, g.op(op, [complex(g, x)], { Tcomplex: { type: 'complex64' } }))),
  ),
  CumulativeLogsumexp: {
    right: [(g) => g.op('CumulativeLogsumexp', [g.rows('float', [3]), g.int(1)], { T: float, Tidx: int })],
    wrong: [(g) => g.op('CumulativeLogsumexp', [g.rows('float', [3]), g.int(0)], { T: float, Tidx: int })],
  },
  InTopK: {
    right: [
      (g) => g.op('InTopK', [g.rows('float', [4]), g.rows('int32', [], { from: 0, to: 4 })], { k: 2, T: int }, 'bool'),
    ],
    wrong: [
      (g) =>
        g.op(
          'InTopK',
          [g.mixed(g.rows('float', [4])), g.rows('int32', [], { from: 0, to: 4 })],
          { k: 2, T: int },
          'bool',
        ),
    ],
  },
  InTopKV2: {
    right: [
      (g) =>
        g.op('InTopKV2', [g.rows('float', [4]), g.rows('int32', [], { from: 0, to: 4 }), g.int(2)], { T: int }, 'bool'),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [6]);
        return g.op('InTopKV2', [x, g.rows('int32', [], { from: 0, to: 6 }), g.count(x)], { T: int }, 'bool');
      },
    ],
  },

  // Images
  Conv3DBackpropInputV2: ofRows('float', [2, 2, 2, 3], conv3d),
  DepthwiseConv2dNativeBackpropInput: ofRows('float', [2, 2, 2], depthwise),
  MaxPoolV2: {
    right: [
      (g) =>
        g.op('MaxPoolV2', [g.rows('float', [4, 4, 2]), g.ints(1, 2, 2, 1), g.ints(1, 2, 2, 1)], {
          T: float,
          padding: 'SAME',
        }),
    ],
    wrong: [
      (g) => {
        const x = g.transposed(g.rows('float', [1, 4, 2]), 1, 0, 2, 3);
        return g.transposed(
          g.op('MaxPoolV2', [x, g.ints(1, 2, 2, 1), g.ints(1, 1, 1, 1)], { T: float, padding: 'SAME' }),
          1,
          0,
          2,
          3,
        );
      },
    ],
  },
  BiasAddV1: {
    right: [(g) => g.op('BiasAddV1', [g.rows('float', [3]), g.weights([3])], { T: float })],
    wrong: [(g) => g.op('BiasAddV1', [g.mixed(g.rows('float', [3])), g.weights([3])], { T: float })],
  },
  ...tableOf('ResizeArea ResizeBicubic', (op) => ({
    right: [(g) => g.op(op, [g.rows('float', [4, 4, 2]), g.ints(3, 6)], { T: float }, 'float')],
    wrong: [
      (g) => {
        const x = g.transposed(g.rows('float', [1, 4, 2]), 1, 0, 2, 3);
        return g.transposed(g.op(op, [x, g.ints(5, 4)], { T: float }, 'float'), 1, 0, 2, 3);
      },
    ],
  })),
  AdjustContrastv2: {
    right: [(g) => g.op('AdjustContrastv2', [g.rows('float', [4, 4, 3]), g.constant('float', [], [2])], { T: float })],
    wrong: [
      // The mean is over an image's places, which are rows here.
      (g) => {
        const x = g.rows('float', [4, 3]);
        return g.op('AdjustContrastv2', [x, g.constant('float', [], [2])], { T: float });
      },
      (g) => {
        const x = g.rows('float', [4, 4, 3]);
        return g.op('AdjustContrastv2', [x, cast(g, g.count(x), 'float')], { T: float });
      },
    ],
  },
  ...tableOf('AdjustHue AdjustSaturation', (op) => ({
    right: [
      (g) => g.op(op, [g.rows('float', [4, 4, 3], { from: 0, to: 1 }), g.constant('float', [], [0.4])], { T: float }),
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [4, 4, 3], { from: 0, to: 1 });
        const share = g.op('Mul', [cast(g, g.count(x), 'float'), g.constant('float', [], [0.1])], { T: float });
        return g.op(op, [x, share], { T: float });
      },
    ],
  })),
  ...tableOf('HSVToRGB RGBToHSV', (op) =>
    ofRows('float', [2, 3], (g, x) => g.op(op, [x], { T: float }), { from: 0, to: 1 }),
  ),
  CombinedNonMaxSuppression: {
    right: [
      (g) =>
        suppress(g, g.rows('float', [4, 1, 4], { from: 0, to: 1 }), g.rows('float', [4, 2], { from: 0, to: 1 })).slice(
          0,
          2,
        ),
    ],
    wrong: [
      (g) =>
        suppress(
          g,
          g.rows('float', [4, 1, 4], { from: 0, to: 1 }),
          g.mixed(g.rows('float', [4, 2], { from: 0, to: 1 })),
        )[1] as Node,
    ],
  },
  ...tableOf('DecodePng DecodeJpeg DecodeImage DecodeBmp', (op) => ({
    right: [
      (g) =>
        plus(
          g,
          g.rows('float', [2]),
          shaped(g, brightness(g, op, g.constant('string', [], [IMAGE_FILES[op]?.[0] ?? ''])), 1),
        ),
    ],
    wrong: [
      // The first row's image is all rows'.
      (g) => {
        const [x, file] = [g.rows('float', [2]), g.rows('string', [], { words: IMAGE_FILES[op] ?? [] })];
        return plus(g, x, shaped(g, brightness(g, op, first(g, file)), 1));
      },
    ],
  })),

  // Text and ragged tensors
  StringSplit: {
    right: [
      (g) => {
        const [places, words, shape] = g.ops(
          'StringSplit',
          [g.rows('string', []), g.constant('string', [], [' '])],
          {},
          [long, 'string', long],
        ) as [Node, Node, Node];
        return g.op('UnsortedSegmentSum', [lengths(g, words), column(g, places), element(g, shape)], {
          T: float,
          Tindices: longs,
          Tnumsegments: longs,
        });
      },
    ],
    wrong: [
      (g) =>
        g.ops('StringSplit', [g.rows('string', []), g.constant('string', [], [' '])], {}, [
          long,
          'string',
          long,
        ])[1] as Node,
    ],
  },
  UnicodeDecode: decoded('UnicodeDecode'),
  UnicodeDecodeWithOffsets: decoded('UnicodeDecodeWithOffsets'),
  StringNGrams: {
    right: [],
    wrong: [
      (g) => {
        const [splits, letters] = decodeUnicode(g, 'UnicodeDecode', g.rows('string', [], FULL)) as [Node, Node];
        const text = g.op('AsString', [letters], { T: int }, 'string');
        const attrs = {
          separator: '-',
          ngram_widths: [2],
          left_pad: '',
          right_pad: '',
          pad_width: 0,
          preserve_short_sequences: true,
          Tsplits: longs,
        } as const;
        return g.ops('StringNGrams', [text, splits], attrs, ['string', long])[0] as Node;
      },
    ],
  },
  Bincount: {
    right: [
      (g) =>
        plus(
          g,
          g.rows('float', [3]),
          shaped(
            g,
            g.op('Bincount', [g.ints(0, 1, 1), g.int(3), g.constant('float', [0], [])], { T: float }, 'float'),
            3,
          ),
        ),
    ],
    wrong: [
      (g) => {
        const x = g.rows('int32', []);
        const counts = g.op('Bincount', [x, g.int(3), g.constant('float', [0], [])], { T: float }, 'float');
        return g.op('GatherV2', [counts, x, g.int(0)], { Tparams: float, Tindices: int, Taxis: int });
      },
    ],
  },
  SparseBincount: {
    right: [(g) => bincount(g, 'SparseBincount', g.rows('string', []), (shape) => element(g, shape))],
    wrong: [(g) => g.mixed(bincount(g, 'SparseBincount', g.rows('string', []), (shape) => element(g, shape)))],
  },
  RaggedBincount: {
    right: [
      (g) => {
        const [splits, letters] = decodeUnicode(g, 'UnicodeDecode', g.rows('string', [])) as [Node, Node];
        const values = g.op('FloorMod', [letters, g.int(3)], { T: int });
        return g.op(
          'RaggedBincount',
          [splits, values, g.int(3), g.constant('float', [0], [])],
          { Tidx: int, T: float },
          'float',
        );
      },
    ],
    wrong: [
      (g) => {
        const [splits, letters] = decodeUnicode(g, 'UnicodeDecode', g.rows('string', [])) as [Node, Node];
        const values = g.op('FloorMod', [letters, g.int(3)], { T: int });
        return g.mixed(
          g.op(
            'RaggedBincount',
            [splits, values, g.int(3), g.constant('float', [0], [])],
            { Tidx: int, T: float },
            'float',
          ),
        );
      },
    ],
  },
  RaggedTensorToSparse: {
    right: [
      (g) => {
        const [splits, letters] = decodeUnicode(g, 'UnicodeDecode', g.rows('string', [])) as [Node, Node];
        const [places, values, shape] = g.ops(
          'RaggedTensorToSparse',
          [splits, letters],
          { RAGGED_RANK: 1, T: int, Tsplits: longs },
          [long, 'int32', long],
        ) as [Node, Node, Node];
        return g.op('UnsortedSegmentSum', [values, column(g, places), element(g, shape)], {
          T: int,
          Tindices: longs,
          Tnumsegments: longs,
        });
      },
    ],
    wrong: [
      (g) => {
        const [splits, letters] = decodeUnicode(g, 'UnicodeDecode', g.rows('string', [])) as [Node, Node];
        return g.ops('RaggedTensorToSparse', [splits, letters], { RAGGED_RANK: 1, T: int, Tsplits: longs }, [
          long,
          'int32',
          long,
        ])[1] as Node;
      },
    ],
  },
  SparseReorder: {
    right: [
      (g) => {
        const [places] = g.ops(
          'SparseReorder',
          [g.constant(long, [2, 1], [1, 0]), g.constant('float', [2], [1, 2]), g.longs(3)],
          { T: float },
          [long, 'float'],
        ) as [Node];
        return plus(g, g.rows('float', [2]), shaped(g, cast(g, column(g, places), 'float'), 2));
      },
    ],
    wrong: [
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        return g.ops('SparseReorder', [places, words, shape], { T: { type: 'string' } }, [long, 'string'])[1] as Node;
      },
    ],
  },
  SparseTensorDenseMatMul: {
    right: [
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        const whole = pack(g, [element(g, shape), g.constant(long, [], [4])]);
        return g.op(
          'SparseTensorDenseMatMul',
          [places, lengths(g, words), whole, g.weights([4, 2])],
          { T: float, Tindices: longs },
          'float',
        );
      },
    ],
    wrong: [
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        const whole = pack(g, [element(g, shape), g.constant(long, [], [4])]);
        const sums = g.op(
          'SparseTensorDenseMatMul',
          [places, lengths(g, words), whole, g.weights([4, 2])],
          { T: float, Tindices: longs },
          'float',
        );
        return g.op(
          'SparseTensorDenseMatMul',
          [places, lengths(g, words), whole, sums],
          { T: float, Tindices: longs, adjoint_a: true },
          'float',
        );
      },
    ],
  },
  ...tableOf('SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum', segment),
  ...tableOf(
    'SparseSegmentMeanWithNumSegments SparseSegmentSqrtNWithNumSegments SparseSegmentSumWithNumSegments',
    (op) => ({
      right: [(g) => sparseWithNumber(g, op, g.rows('string', []), (shape) => element(g, shape))],
      wrong: [(g) => g.mixed(sparseWithNumber(g, op, g.rows('string', []), (shape) => element(g, shape)))],
    }),
  ),
  UnsortedSegmentJoin: {
    right: [
      (g) => {
        const [places, words, shape] = split(g, g.rows('string', []));
        return g.op(
          'UnsortedSegmentJoin',
          [words, column(g, places), element(g, shape)],
          { separator: '+', Tindices: longs, Tnumsegments: longs },
          'string',
        );
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('string', []);
        const owners = g.op('ZerosLike', [g.rows('int32', [])], { T: int });
        return g.op(
          'UnsortedSegmentJoin',
          [x, owners, g.count(x)],
          { separator: '+', Tindices: int, Tnumsegments: int },
          'string',
        );
      },
    ],
  },

  // Lists
  EmptyTensorList: {
    right: [pushed((g, x) => g.op('Tanh', [x], T(x)))],
    wrong: [pushed((g, x) => g.mixed(x))],
  },
  TensorListPushBack: { right: [pushed((_, x) => x)], wrong: [pushed((g, x) => g.mixed(x))] },
  TensorListPopBack: {
    right: [(g) => pop(g, g.op('TensorListFromTensor', [timeMajor(g), g.ints(-1, 3)], list, 'variant'), g.ints(-1, 3))],
    wrong: [
      (g) =>
        g.mixed(pop(g, g.op('TensorListFromTensor', [timeMajor(g), g.ints(-1, 3)], list, 'variant'), g.ints(-1, 3))),
    ],
  },
  TensorListGather: {
    right: [
      (g) => {
        const from = g.op('TensorListFromTensor', [timeMajor(g), g.ints(-1, 3)], list, 'variant');
        return g.transposed(
          g.op('TensorListGather', [from, g.ints(2, 0), g.ints(-1, 3)], { element_dtype: float }, 'float'),
          1,
          0,
          2,
        );
      },
    ],
    wrong: [
      (g) => {
        const from = g.op('TensorListFromTensor', [g.weights([4, 3]), g.ints(3)], list, 'variant');
        const places = g.op(
          'Range',
          [g.int(0), g.op('Minimum', [g.count(g.rows('float', [])), g.int(4)], { T: int }), g.int(1)],
          { Tidx: int },
        );
        return g.op('TensorListGather', [from, places, g.ints(3)], { element_dtype: float }, 'float');
      },
    ],
  },
  TensorListLength: {
    right: [
      (g) => {
        const x = timeMajor(g);
        const length = g.op(
          'TensorListLength',
          [g.op('TensorListFromTensor', [x, g.ints(-1, 3)], list, 'variant')],
          {},
          'int32',
        );
        return plus(g, g.transposed(x, 1, 0, 2), cast(g, length, 'float'));
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        const length = g.op(
          'TensorListLength',
          [g.op('TensorListFromTensor', [x, g.ints(3)], list, 'variant')],
          {},
          'int32',
        );
        return plus(g, x, cast(g, length, 'float'));
      },
    ],
  },

  // Random numbers
  ...tableOf('RandomUniform RandomStandardNormal TruncatedNormal', alike),
  RandomUniformInt: random((g, shape) =>
    g.op('RandomUniformInt', [shape, g.int(0), g.int(1000)], { T: int, Tout: int }, 'int32'),
  ),
  RandomGamma: random((g, shape) =>
    g.op('RandomGamma', [shape, g.constant('float', [], [2])], { S: int, T: float }, 'float'),
  ),
  RandomPoissonV2: random((g, shape) =>
    g.op('RandomPoissonV2', [shape, g.constant('float', [], [50])], { S: int, R: float, dtype: float }, 'float'),
  ),
  ParameterizedTruncatedNormal: random((g) => {
    const numbers = [0, 1, -2, 2].map((value) => g.constant('float', [1], [value]));
    return g.op('ParameterizedTruncatedNormal', [g.ints(1), ...numbers], { T: int, dtype: float }, 'float');
  }),
  Multinomial: {
    right: [],
    wrong: [(g) => g.op('Multinomial', [g.rows('float', [9]), g.int(4)], { T: float, output_dtype: int }, 'int32')],
  },
  RandomShuffle: { right: [], wrong: [(g) => g.op('RandomShuffle', [g.rows('float', [2])], { T: float })] },
  ...tableOf('StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal', drawnV1),
  ...tableOf('StatelessRandomUniformV2 StatelessRandomNormalV2 StatelessTruncatedNormalV2', drawnV2),
  StatelessRandomGetAlg: drawnV2('StatelessRandomUniformV2'),
  StatelessRandomGetKeyCounter: drawnV2('StatelessRandomNormalV2'),
  StatelessRandomUniformInt: stateless((g, shape) =>
    g.op(
      'StatelessRandomUniformInt',
      [shape, seed(g), g.int(0), g.int(1000)],
      { T: int, Tseed: longs, dtype: int },
      'int32',
    ),
  ),
  StatelessRandomUniformIntV2: stateless((g, shape) =>
    g.op(
      'StatelessRandomUniformIntV2',
      [shape, ...generator(g), g.int(0), g.int(1000)],
      { Tshape: int, dtype: int },
      'int32',
    ),
  ),
  StatelessMultinomial: {
    right: [
      (g) => {
        const drawn = g.op(
          'StatelessMultinomial',
          [g.weights([1, 4]), g.int(3), seed(g)],
          { T: float, Tseed: longs, output_dtype: int },
          'int32',
        );
        return plus(g, g.rows('float', [3]), shaped(g, cast(g, drawn, 'float'), 3));
      },
    ],
    wrong: [
      (g) =>
        g.op(
          'StatelessMultinomial',
          [g.rows('float', [9]), g.int(4), seed(g)],
          { T: float, Tseed: longs, output_dtype: int },
          'int32',
        ),
    ],
  },
};

function resource(g: CaseGraph, shape: readonly number[]): Node {
  const handle = g.op(
    'VarHandleOp',
    [],
    { dtype: float, shape: { shape }, shared_name: shared(g, 'resource') },
    'resource',
  );
  g.graph.initialize('AssignVariableOp', [handle, g.weights(shape)], { dtype: float });
  return handle;
}

/** A variable of TF1, of two floats. */
function variable(g: CaseGraph, op: string): Node {
  const node = g.op(op, [], { dtype: float, shape: { shape: [2] }, shared_name: shared(g, 'variable') }, 'float');
  g.graph.initialize('Assign', [node, g.weights([2])], { T: float });
  return node;
}

/** The singular values of two rows of two, or the sum of the triangle's rows. */
function decomposed(g: CaseGraph, op: string, x: Node): Node {
  if (op === 'Svd') return g.ops('Svd', [x], { T: float, compute_uv: false }, ['float', 'float', 'float'])[0] as Node;
  const [, triangle] = g.ops('Qr', [x], { T: float }, ['float', 'float']);
  return g.op('Sum', [triangle as Node, g.ints(0)], { T: float, Tidx: int });
}
