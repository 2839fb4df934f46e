/** Makers of branches and loops, of lists, and of what compares rows. */
import { type Node, type NodeList, T } from '../../support/graph-model.js';
import { type Dim, type Known, type Maker, type State, same } from './state.js';

const unique: Maker = (s) => {
  const x = s.takeOf('int32', 1, 1);
  if (x === undefined) return undefined;
  const [values, places] = s.graph.ops('Unique', [x], { ...T(x), out_idx: { type: 'int32' } }, ['int32', 'int32']) as [
    Node,
    Node,
  ];
  if (s.choices.oneIn(3)) return s.add(s.choices.pick([values, places]), [undefined]);
  const attrs = { Tparams: { type: 'float' }, Tindices: { type: 'int32' }, Taxis: { type: 'int32' } } as const;
  const found = s.graph.op('GatherV2', [s.graph.weights([3, 2]), values, s.graph.int(0)], attrs);
  return s.op('GatherV2', [found, places, s.graph.int(0)], [undefined, 2], attrs);
};

const bincount: Maker = (s) => {
  const x = s.takeOf('int32', 1, 2);
  const attrs = { Tidx: { type: 'int32' }, T: { type: 'float' }, binary_output: s.choices.oneIn(2) } as const;
  return (
    x &&
    s.op(
      'DenseBincount',
      [x, s.graph.int(3), s.graph.constant('float', [0], [])],
      [...x.dims.slice(0, -1), 3],
      attrs,
      'float',
    )
  );
};

/** One step of a loop, or a branch, that keeps the shape. */
function step(body: NodeList, kind: number, x: Node, y: Node, rank: number): Node {
  const last = body.constant('int32', [1], [kind === 2 ? 0 : rank - 1]);
  if (kind <= 1) return body.op(kind === 0 ? 'Tanh' : 'Neg', [x], T(x));
  if (kind <= 3) return body.op('ReverseV2', [x, last], { ...T(x), Tidx: { type: 'int32' } });
  if (kind === 4) return body.op('Identity', [y], T(y));
  if (kind === 5) return body.op('Maximum', [x, y], T(x));
  return body.op('Sub', [x, body.op('Sum', [x, last], { ...T(x), Tidx: { type: 'int32' }, keep_dims: true })], T(x));
}

const KINDS = [0, 0, 1, 1, 2, 3, 4, 4, 5, 6] as const;

/** Two of the same shape. */
function twoAlike(s: State): [Known, Known] | undefined {
  const x = s.takeOf('float', 1);
  const y = x && s.take((other) => other.dtype === 'float' && same(other.dims, x.dims));
  return x && y && [x, y];
}

const loop: Maker = (s) => {
  const two = twoAlike(s);
  if (two === undefined) return undefined;
  const [x, y] = two;
  const [a, b] = [s.choices.pick(KINDS), s.choices.pick(KINDS)];
  const turns = s.choices.oneIn(3) ? s.size().node : s.graph.int(1 + s.choices.below(4));
  const types = ['int32', 'int32', 'float', 'float'] as const;
  const int = { T: { type: 'int32' } } as const;
  const cond = s.graph.graph.function(types, (body, [i, n]) => [body.op('Less', [i as Node, n as Node], int, 'bool')]);
  const body = s.graph.graph.function(types, (list, [i, n, u, v]) => [
    list.op('AddV2', [i as Node, list.constant('int32', [], [1])], int),
    list.op('Identity', [n as Node], int),
    step(list, a, u as Node, v as Node, x.dims.length),
    step(list, b, v as Node, u as Node, x.dims.length),
  ]);
  const outputs = s.graph.ops('StatelessWhile', [s.graph.int(0), turns, x, y], { T: { types }, cond, body }, types);
  return s.add(s.choices.pick(outputs.slice(2)), x.dims);
};

const branch: Maker = (s) => {
  const two = twoAlike(s);
  const condition =
    s.take(({ dtype, dims }) => dtype === 'bool' && dims.length === 0) ?? s.graph.constant('bool', [], [true]);
  if (two === undefined) return undefined;
  const [x, y] = two;
  const make = () => {
    const kind = s.choices.pick(KINDS);
    return s.graph.graph.function(['float', 'float'], (body, [u, v]) => [
      step(body, kind, u as Node, v as Node, x.dims.length),
    ]);
  };
  const attrs = {
    Tcond: { type: 'bool' },
    Tin: { types: ['float', 'float'] },
    Tout: { types: ['float'] },
    then_branch: make(),
    else_branch: make(),
  } as const;
  return s.op('StatelessIf', [condition, x, y], x.dims, attrs, 'float');
};

const listOf: Maker = (s) => {
  const x = s.takeOf('float', 2, 3);
  if (x === undefined) return undefined;
  const { graph, choices } = s;
  const shape = graph.ints(...x.dims.slice(1).map((dim) => dim ?? -1));
  const attrs = { element_dtype: { type: 'float' }, shape_type: { type: 'int32' } } as const;
  let list = graph.op('TensorListFromTensor', [x, shape], attrs, 'variant');
  if (choices.oneIn(2)) {
    const inner: readonly Dim[] = x.dims.slice(1);
    const item = s.take((y) => y.dtype === 'float' && same(y.dims, inner));
    if (item !== undefined)
      list = graph.op(
        'TensorListSetItem',
        [list, graph.int(choices.below(2)), item],
        { element_dtype: { type: 'float' } },
        'variant',
      );
  }
  if (choices.oneIn(2))
    return s.op('TensorListStack', [list, shape], x.dims, { element_dtype: { type: 'float' } }, 'float');
  const index = choices.oneIn(3) ? s.size().node : graph.int(choices.below(2));
  return s.op(
    'TensorListGetItem',
    [list, index, shape],
    x.dims.slice(1),
    { element_dtype: { type: 'float' } },
    'float',
  );
};

/** A loop over the elements of lists, rows or not, as map_fn makes it, or nearly so. */
const overElements: Maker = (s) => {
  const x = s.takeOf('float', 2, 3);
  const inner = x?.dims.slice(1) ?? [];
  if (x === undefined || inner.includes(undefined)) return undefined;
  const { graph, choices } = s;
  const shape = inner.map((dim) => dim as number);
  const int = { T: { type: 'int32' } } as const;
  const [element, attrs] = [
    { element_dtype: { type: 'float' } } as const,
    { element_dtype: { type: 'float' }, shape_type: { type: 'int32' } } as const,
  ];
  const count = graph.slice(graph.shape(x), [0], [1], { shrink_axis_mask: 1 });
  const reserve = (to: NodeList, n: Node) =>
    to.op('TensorListReserve', [to.constant('int32', [shape.length], shape), n], attrs, 'variant');
  const from = graph.op('TensorListFromTensor', [x, graph.ints(...shape)], attrs, 'variant');
  const plan = {
    read: choices.below(7),
    put: choices.below(7),
    to: choices.below(7),
    carry: choices.below(5),
    kind: choices.pick(KINDS),
    all: choices.below(7),
  };
  const types = ['int32', 'int32', 'variant', 'variant', 'variant', 'float'] as const;
  const cond = graph.graph.function(types, (body, [i, n]) => [body.op('Less', [i as Node, n as Node], int, 'bool')]);
  const body = graph.graph.function(types, (list, [i, n, rows, a, b, last]) => {
    const one = list.constant('int32', [], [1]);
    const other = list.op('Sub', [list.op('Sub', [n as Node, one], int), i as Node], int);
    const zero = list.constant('int32', [], [0]);
    const place = (choice: number) => (choice === 6 ? other : choice === 5 ? zero : (i as Node));
    const read = list.op(
      'TensorListGetItem',
      [rows as Node, place(plan.read), list.constant('int32', [shape.length], shape)],
      element,
      'float',
    );
    const made = step(list, plan.kind, read, last as Node, shape.length);
    const target = plan.to === 6 ? reserve(list, n as Node) : plan.to === 5 ? (b as Node) : (a as Node);
    const filled = list.op('TensorListSetItem', [target, place(plan.put), made], element, 'variant');
    const same = (node: Node | undefined) => list.op('Identity', [node as Node], { T: { type: (node as Node).dtype } });
    const beside = plan.to === 5 && plan.carry === 1 ? same(a) : same(b);
    return [
      list.op('AddV2', [i as Node, one], int),
      same(n),
      same(rows),
      filled,
      beside,
      plan.carry === 0 ? made : same(last),
    ];
  });
  const start = graph.int(plan.all === 6 ? 1 : 0);
  const limit = plan.all === 5 ? graph.int(1) : count;
  const last = graph.weights(shape);
  const inputs = [start, limit, from, reserve(graph.graph, count), reserve(graph.graph, count), last];
  const outputs = graph.ops('StatelessWhile', inputs, { T: { types }, cond, body }, types);
  if (choices.oneIn(6)) return s.add(outputs[5] as Node, shape);
  return s.op('TensorListStack', [outputs[3] as Node, graph.ints(...shape)], x.dims, element, 'float');
};

export const LIST_MAKERS: readonly Maker[] = [
  unique,
  bincount,
  loop,
  loop,
  branch,
  branch,
  listOf,
  listOf,
  overElements,
  overElements,
  overElements,
];
