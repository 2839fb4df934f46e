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

export const LIST_MAKERS: readonly Maker[] = [unique, bincount, loop, loop, branch, branch, listOf, listOf];
