/** Calls, branches and loops; the lists and variables that they use. */
import { type Node, type NodeList, T, type TypeName } from '../../support/graph-model.js';
import type { CaseGraph } from '../../support/row-cases.js';
import type { Build, RuleTable, RuleTests } from './rule-tests.js';

const float: { readonly type: TypeName } = { type: 'float' };
const scalar = (body: NodeList, value: number) => body.constant('float', [], [value]);
const reverse = (body: NodeList, x: Node) =>
  body.op('ReverseV2', [x, body.constant('int32', [1], [0])], { ...T(x), Tidx: { type: 'int32' } });
const sumAll = (body: NodeList, x: Node) =>
  body.op('Sum', [x, body.constant('int32', [1], [0])], { ...T(x), Tidx: { type: 'int32' }, keep_dims: false });

const tableOf = (names: string, tests: (op: string) => RuleTests): RuleTable =>
  Object.fromEntries(names.split(' ').map((op) => [op, tests(op)]));

function call(g: CaseGraph, op: string, inputs: readonly Node[], f: { func: string }): Node {
  return g.op(op, inputs, { Tin: { types: inputs.map(({ dtype }) => dtype) }, Tout: { types: ['float'] }, f }, 'float');
}

function branch(
  g: CaseGraph,
  op: string,
  condition: Node,
  inputs: readonly Node[],
  then_branch: { func: string },
  else_branch: { func: string },
): Node {
  const attrs = {
    Tcond: { type: condition.dtype },
    Tin: { types: inputs.map(({ dtype }) => dtype) },
    Tout: { types: ['float'] as const },
    then_branch,
    else_branch,
  };
  return g.op(op, [condition, ...inputs], attrs, 'float');
}

const twice = (g: CaseGraph) =>
  g.graph.function(['float'], (body, [x]) => [body.op('AddV2', [x as Node, x as Node], { T: float })]);
const same = (g: CaseGraph) =>
  g.graph.function(['float'], (body, [x]) => [body.op('Identity', [x as Node], { T: float })]);
const reversed = (g: CaseGraph) => g.graph.function(['float'], (body, [x]) => [reverse(body, x as Node)]);

function loop(
  g: CaseGraph,
  op: string,
  inputs: readonly Node[],
  test: (body: NodeList, args: readonly Node[]) => Node,
  step: (body: NodeList, args: readonly Node[]) => readonly Node[],
): readonly Node[] {
  const dtypes = inputs.map(({ dtype }) => dtype);
  const cond = g.graph.function(dtypes, (body, args) => [test(body, args)]);
  const body = g.graph.function(dtypes, step);
  return g.ops(op, inputs, { T: { types: dtypes }, cond, body }, dtypes);
}

const below =
  (limit: number) =>
  (body: NodeList, [i]: readonly Node[]) =>
    body.op('Less', [i as Node, body.constant('int32', [], [limit])], { T: { type: 'int32' } }, 'bool');
const next = (body: NodeList, i: Node | undefined) =>
  body.op('AddV2', [i as Node, body.constant('int32', [], [1])], { T: { type: 'int32' } });

const conditional = (op: string): RuleTests => ({
  right: [
    // The same way for all rows of all requests.
    (g) => branch(g, op, g.constant('bool', [], [true]), [g.rows('float', [3])], twice(g), same(g)),
  ],
  wrong: [
    (g) => branch(g, op, g.constant('bool', [], [true]), [g.rows('float', [3])], reversed(g), same(g)),
    (g) => branch(g, op, g.constant('bool', [], [false]), [g.rows('float', [3])], same(g), reversed(g)),
    // The way is chosen by one of the rows, or all.
    (g) => {
      const x = g.rows('float', []);
      const condition = g.op('Any', [g.op('Greater', [x, g.constant('float', [], [1])], T(x), 'bool'), g.ints(0)], {
        Tidx: { type: 'int32' },
      });
      return branch(g, op, condition, [x], twice(g), same(g));
    },
    (g) => {
      const x = g.rows('float', []);
      const many = g.op('Greater', [g.count(x), g.int(1)], { T: { type: 'int32' } }, 'bool');
      return branch(g, op, many, [x], twice(g), same(g));
    },
  ],
});

const whiles = (op: string): RuleTests => ({
  right: [
    (g) =>
      loop(g, op, [g.int(0), g.rows('float', [3])], below(3), (body, [i, x]) => [
        next(body, i),
        body.op('Mul', [x as Node, scalar(body, 2)], { T: float }),
      ])[1] as Node,
    // So often as a sequence is long.
    (g) => {
      const x = g.rows('float', [4]);
      const length = g.slice(g.shape(x), [1], [2], { shrink_axis_mask: 1 });
      return loop(
        g,
        op,
        [g.int(0), length, x],
        (body, [i, n]) => body.op('Less', [i as Node, n as Node], { T: { type: 'int32' } }, 'bool'),
        (body, [i, n, y]) => [
          next(body, i),
          body.op('Identity', [n as Node], { T: { type: 'int32' } }),
          body.op('Tanh', [y as Node], { T: float }),
        ],
      )[2] as Node;
    },
  ],
  wrong: [
    (g) =>
      loop(g, op, [g.int(0), g.rows('float', [3])], below(3), (body, [i, x]) => [
        next(body, i),
        reverse(body, x as Node),
      ])[1] as Node,
    // So often as there are rows.
    (g) => {
      const x = g.rows('float', [3]);
      return loop(
        g,
        op,
        [g.int(0), g.count(x), x],
        (body, [i, n]) => body.op('Less', [i as Node, n as Node], { T: { type: 'int32' } }, 'bool'),
        (body, [i, n, y]) => [
          next(body, i),
          body.op('Identity', [n as Node], { T: { type: 'int32' } }),
          body.op('Mul', [y as Node, scalar(body, 2)], { T: float }),
        ],
      )[2] as Node;
    },
    // Until a sum over all rows is large enough.
    (g) => {
      const x = g.rows('float', [], { from: 1, to: 4 });
      return loop(
        g,
        op,
        [x],
        (body, [y]) => body.op('Less', [sumAll(body, y as Node), scalar(body, 20)], { T: float }, 'bool'),
        (body, [y]) => [body.op('Mul', [y as Node, scalar(body, 2)], { T: float })],
      )[0] as Node;
    },
    // Rows change places with a part that was right before: seen in the second turn only.
    (g) => {
      const x = g.rows('float', [3]);
      return loop(g, op, [g.int(0), x, x], below(2), (body, [i, , b]) => [
        next(body, i),
        body.op('Identity', [b as Node], { T: float }),
        reverse(body, b as Node),
      ])[1] as Node;
    },
    // Rows are in the second dimension after an odd number of turns.
    (g) =>
      loop(g, op, [g.int(0), g.rows('float', [3])], below(3), (body, [i, x]) => [
        next(body, i),
        body.op('Transpose', [x as Node, body.constant('int32', [2], [1, 0])], { T: float, Tperm: { type: 'int32' } }),
      ])[1] as Node,
  ],
});

const shapeOfRow = (g: CaseGraph, x: Node) => g.op('Pack', [g.count(x), g.int(3)], { N: 2, T: { type: 'int32' } });
const listAttrs = { element_dtype: float, shape_type: { type: 'int32' } } as const;

/** Time-major sequences of rows. */
const steps = (g: CaseGraph) => g.transposed(g.rows('float', [4, 3]), 1, 0, 2);
const fromTensor = (g: CaseGraph, x: Node) => g.op('TensorListFromTensor', [x, g.ints(-1, 3)], listAttrs, 'variant');
const stack = (g: CaseGraph, list: Node) =>
  g.op('TensorListStack', [list, g.ints(-1, 3)], { element_dtype: float, num_elements: -1 }, 'float');
const getItem = (g: CaseGraph, list: Node, index: Node) =>
  g.op('TensorListGetItem', [list, index, g.ints(-1, 3)], { element_dtype: float }, 'float');
const setItem = (g: CaseGraph, list: Node, index: number, item: Node) =>
  g.op('TensorListSetItem', [list, g.int(index), item], { element_dtype: float }, 'variant');

function variable(g: CaseGraph, shape: readonly number[]): Node {
  const handle = g.op(
    'VarHandleOp',
    [],
    { dtype: float, shape: { shape }, shared_name: `variable_${g.graph.nodes.length}` },
    'resource',
  );
  g.graph.initialize('AssignVariableOp', [handle, g.weights(shape)], { dtype: float });
  return handle;
}
const read = (g: CaseGraph, handle: Node) => g.op('ReadVariableOp', [handle], { dtype: float }, 'float');

const item = { element_dtype: float } as const;
const at = (body: NodeList, list: Node, place: Node) =>
  body.op('TensorListGetItem', [list, place, body.constant('int32', [1], [3])], item, 'float');
const put = (body: NodeList, list: Node, place: Node, x: Node) =>
  body.op('TensorListSetItem', [list, place, x], item, 'variant');
const reserve = (g: NodeList, count: Node) =>
  g.op('TensorListReserve', [g.constant('int32', [1], [3]), count], listAttrs, 'variant');
const int32 = { T: { type: 'int32' } } as const;

type RowStep = (
  body: NodeList,
  args: { i: Node; n: Node; rows: Node; a: Node; b: Node; last: Node },
  g: CaseGraph,
) => {
  a?: Node;
  b?: Node;
  last?: Node;
  i?: Node;
};

/**
 * What map_fn makes: a loop over the rows, which reads each from a list, and puts what becomes of it into others, `a` and
 * `b`. `last` goes from pass to pass. The result is `a`, or what `last` is in the end for all rows.
 */
function overRows(
  step: RowStep,
  { from = 0, less = 0, fetch = 'a' }: { from?: number; less?: number; fetch?: 'a' | 'b' | 'last' } = {},
): Build {
  return (g) => {
    const x = g.rows('float', [3]);
    const n = g.count(x);
    const rows = g.op('TensorListFromTensor', [x, g.ints(3)], listAttrs, 'variant');
    const limit = less === 0 ? n : g.op('Sub', [n, g.int(less)], int32);
    const inputs = [g.int(from), limit, n, rows, reserve(g.graph, n), reserve(g.graph, n), g.weights([3])];
    const outputs = loop(
      g,
      'StatelessWhile',
      inputs,
      (body, [i, end]) => body.op('Less', [i as Node, end as Node], int32, 'bool'),
      (body, [i, end, count, list, a, b, last]) => {
        const args = {
          i: i as Node,
          n: count as Node,
          rows: list as Node,
          a: a as Node,
          b: b as Node,
          last: last as Node,
        };
        const same = (node: Node) => body.op('Identity', [node], { T: { type: node.dtype } });
        const next = step(body, args, g);
        const i1 = next.i ?? body.op('AddV2', [args.i, body.constant('int32', [], [1])], int32);
        return [
          i1,
          same(end as Node),
          same(args.n),
          same(args.rows),
          next.a ?? same(args.a),
          next.b ?? same(args.b),
          next.last ?? same(args.last),
        ];
      },
    );
    if (fetch === 'last') return g.op('AddV2', [x, outputs[6] as Node], T(x));
    const attrs = { element_dtype: float, num_elements: -1 } as const;
    return g.op('TensorListStack', [outputs[fetch === 'a' ? 4 : 5] as Node, g.ints(3)], attrs, 'float');
  };
}

const tanh = (body: NodeList, x: Node) => body.op('Tanh', [x], { T: float });
const total = (body: NodeList, x: Node) =>
  body.op('Sum', [x, body.constant('int32', [1], [0])], { T: float, Tidx: { type: 'int32' }, keep_dims: true });
const plus = (body: NodeList, x: Node, y: Node) => body.op('AddV2', [x, y], { T: float });
const minusOne = (body: NodeList, x: Node) => body.op('Sub', [x, body.constant('int32', [], [1])], int32);
const zero = (body: NodeList) => body.constant('int32', [], [0]);

/** Loops over rows that keep them apart, and those that do not. */
const OVER_ROWS: { readonly right: readonly Build[]; readonly wrong: readonly Build[] } = {
  right: [
    overRows((body, { i, rows, a }) => ({ a: put(body, a, i, tanh(body, at(body, rows, i))) })),
    overRows(
      (body, { i, rows, a, b }) => {
        const x = at(body, rows, i);
        return { a: put(body, a, i, x), b: put(body, b, i, plus(body, x, total(body, x))) };
      },
      { fetch: 'b' },
    ),
  ],
  wrong: [
    // The row before, the first, the last.
    overRows((body, { i, rows, a }) => ({
      a: put(body, a, i, at(body, rows, body.op('Maximum', [minusOne(body, i), zero(body)], int32))),
    })),
    overRows((body, { i, rows, a }) => ({ a: put(body, a, i, at(body, rows, zero(body))) })),
    overRows((body, { i, n, rows, a }) => ({ a: put(body, a, i, at(body, rows, minusOne(body, n))) })),
    // Put where another one belongs.
    overRows((body, { i, n, rows, a }) => ({
      a: put(body, a, body.op('Sub', [minusOne(body, n), i], int32), at(body, rows, i)),
    })),
    overRows((body, { rows, a, i }) => ({ a: put(body, a, zero(body), at(body, rows, i)) })),
    // A sum so far, put with each, or the last row for all.
    overRows((body, { i, rows, a, last }) => {
      const sum = plus(body, last, at(body, rows, i));
      return { a: put(body, a, i, sum), last: sum };
    }),
    overRows((body, { i, rows }) => ({ last: at(body, rows, i) }), { fetch: 'last' }),
    // Not all rows.
    overRows((body, { i, rows, a }) => ({ a: put(body, a, i, at(body, rows, i)) }), { less: 1 }),
    overRows((body, { i, rows, a }) => ({ a: put(body, a, i, at(body, rows, i)) }), { from: 1 }),
    overRows((body, { i, rows, a }) => ({
      a: put(body, a, i, at(body, rows, i)),
      i: body.op('AddV2', [i, body.constant('int32', [], [2])], int32),
    })),
    // The number of the row.
    overRows((body, { i, rows, a }) => {
      const number = body.op('Cast', [i], { SrcT: { type: 'int32' }, DstT: float }, 'float');
      return { a: put(body, a, i, plus(body, at(body, rows, i), number)) };
    }),
    // Two lists that change places with each pass.
    overRows((body, { i, rows, a, b }) => {
      const x = at(body, rows, i);
      return { a: put(body, b, i, x), b: put(body, a, i, tanh(body, x)) };
    }),
    // A new list with each pass, which has the last row alone; and one that stays empty, with one more.
    overRows((body, { i, n, rows }) => ({ a: put(body, reserve(body, n), i, at(body, rows, i)) })),
    overRows((body, { i, rows, b }) => ({ a: put(body, b, i, at(body, rows, i)) })),
    // A loop over the rows in the loop over the rows, which puts each where the outer one is.
    overRows((body, { i, n, rows, a }, g) => {
      const types = ['int32', 'int32', 'int32', 'variant', 'variant'] as const;
      const cond = g.graph.function(types, (inner, [j, count]) => [
        inner.op('Less', [j as Node, count as Node], int32, 'bool'),
      ]);
      const each = g.graph.function(types, (inner, [j, count, place, list, to]) => [
        inner.op('AddV2', [j as Node, inner.constant('int32', [], [1])], int32),
        inner.op('Identity', [count as Node], int32),
        inner.op('Identity', [place as Node], int32),
        inner.op('Identity', [list as Node], { T: { type: 'variant' } }),
        put(inner, to as Node, place as Node, at(inner, list as Node, j as Node)),
      ]);
      const inputs = [zero(body), n, i, rows, reserve(body, n)];
      const outputs = body.add('StatelessWhile', inputs, { T: { types }, cond, body: each }, types);
      return { a: put(body, a, i, at(body, outputs[4] as Node, i)) };
    }),
    // Read back from what has been put so far.
    overRows((body, { i, rows, a }) => {
      const filled = put(body, a, i, at(body, rows, i));
      return { a: put(body, filled, i, at(body, filled, zero(body))) };
    }),
  ],
};

export const FUNCTIONS: RuleTable = {
  ...tableOf('PartitionedCall StatefulPartitionedCall', (op) => ({
    right: [
      (g) => call(g, op, [g.rows('float', [3])], twice(g)),
      (g) => call(g, op, [call(g, op, [g.rows('float', [3])], twice(g))], same(g)),
    ],
    wrong: [
      (g) => call(g, op, [g.rows('float', [3])], reversed(g)),
      (g) => call(g, op, [g.mixed(g.rows('float', [3]))], twice(g)),
    ],
  })),
  ...tableOf('If StatelessIf', conditional),
  ...tableOf('Case StatelessCase', (op) => ({
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        const branches = [twice(g), same(g)];
        return g.op(
          op,
          [g.int(1), x],
          {
            Tin: { types: ['float'] },
            Tout: { types: ['float'] },
            branches: { funcs: branches.map(({ func }) => func) },
          },
          'float',
        );
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        const branches = [twice(g), same(g)];
        const index = g.op('Sub', [g.count(x), g.int(1)], { T: { type: 'int32' } });
        return g.op(
          op,
          [index, x],
          {
            Tin: { types: ['float'] },
            Tout: { types: ['float'] },
            branches: { funcs: branches.map(({ func }) => func) },
          },
          'float',
        );
      },
    ],
  })),
  While: whiles('While'),
  StatelessWhile: {
    right: [...whiles('StatelessWhile').right, ...OVER_ROWS.right],
    wrong: [...whiles('StatelessWhile').wrong, ...OVER_ROWS.wrong],
  },

  TensorListFromTensor: {
    right: [(g) => getItem(g, fromTensor(g, steps(g)), g.int(2))],
    wrong: [
      // The list's elements are rows.
      (g) =>
        g.op(
          'TensorListGetItem',
          [
            g.op('TensorListFromTensor', [g.rows('float', [1, 3]), g.ints(1, 3)], listAttrs, 'variant'),
            g.int(0),
            g.ints(1, 3),
          ],
          { element_dtype: float },
          'float',
        ),
    ],
  },
  TensorListStack: {
    right: [(g) => g.transposed(stack(g, fromTensor(g, steps(g))), 1, 0, 2)],
    wrong: [(g) => stack(g, fromTensor(g, steps(g)))],
  },
  TensorListGetItem: {
    right: [(g) => getItem(g, fromTensor(g, steps(g)), g.int(0))],
    wrong: [
      (g) => {
        const x = steps(g);
        const last = g.op(
          'Sub',
          [g.op('Minimum', [g.count(g.transposed(x, 1, 0, 2)), g.int(4)], { T: { type: 'int32' } }), g.int(1)],
          { T: { type: 'int32' } },
        );
        return getItem(g, fromTensor(g, x), last);
      },
      (g) => g.mixed(getItem(g, fromTensor(g, steps(g)), g.int(0))),
    ],
  },
  TensorListReserve: {
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        const list = g.op('TensorListReserve', [shapeOfRow(g, x), g.int(2)], listAttrs, 'variant');
        return g.transposed(stack(g, setItem(g, setItem(g, list, 0, x), 1, g.op('Tanh', [x], T(x)))), 1, 0, 2);
      },
    ],
    wrong: [
      // As many elements as rows.
      (g) => {
        const x = g.rows('float', [3]);
        const list = g.op('TensorListReserve', [shapeOfRow(g, x), g.count(x)], listAttrs, 'variant');
        return g.transposed(stack(g, setItem(g, list, 0, x)), 1, 0, 2);
      },
    ],
  },
  TensorListSetItem: {
    right: [(g) => g.transposed(stack(g, setItem(g, fromTensor(g, steps(g)), 1, g.rows('float', [3]))), 1, 0, 2)],
    wrong: [
      (g) => g.transposed(stack(g, setItem(g, fromTensor(g, steps(g)), 1, g.mixed(g.rows('float', [3])))), 1, 0, 2),
    ],
  },
  VarHandleOp: {
    right: [(g) => g.op('AddV2', [g.rows('float', [3]), read(g, variable(g, [3]))], { T: float })],
    wrong: [(g) => g.op('AddV2', [g.rows('float', [3]), read(g, variable(g, [5, 3]))], { T: float })],
  },
  ReadVariableOp: {
    right: [(g) => g.op('MatMul', [g.rows('float', [3]), read(g, variable(g, [3, 2]))], { T: float })],
    wrong: [(g) => g.op('Mul', [g.rows('float', [1]), read(g, variable(g, [5, 1]))], { T: float })],
  },
  ResourceGather: {
    right: [
      (g) =>
        g.op(
          'ResourceGather',
          [variable(g, [3, 2]), g.rows('int32', [4])],
          { dtype: float, Tindices: { type: 'int32' } },
          'float',
        ),
      (g) =>
        g.op(
          'ResourceGather',
          [variable(g, [3]), g.rows('int32', [])],
          { dtype: float, Tindices: { type: 'int32' } },
          'float',
        ),
    ],
    wrong: [
      (g) => {
        const x = g.rows('int32', []);
        const places = g.op('Range', [g.int(0), g.count(x), g.int(1)], { Tidx: { type: 'int32' } });
        return g.op(
          'ResourceGather',
          [variable(g, [5]), places],
          { dtype: float, Tindices: { type: 'int32' } },
          'float',
        );
      },
    ],
  },
};
