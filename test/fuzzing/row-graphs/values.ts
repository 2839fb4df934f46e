/** Makers of tensors from values: element by element, sums, products, choices. */
import { T, type TypeName } from '../../support/graph-model.js';
import { broadcast, changed, type Known, type Maker, type State, without } from './state.js';

const NUMBERS = ['float', 'int32'] as const;

const unary: Maker = (s) => {
  const x = s.takeOf('float');
  return (
    x &&
    s.op(
      s.choices.pick(['Tanh', 'Neg', 'Relu', 'Abs', 'Sigmoid', 'Square', 'Floor', 'Identity', 'ZerosLike', 'OnesLike']),
      [x],
      x.dims,
      T(x),
    )
  );
};

/** Two tensors of one type that fit, one of them now and then a constant. */
function pair(s: State, dtype: TypeName): { a: Known; b: Known; dims: readonly (number | undefined)[] } | undefined {
  const a = s.takeOf(dtype);
  if (a === undefined) return undefined;
  const constant = () => {
    const shape = a.dims
      .map((dim) => (s.choices.oneIn(2) ? 1 : (dim ?? s.choices.pick([1, 1, 2, 5]))))
      .slice(s.choices.below(a.dims.length + 1));
    const count = shape.reduce((all, dim) => all * dim, 1);
    return {
      ...s.graph.constant(
        dtype,
        shape,
        Array.from({ length: count }, (_, i) => (dtype === 'bool' ? i % 2 === 0 : (i % 3) + 1)),
      ),
      dims: shape,
    };
  };
  const b = s.choices.oneIn(4)
    ? constant()
    : s.take((x) => x.dtype === dtype && broadcast(a.dims, x.dims) !== undefined);
  const dims = b && broadcast(a.dims, b.dims);
  if (b === undefined || dims === undefined) return undefined;
  return s.choices.oneIn(2) ? { a, b, dims } : { a: b, b: a, dims };
}

const binary: Maker = (s) => {
  const dtype = s.choices.pick(NUMBERS);
  const two = pair(s, dtype);
  return (
    two &&
    s.op(
      s.choices.pick(['AddV2', 'Sub', 'Mul', 'Maximum', 'Minimum', 'SquaredDifference']),
      [two.a, two.b],
      two.dims,
      T(two.a),
    )
  );
};

const compare: Maker = (s) => {
  const two = pair(s, s.choices.pick(NUMBERS));
  return (
    two &&
    s.op(
      s.choices.pick(['Greater', 'Less', 'Equal', 'NotEqual', 'GreaterEqual']),
      [two.a, two.b],
      two.dims,
      T(two.a),
      'bool',
    )
  );
};

const logical: Maker = (s) => {
  const two = pair(s, 'bool');
  return two && s.op(s.choices.pick(['LogicalAnd', 'LogicalOr']), [two.a, two.b], two.dims);
};

const select: Maker = (s) => {
  const two = pair(s, 'float');
  const condition = two && s.take((x) => x.dtype === 'bool' && broadcast(x.dims, two.dims) !== undefined);
  return (
    condition &&
    s.op('SelectV2', [condition, two.a, two.b], broadcast(condition.dims, two.dims) ?? [], T(two.a), 'float')
  );
};

const selectFirst: Maker = (s) => {
  const x = s.takeOf('float');
  const y = x && s.take((other) => other.dtype === 'float' && other.dims.length === x.dims.length);
  const condition = x && s.take((c) => c.dtype === 'bool' && (c.dims.length === x.dims.length || c.dims.length <= 1));
  return y && condition && s.op('Select', [condition, x, y], x.dims, T(x), 'float');
};

const cast: Maker = (s) => {
  const x = s.take(({ dtype }) => dtype === 'bool' || dtype === 'int32' || dtype === 'int64' || dtype === 'float');
  const to = s.choices.pick(['float', 'float', 'int32'] as const);
  return x && s.op('Cast', [x], x.dims, { SrcT: { type: x.dtype }, DstT: { type: to } }, to);
};

const reduce: Maker = (s) => {
  const x = s.takeOf(s.choices.pick(NUMBERS), 1);
  if (x === undefined) return undefined;
  const rank = x.dims.length;
  const axes = [...new Set(Array.from({ length: 1 + s.choices.below(2) }, () => s.axis(rank)))];
  const keep_dims = s.choices.oneIn(2);
  const dims = keep_dims
    ? x.dims.map((dim, i) => (axes.includes(i) ? 1 : dim))
    : x.dims.filter((_, i) => !axes.includes(i));
  const at = axes.map((axis) => s.written(axis, rank));
  const op = s.choices.pick(['Sum', 'Max', 'Min', 'Mean', 'Prod']);
  return s.op(op, [x, s.graph.ints(...at)], dims, { ...T(x), keep_dims, Tidx: { type: 'int32' } });
};

const reduceBools: Maker = (s) => {
  const x = s.takeOf('bool', 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  return s.op(
    s.choices.pick(['Any', 'All']),
    [x, s.graph.ints(s.written(axis, x.dims.length))],
    without(x.dims, axis),
    { Tidx: { type: 'int32' } },
  );
};

const argMax: Maker = (s) => {
  const x = s.takeOf('float', 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  const attrs = { ...T(x), Tidx: { type: 'int32' }, output_type: { type: 'int32' } };
  return s.op('ArgMax', [x, s.graph.int(s.written(axis, x.dims.length))], without(x.dims, axis), attrs, 'int32');
};

const softmax: Maker = (s) => {
  const x = s.takeOf('float', 1);
  return x && s.op(s.choices.pick(['Softmax', 'LogSoftmax']), [x], x.dims, T(x));
};

const cumulative: Maker = (s) => {
  const x = s.takeOf('float', 1);
  if (x === undefined) return undefined;
  const attrs = { ...T(x), Tidx: { type: 'int32' }, exclusive: s.choices.oneIn(2), reverse: s.choices.oneIn(2) };
  return s.op('Cumsum', [x, s.graph.int(s.written(s.axis(x.dims.length), x.dims.length))], x.dims, attrs);
};

const topK: Maker = (s) => {
  const x = s.takeOf('float', 1);
  const last = x?.dims.at(-1);
  if (x === undefined) return undefined;
  const k = last === undefined ? s.size() : { node: s.graph.int(1 + s.choices.below(last)), value: undefined };
  const [values, places] = s.graph.ops('TopKV2', [x, k.node], T(x), ['float', 'int32']);
  const dims = changed(x.dims, x.dims.length - 1, k.value);
  if (places) s.add(places, dims);
  return values && s.add(values, dims);
};

const matMul: Maker = (s) => {
  const [transpose_a, transpose_b] = [s.choices.oneIn(3), s.choices.oneIn(3)];
  const a = s.takeOf('float', 2, 2);
  if (a === undefined) return undefined;
  const [rows, inner] = transpose_a ? [a.dims[1], a.dims[0]] : [a.dims[0], a.dims[1]];
  const fits = (b: Known) => (transpose_b ? b.dims[1] : b.dims[0]) === inner;
  const found = s.choices.oneIn(2) ? s.take((b) => b.dtype === 'float' && b.dims.length === 2 && fits(b)) : undefined;
  const shape = transpose_b ? [2, inner ?? 5] : [inner ?? 5, 2];
  const b = found ?? { ...s.graph.weights(shape), dims: shape };
  return s.op('MatMul', [a, b], [rows, transpose_b ? b.dims[0] : b.dims[1]], { ...T(a), transpose_a, transpose_b });
};

const batchMatMul: Maker = (s) => {
  const [adj_x, adj_y] = [s.choices.oneIn(3), s.choices.oneIn(3)];
  const a = s.takeOf('float', 2);
  if (a === undefined) return undefined;
  const inner = a.dims.at(adj_x ? -2 : -1);
  const fits = (b: Known) =>
    b.dims.length >= 2 &&
    b.dims.at(adj_y ? -1 : -2) === inner &&
    broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2)) !== undefined;
  const b = s.take((other) => other.dtype === 'float' && fits(other));
  if (b === undefined) return undefined;
  const dims = [
    ...(broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2)) ?? []),
    a.dims.at(adj_x ? -1 : -2),
    b.dims.at(adj_y ? -2 : -1),
  ];
  return dims.length <= 4 && s.op('BatchMatMulV2', [a, b], dims, { ...T(a), adj_x, adj_y });
};

const EINSUMS = [
  'ab,bc->ac',
  'ab,cb->ac',
  'abc,cd->abd',
  'abc,abd->acd',
  'ab,ac->abc',
  'ab->ba',
  'abc->cab',
  'abc->ab',
  'ab,ab->a',
  'abc,adc->abd',
  'ab,ab->b',
];

const einsum: Maker = (s) => {
  const equation = s.choices.pick(EINSUMS);
  const [left = '', right = ''] = equation.split('->');
  const sizes = new Map<string, number | undefined>();
  const inputs: Known[] = [];
  for (const labels of left.split(',')) {
    const fits = (x: Known) =>
      x.dtype === 'float' &&
      x.dims.length === labels.length &&
      x.dims.every((dim, i) => !sizes.has(labels[i] as string) || sizes.get(labels[i] as string) === dim);
    const x = s.take(fits);
    if (x === undefined) return undefined;
    for (const [i, label] of [...labels].entries()) sizes.set(label, x.dims[i]);
    inputs.push(x);
  }
  return s.op(
    'Einsum',
    inputs,
    [...right].map((label) => sizes.get(label)),
    { equation, N: inputs.length, T: { type: 'float' } },
  );
};

const biasAdd: Maker = (s) => {
  const x = s.takeOf('float', 2);
  const last = x?.dims.at(-1);
  return x && s.op('BiasAdd', [x, s.graph.weights([last ?? 5])], x.dims, T(x));
};

const convolve: Maker = (s) => {
  const x = s.takeOf('float', 4, 4);
  const channels = x?.dims[3];
  if (x === undefined || channels === undefined) return undefined;
  const attrs = { ...T(x), strides: [1, 1, 1, 1], padding: 'SAME' };
  if (s.choices.oneIn(2))
    return s.op(s.choices.pick(['MaxPool', 'AvgPool']), [x], x.dims, { ...attrs, ksize: [1, 2, 2, 1] });
  return s.op('Conv2D', [x, s.graph.weights([2, 2, channels, 2])], changed(x.dims, 3, 2), attrs);
};

const batchNorm: Maker = (s) => {
  const x = s.takeOf('float', 4, 4);
  const channels = x?.dims[3];
  if (x === undefined || channels === undefined) return undefined;
  const is_training = s.choices.oneIn(3);
  const ones = s.graph.constant('float', [channels], Array(channels).fill(1));
  const moments = is_training ? s.graph.weights([0]) : ones;
  const [y] = s.graph.ops(
    'FusedBatchNormV3',
    [x, ones, ones, moments, moments],
    { ...T(x), U: { type: 'float' }, is_training },
    Array(6).fill('float'),
  );
  return y && s.add(y, x.dims);
};

export const VALUE_MAKERS: readonly Maker[] = [
  unary,
  unary,
  binary,
  binary,
  binary,
  compare,
  logical,
  select,
  selectFirst,
  cast,
  reduce,
  reduce,
  reduceBools,
  argMax,
  softmax,
  cumulative,
  topK,
  matMul,
  batchMatMul,
  einsum,
  biasAdd,
  convolve,
  batchNorm,
];
