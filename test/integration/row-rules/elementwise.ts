/** Operations that work on each element by itself. */
import { type Node, T, type TypeName } from '../../support/graph-model.js';
import type { CaseGraph, InputValues } from '../../support/row-cases.js';
import type { Build, RuleTable, RuleTests } from './rule-tests.js';

const tableOf = (names: string, tests: (op: string) => RuleTests): RuleTable =>
  Object.fromEntries(names.split(' ').map((op) => [op, tests(op)]));

/** y = op(x). */
function unary(dtype: TypeName, values: InputValues = {}, output: TypeName = dtype): (op: string) => RuleTests {
  return (op) => ({
    right: [
      (g) => {
        const x = g.rows(dtype, [3], values);
        return g.op(op, [x], T(x), output);
      },
      // Rows in the second dimension.
      (g) => {
        const x = g.transposed(g.rows(dtype, [2], values), 1, 0);
        return g.transposed(g.op(op, [x], T(x), output), 1, 0);
      },
    ],
    wrong: [
      (g) => {
        const x = g.mixed(g.rows(dtype, [3], values));
        return g.op(op, [x], T(x), output);
      },
    ],
  });
}

const POSITIVE = { from: 0.1, to: 2 };
const SMALL = { from: -0.9, to: 0.9 };

type Ready = readonly [TypeName, InputValues?, TypeName?];

/** z = op(x, y), with broadcasting. */
function binary(...[dtype, values = {}, output = dtype]: Ready): (op: string) => RuleTests {
  const apply =
    (op: string, a: Node, b: Node, build: (z: Node) => Node = (z) => z): Build =>
    (g) =>
      build(g.op(op, [a, b], T(a), output));
  const build =
    (op: string, make: (g: Parameters<Build>[0]) => readonly [Node, Node]): Build =>
    (g) => {
      const [a, b] = make(g);
      return apply(op, a, b)(g);
    };
  return (op) => ({
    right: [
      build(op, (g) => [g.rows(dtype, [3], values), g.rows(dtype, [3], values)]),
      build(op, (g) => [g.rows(dtype, [2, 3], values), g.constant(dtype, [3], [1, 2, 3])]),
      build(op, (g) => [g.constant(dtype, [], [2]), g.rows(dtype, [], values)]),
      // A dimension of one row is spread over three.
      build(op, (g) => [g.rows(dtype, [1], values), g.rows(dtype, [3], values)]),
      build(op, (g) => [g.constant(dtype, [1, 3], [1, 2, 3]), g.rows(dtype, [2, 3], values)]),
      // Rows in the last dimension on both sides.
      (g) => {
        const [a, b] = [g.rows(dtype, [2], values), g.rows(dtype, [], values)];
        const z = g.op(op, [g.transposed(a, 1, 0), b], T(a), output);
        return g.transposed(z, 1, 0);
      },
    ],
    wrong: [
      build(op, (g) => {
        const x = g.rows(dtype, [3], values);
        return [x, g.mixed(x)];
      }),
      build(op, (g) => {
        const x = g.rows(dtype, [3], values);
        return [g.mixed(x), x];
      }),
      // Each row with each: rows in the first dimension beside rows in the last.
      build(op, (g) => [g.rows(dtype, [1], values), g.rows(dtype, [], values)]),
      build(op, (g) => [g.rows(dtype, [3, 1], values), g.rows(dtype, [3], values)]),
      // What fits alone, since one row is spread, and not together.
      build(op, (g) => [g.rows(dtype, [3], values), g.rows(dtype, [], values)]),
      // A table's rows, of which there happen to be as many as in the run.
      build(op, (g) => [g.rows(dtype, [], values), g.constant(dtype, [5], [1, 2, 3, 4, 5])]),
      build(op, (g) => [g.rows(dtype, [2], values), g.constant(dtype, [5, 1], [1, 2, 3, 4, 5])]),
    ],
  });
}

/** Of the logarithm of -1, 0 and 1. */
function notFinite(g: CaseGraph, op: string, x: Node): Node {
  const whole = g.op('Sub', [g.op('Floor', [x], T(x)), g.constant('float', [], [1])], T(x));
  return g.op(op, [g.op('Log', [whole], T(x))], T(x), 'bool');
}

const select = (op: string): RuleTests => ({
  right: [
    (g) => {
      const [x, y] = [g.rows('float', [3]), g.rows('float', [3])];
      return g.op(op, [g.rows('bool', [3]), x, y], T(x), 'float');
    },
  ],
  wrong: [
    (g) => {
      const [x, y] = [g.rows('float', [3]), g.rows('float', [3])];
      return g.op(op, [g.mixed(g.rows('bool', [3])), x, y], T(x), 'float');
    },
    (g) => {
      const [x, y] = [g.rows('float', [3]), g.rows('float', [3])];
      return g.op(op, [g.rows('bool', [3]), x, g.mixed(y)], T(x), 'float');
    },
    // One condition for all rows, which one of them gives.
    (g) => {
      const [x, y, c] = [g.rows('float', []), g.rows('float', []), g.rows('bool', [])];
      return g.op(op, [g.slice(c, [0], [1], { shrink_axis_mask: 1 }), x, y], T(x), 'float');
    },
  ],
});

export const ELEMENTWISE: RuleTable = {
  ...tableOf(
    'Abs Atan Ceil Cos Elu Erf Erfc Exp Expm1 Floor Identity LeakyRelu Neg Relu Relu6 Rint Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Square StopGradient Tan Tanh PreventGradient Cosh Asinh',
    unary('float'),
  ),
  ...tableOf('Digamma Lgamma Log Log1p Reciprocal Inv Rsqrt Sqrt', unary('float', POSITIVE)),
  ...tableOf('Acos Asin Atanh Erfinv', unary('float', SMALL)),
  ...tableOf('Acosh', unary('float', { from: 1, to: 3 })),
  ...tableOf('Ndtri', unary('float', { from: 0.1, to: 0.9 })),
  ...tableOf('IsFinite IsInf IsNan', (op) => ({
    right: [(g) => notFinite(g, op, g.rows('float', [3], { from: 0, to: 3 }))],
    wrong: [(g) => notFinite(g, op, g.mixed(g.rows('float', [3], { from: 0, to: 3 })))],
  })),
  ...tableOf('Invert', unary('int32')),
  ...tableOf('Add AddV2 Sub Mul Maximum Minimum SquaredDifference', binary('float')),
  ...tableOf(
    'Div RealDiv FloorDiv FloorMod Mod TruncateMod DivNoNan Pow Xdivy Xlogy Xlog1py',
    binary('float', POSITIVE),
  ),
  ...tableOf('TruncateDiv', binary('int32', { from: 1, to: 9 })),
  ...tableOf('MulNoNan Atan2', binary('float')),
  ...tableOf('BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift', binary('int32')),
  ...tableOf('Equal NotEqual Greater GreaterEqual Less LessEqual', binary('float', {}, 'bool')),
  Select: {
    right: [
      ...select('Select').right,
      // A condition for each row.
      (g) => {
        const [x, y] = [g.rows('float', [3]), g.rows('float', [3])];
        return g.op('Select', [g.rows('bool', []), x, y], T(x), 'float');
      },
    ],
    wrong: select('Select').wrong,
  },
  SelectV2: {
    right: [
      ...select('SelectV2').right,
      (g) => {
        const x = g.rows('float', [2, 3]);
        return g.op('SelectV2', [g.rows('bool', [1, 1]), x, g.constant('float', [], [0])], T(x), 'float');
      },
    ],
    wrong: [
      ...select('SelectV2').wrong,
      (g) => {
        const x = g.rows('float', [1]);
        return g.op('SelectV2', [g.rows('bool', []), x, g.constant('float', [], [0])], T(x), 'float');
      },
    ],
  },
  ...tableOf('LogicalAnd LogicalOr', (op) => ({
    right: [
      (g) => g.op(op, [g.rows('bool', [3]), g.rows('bool', [3])], {}, 'bool'),
      (g) => g.op(op, [g.rows('bool', [2, 1]), g.constant('bool', [3], [true, false, true])], {}, 'bool'),
    ],
    wrong: [
      (g) => g.op(op, [g.rows('bool', [3]), g.mixed(g.rows('bool', [3]))], {}, 'bool'),
      (g) => g.op(op, [g.rows('bool', [1]), g.rows('bool', [])], {}, 'bool'),
    ],
  })),
  LogicalNot: {
    right: [(g) => g.op('LogicalNot', [g.rows('bool', [3])])],
    wrong: [(g) => g.op('LogicalNot', [g.mixed(g.rows('bool', [3]))])],
  },
  Cast: {
    right: [(g) => g.op('Cast', [g.rows('float', [3])], { SrcT: { type: 'float' }, DstT: { type: 'int32' } }, 'int32')],
    wrong: [
      (g) =>
        g.op('Cast', [g.mixed(g.rows('float', [3]))], { SrcT: { type: 'float' }, DstT: { type: 'int32' } }, 'int32'),
      // Tells rows how many they are.
      (g) => {
        const x = g.rows('float', []);
        const count = g.op('Cast', [g.count(x)], { SrcT: { type: 'int32' }, DstT: { type: 'float' } }, 'float');
        return g.op('Mul', [x, count], T(x));
      },
    ],
  },
  ...tableOf('ZerosLike OnesLike', (op) => ({
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.op(op, [x], T(x));
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        const zeros = g.op(op, [g.transposed(x, 1, 0)], T(x));
        return g.op('AddV2', [x, g.op('Sum', [zeros, g.int(0)], { ...T(x), keep_dims: false })], T(x));
      },
    ],
  })),
  AddN: {
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.op('AddN', [x, g.rows('float', [3]), x], { N: 3, ...T(x) });
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.op('AddN', [x, g.mixed(x)], { N: 2, ...T(x) });
      },
    ],
  },
  IdentityN: {
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.ops('IdentityN', [x, g.rows('int32', [])], { T: { types: ['float', 'int32'] } }, ['float', 'int32']);
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.ops('IdentityN', [x, g.mixed(x)], { T: { types: ['float', 'float'] } }, ['float', 'float']);
      },
    ],
  },
  ClipByValue: {
    right: [
      (g) => {
        const x = g.rows('float', [3]);
        return g.op('ClipByValue', [x, g.constant('float', [], [-1]), g.constant('float', [], [1])], T(x));
      },
    ],
    wrong: [
      (g) => {
        const x = g.rows('float', []);
        const first = g.slice(x, [0], [1], { shrink_axis_mask: 1 });
        return g.op('ClipByValue', [x, first, g.constant('float', [], [5])], T(x));
      },
    ],
  },
  Bucketize: {
    right: [
      (g) =>
        g.op(
          'Bucketize',
          [g.rows('float', [3])],
          { ...T(g.rows('float', [])), boundaries: { floats: [-1, 0, 1] } },
          'int32',
        ),
    ],
    wrong: [
      (g) => {
        const x = g.mixed(g.rows('float', [3]));
        return g.op('Bucketize', [x], { ...T(x), boundaries: { floats: [-1, 0, 1] } }, 'int32');
      },
    ],
  },
  BiasAdd: {
    right: [
      (g) => {
        const x = g.rows('float', [2, 3]);
        return g.op('BiasAdd', [x, g.weights([3])], T(x));
      },
      (g) => {
        const x = g.rows('float', [3, 2, 2]);
        return g.op('BiasAdd', [x, g.weights([3])], { ...T(x), data_format: 'NCHW' });
      },
    ],
    wrong: [
      // A bias for each row, which rows of another number have not.
      (g) => {
        const x = g.rows('float', [1]);
        return g.op('BiasAdd', [x, g.slice(g.rows('float', []), [0], [1])], T(x));
      },
      (g) => {
        const x = g.mixed(g.rows('float', [3]));
        return g.op('BiasAdd', [x, g.weights([3])], T(x));
      },
    ],
  },
};
