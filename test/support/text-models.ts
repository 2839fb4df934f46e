/** SavedModels written by hand as text (saved_model.pbtxt): for what the committed models do not have. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A tensor of a signature: its alias is also the name of the node behind it. */
export interface TextTensor {
  readonly name: string;
  /** E.g. `DT_FLOAT`; the shape is [-1], or [] for a scalar. */
  readonly dtype: string;
  readonly isScalar?: boolean;
  /** The rest of a TensorProto, e.g. `float_val: 2`. */
  readonly default?: string;
}

export interface TextModel {
  /** Each becomes a Placeholder. */
  readonly inputs: readonly TextTensor[];
  readonly outputs: readonly TextTensor[];
  /** NodeDefs, `node { … }`, that compute the outputs. */
  readonly nodes: string;
  /** FunctionDefs, `function { … }`. */
  readonly library?: string;
  /** The node that the load runs, as TensorFlow 2 has its initialiser. */
  readonly initialiser?: string;
  /** One or more; default `serve`. */
  readonly tags?: readonly string[];
  /** The graph tensor that the signature's inputs feed; default: the placeholder of the alias. */
  readonly inputTensor?: string;
}

/** Writes version 1 below `basePath`. Resolves with the version's folder. */
export async function writeTextModel(basePath: string, ...models: readonly TextModel[]): Promise<string> {
  const folder = join(basePath, '1');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'saved_model.pbtxt'), textModel(...models));
  return folder;
}

/** The SavedModel's text, with a meta graph for each of `models`. */
export function textModel(...models: readonly TextModel[]): string {
  return `# made by hand\nsaved_model_schema_version: 1\n${models.map(metaGraph).join('')}`;
}

function metaGraph(model: TextModel): string {
  const { inputs, outputs, nodes, library = '', initialiser, tags = ['serve'], inputTensor } = model;
  return `meta_graphs {
  meta_info_def { ${tags.map((tag) => `tags: "${tag}"`).join(' ')} tensorflow_version: "2.21.0" }
  graph_def {
    versions { producer: 1882 }
    ${inputs.map(placeholder).join('\n')}
    ${nodes}
    library { ${library} }
  }
  ${initialiser === undefined ? '' : initialiserSignature(initialiser)}
  signature_def {
    key: "serving_default"
    value {
      ${inputs.map((tensor) => `inputs { key: "${tensor.name}" value ${tensorInfo(tensor, inputTensor)} }`).join('\n')}
      ${outputs.map((tensor) => `outputs { key: "${tensor.name}" value ${tensorInfo(tensor)} }`).join('\n')}
      ${inputs.map(defaultOf).join('\n')}
      method_name: "tensorflow/serving/predict"
    }
  }
}
`;
}

function initialiserSignature(node: string): string {
  const outputs = `outputs { key: "__saved_model_init_op" value { name: "${node}" dtype: DT_INVALID } }`;
  return `signature_def { key: "__saved_model_init_op" value { ${outputs} } }`;
}

/** An operation with these attributes, e.g. `operation('q', 'FIFOQueueV2', [], { capacity: 'i: 2' })`. */
export function operation(
  name: string,
  op: string,
  inputs: readonly string[],
  attributes: Readonly<Record<string, string>> = {},
): string {
  const attrs = Object.entries(attributes).map(([key, value]) => `attr { key: "${key}" value { ${value} } }`);
  return `node { name: "${name}" op: "${op}" ${inputs.map((input) => `input: "${input}"`).join(' ')} ${attrs.join(' ')} }`;
}

/** A scalar, e.g. `constant('one', 'DT_FLOAT', 'float_val: 1')`. */
export function constant(name: string, dtype: string, value: string): string {
  const tensor = `tensor { dtype: ${dtype} tensor_shape {} ${value} }`;
  return operation(name, 'Const', [], { dtype: `type: ${dtype}`, value: tensor });
}

/** An operation of one element type, e.g. `node('y', 'Mul', 'DT_FLOAT', ['x', 'scale'])`. */
export function node(name: string, op: string, dtype: string, inputs: readonly string[]): string {
  const attr = dtype === '' ? '' : `attr { key: "T" value { type: ${dtype} } }`;
  return `node { name: "${name}" op: "${op}" ${inputs.map((input) => `input: "${input}"`).join(' ')} ${attr} }`;
}

function shape({ isScalar = false }: TextTensor): string {
  return isScalar ? '{}' : '{ dim { size: -1 } }';
}

function placeholder(tensor: TextTensor): string {
  return `node { name: "${tensor.name}" op: "Placeholder"
      attr { key: "dtype" value { type: ${tensor.dtype} } } attr { key: "shape" value { shape ${shape(tensor)} } } }`;
}

function tensorInfo(tensor: TextTensor, graphTensor = `${tensor.name}:0`): string {
  return `{ name: "${graphTensor}" dtype: ${tensor.dtype} tensor_shape ${shape(tensor)} }`;
}

function defaultOf(tensor: TextTensor): string {
  if (tensor.default === undefined) return '';
  return `defaults { key: "${tensor.name}" value { dtype: ${tensor.dtype} tensor_shape {} ${tensor.default} } }`;
}
