/** Makers of tensors that are moved, cut, repeated and put together, and of shapes. */
import { type Node, T } from '../../support/graph-model.js';
import { changed, type Dim, type Known, type Maker, product, type State, same, without } from './state.js';

const INDEX = { Index: { type: 'int32' } } as const;

const transpose: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 2);
  if (x === undefined) return undefined;
  const left = x.dims.map((_, i) => i);
  // Rows mostly stay, or come to the front.
  const order = s.choices.oneIn(2) ? [0] : [];
  for (const axis of order) left.splice(axis, 1);
  while (left.length > 0) order.push(...left.splice(s.choices.below(left.length), 1));
  return s.op(
    'Transpose',
    [x, s.graph.ints(...order)],
    order.map((axis) => x.dims[axis]),
    { ...T(x), Tperm: { type: 'int32' } },
  );
};

/** A shape of as many elements as `x`, as a node, and what is known of it. */
function newShape(s: State, x: Known): { node: Node; dims: readonly Dim[] } {
  const { choices, graph } = s;
  const sizeOf = (axis: number) => graph.slice(graph.shape(x), [axis], [axis + 1], { shrink_axis_mask: 1 });
  const inner = product(x.dims.slice(1));
  const kind = choices.below(7);
  const rank = x.dims.length;
  if (kind === 0) return { node: graph.ints(-1), dims: [undefined] };
  if (kind === 1 && inner !== undefined) return { node: graph.ints(-1, inner), dims: [x.dims[0], inner] };
  if (kind === 2) return { node: s.vector([sizeOf(0), graph.int(-1)]), dims: [x.dims[0], inner] };
  if (kind === 3 && rank >= 2) {
    // Two neighbours become one.
    const axis = choices.below(rank - 1);
    const dims = [...x.dims.slice(0, axis), product(x.dims.slice(axis, axis + 2)), ...x.dims.slice(axis + 2)];
    return {
      node: s.vector(
        dims.map((dim, i) =>
          i === axis ? graph.int(-1) : dim === undefined ? sizeOf(i < axis ? i : i + 1) : graph.int(dim),
        ),
      ),
      dims,
    };
  }
  if (kind === 4) {
    // One is taken apart.
    const axis = choices.below(rank);
    const dim = x.dims[axis];
    const parts = dim === undefined ? [undefined, choices.pick([1, 2, 3])] : dim % 2 === 0 ? [2, dim / 2] : [1, dim];
    const dims = [...x.dims.slice(0, axis), ...parts, ...x.dims.slice(axis + 1)];
    const nodes = dims.map((one, i) =>
      i === axis && dim === undefined
        ? graph.int(-1)
        : one === undefined
          ? sizeOf(i <= axis ? i : i - 1)
          : graph.int(one),
    );
    return { node: s.vector(nodes), dims };
  }
  if (kind === 5) {
    const other = s.take(({ dims }) => dims.length >= 1 && dims.length <= 4);
    if (other !== undefined) return { node: graph.shape(other), dims: other.dims };
  }
  const { node, value } = s.size();
  return choices.oneIn(2)
    ? { node: s.vector([node, graph.int(-1)]), dims: [value, undefined] }
    : { node: s.vector([graph.int(-1), node]), dims: [undefined, value] };
}

const reshape: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  if (x === undefined) return undefined;
  const { node, dims } = newShape(s, x);
  return dims.length <= 4 && s.op('Reshape', [x, node], dims, T(x));
};

const expandDims: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length <= 3);
  if (x === undefined) return undefined;
  const rank = x.dims.length + 1;
  const axis = s.axis(rank);
  return s.op(
    'ExpandDims',
    [x, s.graph.int(s.written(axis, rank))],
    [...x.dims.slice(0, axis), 1, ...x.dims.slice(axis)],
    T(x),
  );
};

const squeeze: Maker = (s) => {
  const x = s.take(({ dims }) => dims.includes(1) || dims.includes(undefined));
  if (x === undefined) return undefined;
  const axes = x.dims.flatMap((dim, i) => (dim === 1 || (dim === undefined && s.choices.oneIn(6)) ? [i] : []));
  if (axes.length === 0) return undefined;
  // Without axes what is 1 in that run is removed: the rank of the answer is not known.
  if (s.choices.oneIn(6) && !x.dims.includes(undefined))
    return s.op(
      'Squeeze',
      [x],
      x.dims.filter((dim) => dim !== 1),
      T(x),
    );
  const squeeze_dims = axes.map((axis) => s.written(axis, x.dims.length));
  return s.op(
    'Squeeze',
    [x],
    x.dims.filter((_, i) => !axes.includes(i)),
    { ...T(x), squeeze_dims },
  );
};

const concat: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  const y = s.take((other) => other.dtype === x.dtype && same(changed(other.dims, axis, 0), changed(x.dims, axis, 0)));
  const dim =
    product([x.dims[axis]]) === undefined || y?.dims[axis] === undefined
      ? undefined
      : (x.dims[axis] as number) + (y.dims[axis] as number);
  return (
    y &&
    s.op('ConcatV2', [x, y, s.graph.int(s.written(axis, x.dims.length))], changed(x.dims, axis, dim), { N: 2, ...T(x) })
  );
};

const pack: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length <= 3);
  const y = x && s.take((other) => other.dtype === x.dtype && same(other.dims, x.dims));
  if (x === undefined || y === undefined) return undefined;
  const rank = x.dims.length + 1;
  const axis = s.axis(rank);
  return s.op('Pack', [x, y], [...x.dims.slice(0, axis), 2, ...x.dims.slice(axis)], {
    N: 2,
    axis: s.written(axis, rank),
    ...T(x),
  });
};

const unpack: Maker = (s) => {
  const x = s.take(({ dims }) => dims.some((dim) => dim !== undefined && dim > 0 && dim <= 4));
  const axis = x?.dims.findIndex((dim) => dim !== undefined && dim > 0 && dim <= 4) ?? 0;
  const num = x?.dims[axis];
  if (x === undefined || num === undefined) return undefined;
  const parts = s.graph.ops(
    'Unpack',
    [x],
    { num, axis: s.written(axis, x.dims.length), ...T(x) },
    Array(num).fill(x.dtype),
  );
  return s.add(s.choices.pick(parts), without(x.dims, axis));
};

const split: Maker = (s) => {
  const x = s.take(({ dims }) => dims.some((dim) => dim === undefined || dim % 2 === 0));
  const axis = x?.dims.findLastIndex((dim) => dim !== undefined && dim % 2 === 0) ?? -1;
  if (x === undefined || axis < 0) return undefined;
  const parts = s.graph.ops('Split', [s.graph.int(s.written(axis, x.dims.length)), x], { num_split: 2, ...T(x) }, [
    x.dtype,
    x.dtype,
  ]);
  return s.add(s.choices.pick(parts), changed(x.dims, axis, (x.dims[axis] as number) / 2));
};

const stridedSlice: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  if (x === undefined) return undefined;
  const { choices, graph } = s;
  const [from, to, step, dims]: [number[], number[], number[], Dim[]] = [[], [], [], []];
  let [begin_mask, end_mask, shrink_axis_mask] = [0, 0, 0];
  const axes = 1 + choices.below(x.dims.length);
  for (const [i, dim] of x.dims.entries()) {
    const kind = i >= axes ? 0 : i === 0 && !choices.oneIn(4) ? 0 : choices.below(4);
    if (i < axes) {
      from.push(kind === 0 ? 0 : choices.pick([0, 1, -1]));
      to.push(kind === 0 ? 0 : choices.pick([1, 2, -1]));
      step.push(kind === 3 ? choices.pick([-1, 2]) : 1);
      if (kind === 0 || kind === 3) [begin_mask, end_mask] = [begin_mask | (1 << i), end_mask | (1 << i)];
      if (kind === 2) shrink_axis_mask |= 1 << i;
    }
    if (kind !== 2) dims.push(kind === 0 || (kind === 3 && step[i] === -1) ? dim : undefined);
  }
  const attrs = { ...T(x), ...INDEX, begin_mask, end_mask, shrink_axis_mask };
  return s.op('StridedSlice', [x, graph.ints(...from), graph.ints(...to), graph.ints(...step)], dims, attrs);
};

const slice: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  const from = x.dims.map((_, i) => (i === axis ? s.choices.below(2) : 0));
  const length = s.size();
  const sizes = x.dims.map((_, i) => (i === axis ? length.node : s.graph.int(-1)));
  return s.op('Slice', [x, s.graph.ints(...from), s.vector(sizes)], changed(x.dims, axis, length.value), {
    ...T(x),
    ...INDEX,
  });
};

const tile: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  const times = s.size();
  const dim =
    x.dims[axis] === undefined || times.value === undefined ? undefined : (x.dims[axis] as number) * times.value;
  const multiples = x.dims.map((_, i) => (i === axis ? times.node : s.graph.int(1)));
  return s.op('Tile', [x, s.vector(multiples)], changed(x.dims, axis, dim), { ...T(x), Tmultiples: { type: 'int32' } });
};

const pad: Maker = (s) => {
  const x = s.takeOf(s.choices.pick(['float', 'int32'] as const), 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  const [before, after] = [s.choices.below(2), 1 + s.choices.below(2)];
  const values = x.dims.flatMap((_, i) => (i === axis ? [before, after] : [0, 0]));
  const dim = x.dims[axis] === undefined ? undefined : (x.dims[axis] as number) + before + after;
  return s.op('Pad', [x, s.graph.constant('int32', [x.dims.length, 2], values)], changed(x.dims, axis, dim), {
    ...T(x),
    Tpaddings: { type: 'int32' },
  });
};

const broadcastTo: Maker = (s) => {
  const x = s.takeOf('float');
  if (x === undefined) return undefined;
  const like = s.take(({ dims }) => dims.length >= x.dims.length && dims.length >= 1);
  return like && s.op('BroadcastTo', [x, s.graph.shape(like)], like.dims, { ...T(x), Tidx: { type: 'int32' } });
};

const fill: Maker = (s) => {
  const sizes = [s.size(), s.size()].slice(0, 1 + s.choices.below(2));
  return s.op(
    'Fill',
    [s.vector(sizes.map(({ node }) => node)), s.graph.constant('float', [], [2])],
    sizes.map(({ value }) => value),
    { T: { type: 'float' }, index_type: { type: 'int32' } },
    'float',
  );
};

const range: Maker = (s) => {
  const { node, value } = s.size();
  return s.op('Range', [s.graph.int(0), node, s.graph.int(1)], [value], { Tidx: { type: 'int32' } });
};

const reverse: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  if (x === undefined) return undefined;
  const axis = s.axis(x.dims.length);
  return s.op('ReverseV2', [x, s.graph.ints(s.written(axis, x.dims.length))], x.dims, {
    ...T(x),
    Tidx: { type: 'int32' },
  });
};

const gather: Maker = (s) => {
  const indices = s.takeOf('int32', 0, 2);
  const params = s.choices.oneIn(3) ? { ...s.graph.weights([3, 2]), dims: [3, 2] } : s.takeOf('float', 1);
  if (indices === undefined || params === undefined) return undefined;
  const axis = s.axis(params.dims.length);
  const batch_dims = s.choices.oneIn(3) ? Math.min(axis, indices.dims.length) : 0;
  const dims = [...params.dims.slice(0, axis), ...indices.dims.slice(batch_dims), ...params.dims.slice(axis + 1)];
  const attrs = { batch_dims, Tparams: { type: params.dtype }, Tindices: { type: 'int32' }, Taxis: { type: 'int32' } };
  return (
    dims.length <= 4 &&
    s.op('GatherV2', [params, indices, s.graph.int(s.written(axis, params.dims.length))], dims, attrs)
  );
};

const oneHot: Maker = (s) => {
  const x = s.takeOf('int32', 0, 3);
  if (x === undefined) return undefined;
  const axis = s.choices.pick([-1, ...x.dims.map((_, i) => i)]);
  const depth = s.size();
  const at = axis === -1 ? x.dims.length : axis;
  const inputs = [x, depth.node, s.graph.constant('float', [], [1]), s.graph.constant('float', [], [0])];
  return s.op(
    'OneHot',
    inputs,
    [...x.dims.slice(0, at), depth.value, ...x.dims.slice(at)],
    { axis, T: { type: 'float' }, TI: { type: 'int32' } },
    'float',
  );
};

const size: Maker = (s) => {
  const x = s.take(() => true);
  return x && s.op(s.choices.pick(['Size', 'Rank']), [x], [], { ...T(x) }, 'int32');
};

const shape: Maker = (s) => {
  const x = s.take(({ dims }) => dims.length >= 1);
  return x && s.op('Shape', [x], [x.dims.length], T(x), 'int32');
};

const spaceToBatch: Maker = (s) => {
  const x = s.takeOf('float', 3, 4);
  const length = x?.dims[1];
  if (x === undefined || length === undefined || length % 2 !== 0) return undefined;
  const pads = s.graph.constant('int32', [1, 2], [0, 0]);
  const apart = s.op(
    'SpaceToBatchND',
    [x, s.graph.ints(2), pads],
    changed(changed(x.dims, 0, undefined), 1, length / 2),
    { ...T(x), Tblock_shape: { type: 'int32' }, Tpaddings: { type: 'int32' } },
  );
  const between = s.choices.oneIn(2) ? s.op('Tanh', [apart], apart.dims, T(apart)) : apart;
  return s.op('BatchToSpaceND', [between, s.graph.ints(2), pads], x.dims, {
    ...T(x),
    Tblock_shape: { type: 'int32' },
    Tcrops: { type: 'int32' },
  });
};

export const SHAPE_MAKERS: readonly Maker[] = [
  transpose,
  transpose,
  reshape,
  reshape,
  reshape,
  expandDims,
  squeeze,
  concat,
  pack,
  unpack,
  split,
  stridedSlice,
  stridedSlice,
  slice,
  tile,
  pad,
  broadcastTo,
  fill,
  range,
  reverse,
  gather,
  gather,
  oneHot,
  size,
  shape,
  spaceToBatch,
];
