/** Models, as text, whose runs leave something behind: input `x`, output `y`, both floats of any number. */
import { constant, node, operation, type TextModel } from './text-models.js';

const X = { name: 'x', dtype: 'DT_FLOAT' };
const Y = { name: 'y', dtype: 'DT_FLOAT' };
const FLOAT = { dtype: 'type: DT_FLOAT' };
const SCALAR = { ...FLOAT, shape: 'shape {}' };

function model(nodes: readonly string[], more: Partial<TextModel> = {}): TextModel {
  return { inputs: [X], outputs: [Y], nodes: nodes.join('\n'), ...more };
}

/** Writes `path` in each run, by a control edge alone. */
export function writesFile(path: string): TextModel {
  return model([
    constant('name', 'DT_STRING', `string_val: "${path}"`),
    constant('contents', 'DT_STRING', 'string_val: "written"'),
    operation('write', 'WriteFile', ['name', 'contents']),
    operation('y', 'Identity', ['x', '^write'], { T: 'type: DT_FLOAT' }),
  ]);
}

const COUNT = [
  operation('count', 'VarHandleOp', [], { ...SCALAR, shared_name: 's: "count"' }),
  constant('zero', 'DT_FLOAT', 'float_val: 0'),
  operation('start', 'AssignVariableOp', ['count', 'zero'], FLOAT),
  operation('init', 'NoOp', ['^start']),
];

/** y = x + 0. */
export function readsVariable(): TextModel {
  const read = operation('read', 'ReadVariableOp', ['count'], FLOAT);
  return model([...COUNT, read, node('y', 'AddV2', 'DT_FLOAT', ['x', 'read'])], { initialiser: 'init' });
}

/** y = x + the number of runs so far. */
export function counts(): TextModel {
  const nodes = [
    constant('one', 'DT_FLOAT', 'float_val: 1'),
    operation('add', 'AssignAddVariableOp', ['count', 'one'], FLOAT),
    operation('read', 'ReadVariableOp', ['count', '^add'], FLOAT),
    node('y', 'AddV2', 'DT_FLOAT', ['x', 'read']),
  ];
  return model([...COUNT, ...nodes], { initialiser: 'init' });
}

/** The same, within a function whose output does not need the operation that counts. */
export function countsInFunction(): TextModel {
  const one = 'attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape {} float_val: 1 } } }';
  const library = `function {
    signature { name: "counting" is_stateful: true control_output: "add"
      input_arg { name: "resource" type: DT_RESOURCE } input_arg { name: "given" type: DT_FLOAT }
      output_arg { name: "sum" type: DT_FLOAT } }
    node_def { name: "one" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } ${one} }
    node_def { name: "add" op: "AssignAddVariableOp" input: "resource" input: "one:output:0"
      attr { key: "dtype" value { type: DT_FLOAT } } }
    node_def { name: "read" op: "ReadVariableOp" input: "resource" input: "^add" attr { key: "dtype" value { type: DT_FLOAT } } }
    node_def { name: "both" op: "AddV2" input: "given" input: "read:value:0" attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "sum" value: "both:z:0" } control_ret { key: "add" value: "add" } }`;
  const call = operation('y', 'StatefulPartitionedCall', ['count', 'x'], {
    Tin: 'list { type: DT_RESOURCE type: DT_FLOAT }',
    Tout: 'list { type: DT_FLOAT }',
    f: 'func { name: "counting" }',
  });
  return model([...COUNT, call], { initialiser: 'init', library });
}

/** Puts x into a queue; y has the queue's length. */
export function fillsQueue(): TextModel {
  return model([
    operation('queue', 'FIFOQueueV2', [], {
      component_types: 'list { type: DT_FLOAT }',
      capacity: 'i: 1000',
      shared_name: 's: "queue"',
    }),
    operation('put', 'QueueEnqueueV2', ['queue', 'x'], { Tcomponents: 'list { type: DT_FLOAT }' }),
    operation('size', 'QueueSizeV2', ['queue', '^put']),
    operation('length', 'Cast', ['size'], { SrcT: 'type: DT_INT32', DstT: 'type: DT_FLOAT' }),
    constant('zero', 'DT_FLOAT', 'float_val: 0'),
    node('none', 'Mul', 'DT_FLOAT', ['x', 'zero']),
    node('y', 'AddV2', 'DT_FLOAT', ['none', 'length']),
  ]);
}

/** Puts x into a table; y has the table's size. */
export function fillsTable(): TextModel {
  const types = { key_dtype: 'type: DT_FLOAT', value_dtype: 'type: DT_FLOAT', shared_name: 's: "table"' };
  const kept = { Tin: 'type: DT_FLOAT', Tout: 'type: DT_FLOAT' };
  return model([
    operation('keys', 'Cast', ['x'], { SrcT: 'type: DT_FLOAT', DstT: 'type: DT_INT64' }),
    operation('table', 'MutableHashTableV2', [], { ...types, key_dtype: 'type: DT_INT64' }),
    operation('put', 'LookupTableInsertV2', ['table', 'keys', 'x'], { ...kept, Tin: 'type: DT_INT64' }),
    operation('size', 'LookupTableSizeV2', ['table', '^put']),
    operation('length', 'Cast', ['size'], { SrcT: 'type: DT_INT64', DstT: 'type: DT_FLOAT' }),
    constant('zero', 'DT_FLOAT', 'float_val: 0'),
    node('none', 'Mul', 'DT_FLOAT', ['x', 'zero']),
    node('y', 'AddV2', 'DT_FLOAT', ['none', 'length']),
  ]);
}

/** y = x + random numbers. */
export function draws(seed: number): TextModel {
  return model([
    operation('shape', 'Shape', ['x'], { T: 'type: DT_FLOAT', out_type: 'type: DT_INT32' }),
    operation('random', 'RandomUniform', ['shape'], {
      ...FLOAT,
      T: 'type: DT_INT32',
      seed: `i: ${seed}`,
      seed2: `i: ${seed}`,
    }),
    node('y', 'AddV2', 'DT_FLOAT', ['x', 'random']),
  ]);
}
