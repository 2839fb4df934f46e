/** Makers of what rows have different numbers of, such as words: put together again in many ways, right and wrong. */
import { type Node, T, type TypeName } from '../../support/graph-model.js';
import type { Known, Maker, State } from './state.js';

const long = { type: 'int64' } as const;
const float = { type: 'float' } as const;
const LONG: TypeName = 'int64';

/** Items of rows: words, or elements that are true. What is not known of them is undefined. */
export interface Ragged {
  readonly values: Node;
  /** For each item the number of its row. */
  readonly owners: Node;
  /** How many rows there are. */
  readonly count: Node;
  /** [items, 2], and the shape that they lie in. */
  readonly places?: Node;
  readonly shape?: Node;
  /** Owners may be out of order, or beyond the count: RaggedTensorToTensor then writes anywhere in memory. */
  readonly isLoose?: boolean;
}

const lists = new WeakMap<State, Ragged[]>();

function listsOf(s: State): Ragged[] {
  const known = lists.get(s) ?? [];
  lists.set(s, known);
  return known;
}

function keep(s: State, ragged: Ragged): void {
  listsOf(s).push(ragged);
}

function take(s: State): Ragged | undefined {
  const all = listsOf(s);
  return all.length === 0 ? undefined : s.choices.oneIn(3) ? s.choices.pick(all) : all.at(-1);
}

const column = (s: State, places: Node, axis: number) =>
  s.graph.op('StridedSlice', [places, s.graph.ints(0, axis), s.graph.ints(0, axis + 1), s.graph.ints(1, 1)], {
    ...T(places),
    Index: { type: 'int32' },
    begin_mask: 1,
    end_mask: 1,
    shrink_axis_mask: 2,
  });
const part = (s: State, vector: Node, from: number, to: number, masks: number, shrinks: boolean) =>
  s.graph.op('StridedSlice', [vector, s.graph.ints(from), s.graph.ints(to), s.graph.ints(1)], {
    ...T(vector),
    Index: { type: 'int32' },
    ...(masks === 1 ? { begin_mask: 1 } : masks === 2 ? { end_mask: 1 } : {}),
    ...(shrinks ? { shrink_axis_mask: 1 } : {}),
  });
const element = (s: State, vector: Node, index: number) => part(s, vector, index, index + 1, 0, true);
const size = (s: State, x: Node) => element(s, s.graph.op('Shape', [x], { ...T(x), out_type: long }, LONG), 0);
const cast = (s: State, x: Node, to: TypeName) =>
  x.dtype === to ? x : s.graph.op('Cast', [x], { SrcT: { type: x.dtype }, DstT: { type: to } }, to);
const numbers = (s: State, x: Node) =>
  cast(s, x.dtype === 'string' ? s.graph.op('StringLength', [x], {}, 'int32') : x, 'float');

const vectorOfText = (s: State) => s.take(({ dtype, dims }) => dtype === 'string' && dims.length === 1);

const words: Maker = (s) => {
  const text = vectorOfText(s);
  if (text === undefined) return;
  const sep = s.graph.constant('string', [], [s.choices.pick(['', ' '])]);
  const [places, values, shape] = s.graph.ops('StringSplitV2', [text, sep], {}, [LONG, 'string', LONG]) as [
    Node,
    Node,
    Node,
  ];
  keep(s, { values, owners: column(s, places, 0), count: element(s, shape, 0), places, shape });
};

const letters: Maker = (s) => {
  const text = vectorOfText(s);
  if (text === undefined) return;
  const [splits, values] = s.graph.ops('UnicodeDecode', [text], { input_encoding: 'UTF-8', Tsplits: long }, [
    LONG,
    'int32',
  ]) as [Node, Node];
  fromSplits(s, splits, values);
};

/** By way of a sparse tensor. */
function fromSplits(s: State, splits: Node, values: Node): void {
  const attrs = { RAGGED_RANK: 1, ...T(values), Tsplits: long };
  const [places, same, shape] = s.graph.ops('RaggedTensorToSparse', [splits, values], attrs, [
    LONG,
    values.dtype,
    LONG,
  ]) as [Node, Node, Node];
  keep(s, { values: same, owners: column(s, places, 0), count: element(s, shape, 0), places, shape });
}

/** Elements for which something holds. */
const where: Maker = (s) => {
  const x = s.takeOf('float', 1, 2);
  const mask =
    x &&
    s.take(
      ({ dtype, dims }) =>
        dtype === 'bool' && dims.length === x.dims.length && dims[0] === x.dims[0] && dims[1] === x.dims[1],
    );
  if (x === undefined || mask === undefined) return;
  const places = s.graph.op('Where', [mask], { T: { type: 'bool' } }, LONG);
  const values = s.graph.op('GatherNd', [x, places], { Tparams: float, Tindices: long });
  const shape = s.graph.op('Shape', [x], { ...T(x), out_type: long }, LONG);
  const isLoose = s.choices.oneIn(5);
  const whole = x.dims.length === 2 ? { places, shape } : {};
  keep(s, {
    values,
    owners: column(s, places, isLoose ? x.dims.length - 1 : 0),
    count: element(s, shape, 0),
    isLoose,
    ...whole,
  });
};

const filled: Maker = (s) => {
  const x = take(s);
  if (x?.places === undefined || x.shape === undefined) return;
  const { graph } = s;
  const values = x.values.dtype === 'string' ? x.values : numbers(s, x.values);
  const empty = values.dtype === 'string' ? graph.constant('string', [], ['?']) : graph.constant('float', [], [-1]);
  const [places, all, isEmpty] = graph.ops('SparseFillEmptyRows', [x.places, values, x.shape, empty], T(values), [
    LONG,
    values.dtype,
    'bool',
    LONG,
  ]) as [Node, Node, Node];
  s.add(isEmpty, [undefined]);
  keep(s, { ...x, values: all, owners: column(s, places, 0), places });
};

/** The items for which something holds: of those the owners. */
const some: Maker = (s) => {
  const x = take(s);
  if (x === undefined) return;
  const { graph } = s;
  const number = numbers(s, x.values);
  const mask = graph.op('Greater', [number, graph.constant('float', [], [s.choices.below(3)])], T(number), 'bool');
  const places = graph.op('Where', [mask], { T: { type: 'bool' } }, LONG);
  const flat = graph.op('Squeeze', [places], { ...T(places), squeeze_dims: [1] });
  const gather = (from: Node) =>
    graph.op('GatherV2', [from, flat, graph.int(0)], {
      Tparams: { type: from.dtype },
      Tindices: long,
      Taxis: { type: 'int32' },
    });
  keep(s, { values: gather(number), owners: gather(x.owners), count: x.count, isLoose: x.isLoose ?? false });
};

/** Items changed one by one, or with what their rows have. */
const changed: Maker = (s) => {
  const x = take(s);
  if (x === undefined) return;
  const { graph, choices } = s;
  const rows = s.takeOf('float', 1, 1);
  const number = numbers(s, x.values);
  if (rows === undefined || choices.oneIn(2)) {
    keep(s, { ...x, values: graph.op(choices.pick(['Neg', 'Square', 'Tanh']), [number], T(number)) });
    return;
  }
  const owned = graph.op('GatherV2', [rows, x.owners, graph.int(0)], {
    Tparams: float,
    Tindices: long,
    Taxis: { type: 'int32' },
  });
  keep(s, { ...x, values: graph.op('AddV2', [number, owned], { T: float }) });
};

/** Distinct values, changed, and given back to all that have them. */
const distinct: Maker = (s) => {
  const x = take(s);
  if (x === undefined || x.values.dtype === 'float') return;
  const { graph } = s;
  const [values, places] = graph.ops('Unique', [x.values], { ...T(x.values), out_idx: long }, [
    x.values.dtype,
    LONG,
  ]) as [Node, Node];
  const each = numbers(s, values);
  const back = graph.op('GatherV2', [each, places, graph.int(0)], {
    Tparams: float,
    Tindices: long,
    Taxis: { type: 'int32' },
  });
  keep(s, { ...x, values: s.choices.oneIn(6) ? cast(s, places, 'float') : back });
};

const lengthsOf = (s: State, x: Ragged): Node => {
  const none = s.graph.constant('int64', [0], []);
  return s.graph.op('DenseBincount', [x.owners, x.count, none], { Tidx: long, T: long }, LONG);
};

/** From lengths to splits, and back to owners through a sparse tensor. */
const throughSplits: Maker = (s) => {
  const x = take(s);
  if (x === undefined || x.isLoose) return;
  const { graph, choices } = s;
  const lengths = lengthsOf(s, x);
  const ends = graph.op('Cumsum', [lengths, graph.int(0)], {
    T: long,
    Tidx: { type: 'int32' },
    exclusive: choices.oneIn(6),
  });
  const splits = graph.op('ConcatV2', [graph.longs(0), ends, graph.int(0)], { N: 2, T: long });
  const kind = choices.below(4);
  if (kind === 0) s.add(cast(s, lengths, 'int32'), [undefined]);
  if (kind === 1) {
    const again = graph.op('Sub', [part(s, splits, 1, 0, 2, false), part(s, splits, 0, -1, 1, false)], { T: long });
    s.add(cast(s, again, 'float'), [undefined]);
  }
  if (kind === 2) fromSplits(s, splits, x.values);
  if (kind === 3 && x.values.dtype === 'string') {
    const attrs = {
      separator: '-',
      ngram_widths: [2],
      left_pad: '',
      right_pad: '',
      pad_width: 0,
      preserve_short_sequences: choices.oneIn(2),
      Tsplits: long,
    };
    const [grams, gramSplits] = graph.ops('StringNGrams', [x.values, splits], attrs, ['string', LONG]) as [Node, Node];
    fromSplits(s, gramSplits, grams);
  }
};

/** One number for each row. */
const summed: Maker = (s) => {
  const x = take(s);
  if (x === undefined) return;
  const { graph, choices } = s;
  const data = numbers(s, x.values);
  const width = x.shape === undefined ? graph.constant(LONG, [], [5]) : element(s, x.shape, 1);
  const count = choices.oneIn(6) ? choices.pick([width, size(s, x.values)]) : x.count;
  const kind = choices.below(5);
  const segment = { T: float, Tindices: long, Tnumsegments: long } as const;
  if (kind <= 1) {
    const op = choices.pick(['UnsortedSegmentSum', 'UnsortedSegmentMax', 'UnsortedSegmentProd']);
    s.op(op, [data, x.owners, count], [undefined], segment);
  } else if (kind === 2) {
    s.op(choices.pick(['SegmentSum', 'SegmentMean', 'SegmentMax']), [data, x.owners], [undefined], {
      T: float,
      Tindices: long,
    });
  } else {
    const places = graph.op(
      'FloorMod',
      [cast(s, graph.op('Floor', [data], T(data)), LONG), graph.constant(LONG, [], [3])],
      { T: long },
    );
    const attrs = { T: float, Tidx: long, Tsegmentids: long };
    if (kind === 3)
      s.op(
        choices.pick(['SparseSegmentMean', 'SparseSegmentSum']),
        [graph.weights([3, 2]), places, x.owners],
        [undefined, 2],
        attrs,
        'float',
      );
    else
      s.op(
        'SparseSegmentSumWithNumSegments',
        [graph.weights([3, 2]), places, x.owners, count],
        [undefined, 2],
        { ...attrs, Tnumsegments: long },
        'float',
      );
  }
};

/** A row of so many columns for each row. */
const dense: Maker = (s) => {
  const x = take(s);
  if (x === undefined || x.isLoose) return;
  const { graph, choices } = s;
  const data = numbers(s, x.values);
  const width = x.shape === undefined ? graph.constant(LONG, [], [3]) : element(s, x.shape, 1);
  const columns = choices.pick([
    graph.constant(LONG, [], [8]),
    graph.constant(LONG, [], [2]),
    width,
    graph.constant(LONG, [], [-1]),
  ]);
  const first = choices.oneIn(3) ? graph.constant(LONG, [], [-1]) : choices.oneIn(6) ? width : x.count;
  const shape = graph.op('Pack', [first, columns], { N: 2, T: long });
  const empty = graph.constant('float', [], [-1]);
  if (x.places !== undefined && choices.oneIn(3)) {
    s.op(
      'SparseToDense',
      [x.places, shape, data, empty],
      [undefined, undefined],
      { T: float, Tindices: long },
      'float',
    );
    return;
  }
  const attrs = {
    T: float,
    Tindex: long,
    Tshape: long,
    num_row_partition_tensors: 2,
    row_partition_types: { strings: ['FIRST_DIM_SIZE', 'VALUE_ROWIDS'] },
  };
  s.op('RaggedTensorToTensor', [shape, data, empty, x.count, x.owners], [undefined, undefined], attrs, 'float');
};

const reshaped: Maker = (s) => {
  const x = take(s);
  if (x?.places === undefined || x.shape === undefined) return;
  const target = s.choices.pick([
    x.shape,
    s.graph.op('Pack', [x.count, s.graph.constant(LONG, [], [-1])], { N: 2, T: long }),
    s.graph.op('Pack', [element(s, x.shape, 1), x.count], { N: 2, T: long }),
    s.graph.longs(-1, 1),
  ]);
  const [places, shape] = s.graph.ops('SparseReshape', [x.places, x.shape, target], {}, [LONG, LONG]) as [Node, Node];
  keep(s, {
    values: x.values,
    owners: column(s, places, 0),
    count: s.choices.oneIn(4) ? element(s, shape, 0) : x.count,
    places,
    shape,
    isLoose: true,
  });
};

/** What must not be an answer: items, or their owners. */
const leaked: Maker = (s): Known | undefined => {
  const x = take(s);
  return x && s.choices.oneIn(3)
    ? s.add(cast(s, s.choices.pick([x.owners, numbers(s, x.values)]), 'float'), [undefined])
    : undefined;
};

export const RAGGED_MAKERS: readonly Maker[] = [
  words,
  words,
  letters,
  where,
  where,
  filled,
  some,
  changed,
  changed,
  distinct,
  throughSplits,
  throughSplits,
  summed,
  summed,
  summed,
  dense,
  dense,
  reshaped,
  leaked,
];
