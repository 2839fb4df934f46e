/** The messages of a SavedModel's graph, as far as tests write them. Files: tensorflow/core/framework/*.proto. */
import type { MessageType } from '../../src/formats/protobuf.js';
import { SignatureDef, TensorProto, TensorShapeProto } from '../../src/gen/messages.js';
import { DataType } from '../../src/tensor/dtype.js';

const NameAttrList: MessageType<{ readonly name: string }> = {
  name: 'tensorflow.NameAttrList',
  fields: [{ name: 'name', number: 1, type: 'string' }],
};

export interface AttrList {
  readonly s: readonly Uint8Array[];
  readonly i: readonly bigint[];
  readonly f: readonly number[];
  readonly b: readonly boolean[];
  readonly type: readonly number[];
  readonly shape: readonly TensorShapeProto[];
  readonly func: readonly { readonly name: string }[];
}

const AttrList: MessageType<AttrList> = {
  name: 'tensorflow.AttrValue.ListValue',
  fields: [
    { name: 's', number: 2, type: 'bytes', rule: 'repeated' },
    { name: 'i', number: 3, type: 'int64', rule: 'repeated' },
    { name: 'f', number: 4, type: 'float', rule: 'repeated' },
    { name: 'b', number: 5, type: 'bool', rule: 'repeated' },
    { name: 'type', number: 6, type: DataType, rule: 'repeated' },
    { name: 'shape', number: 7, type: () => TensorShapeProto, rule: 'repeated' },
    { name: 'func', number: 9, type: () => NameAttrList, rule: 'repeated' },
  ],
};

export interface AttrValue {
  readonly list: AttrList | undefined;
  readonly s: Uint8Array | undefined;
  readonly i: bigint | undefined;
  readonly f: number | undefined;
  readonly b: boolean | undefined;
  readonly type: number | undefined;
  readonly shape: TensorShapeProto | undefined;
  readonly tensor: TensorProto | undefined;
  readonly func: { readonly name: string } | undefined;
}

export const AttrValue: MessageType<AttrValue> = {
  name: 'tensorflow.AttrValue',
  fields: [
    { name: 'list', number: 1, type: () => AttrList, rule: 'optional', oneof: 'value' },
    { name: 's', number: 2, type: 'bytes', rule: 'optional', oneof: 'value' },
    { name: 'i', number: 3, type: 'int64', rule: 'optional', oneof: 'value' },
    { name: 'f', number: 4, type: 'float', rule: 'optional', oneof: 'value' },
    { name: 'b', number: 5, type: 'bool', rule: 'optional', oneof: 'value' },
    { name: 'type', number: 6, type: DataType, rule: 'optional', oneof: 'value' },
    { name: 'shape', number: 7, type: () => TensorShapeProto, rule: 'optional', oneof: 'value' },
    { name: 'tensor', number: 8, type: () => TensorProto, rule: 'optional', oneof: 'value' },
    { name: 'func', number: 10, type: () => NameAttrList, rule: 'optional', oneof: 'value' },
  ],
};

export interface NodeDef {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: ReadonlyMap<string, AttrValue>;
}

export const NodeDef: MessageType<NodeDef> = {
  name: 'tensorflow.NodeDef',
  fields: [
    { name: 'name', number: 1, type: 'string' },
    { name: 'op', number: 2, type: 'string' },
    { name: 'input', number: 3, type: 'string', rule: 'repeated' },
    { name: 'attr', number: 5, type: () => AttrValue, key: 'string' },
  ],
};

interface ArgDef {
  readonly name: string;
  readonly type: number;
}

const ArgDef: MessageType<ArgDef> = {
  name: 'tensorflow.OpDef.ArgDef',
  fields: [
    { name: 'name', number: 1, type: 'string' },
    { name: 'type', number: 3, type: DataType },
  ],
};

interface OpDef {
  readonly name: string;
  readonly input_arg: readonly ArgDef[];
  readonly output_arg: readonly ArgDef[];
}

const OpDef: MessageType<OpDef> = {
  name: 'tensorflow.OpDef',
  fields: [
    { name: 'name', number: 1, type: 'string' },
    { name: 'input_arg', number: 2, type: () => ArgDef, rule: 'repeated' },
    { name: 'output_arg', number: 3, type: () => ArgDef, rule: 'repeated' },
  ],
};

export interface FunctionDef {
  readonly signature: OpDef | undefined;
  readonly node_def: readonly NodeDef[];
  readonly ret: ReadonlyMap<string, string>;
}

export const FunctionDef: MessageType<FunctionDef> = {
  name: 'tensorflow.FunctionDef',
  fields: [
    { name: 'signature', number: 1, type: () => OpDef },
    { name: 'node_def', number: 3, type: () => NodeDef, rule: 'repeated' },
    { name: 'ret', number: 4, type: 'string', key: 'string' },
  ],
};

interface FunctionLibrary {
  readonly function: readonly FunctionDef[];
}

const FunctionLibrary: MessageType<FunctionLibrary> = {
  name: 'tensorflow.FunctionDefLibrary',
  fields: [{ name: 'function', number: 1, type: () => FunctionDef, rule: 'repeated' }],
};

const VersionDef: MessageType<{ readonly producer: number }> = {
  name: 'tensorflow.VersionDef',
  fields: [{ name: 'producer', number: 1, type: 'int32' }],
};

interface GraphDef {
  readonly node: readonly NodeDef[];
  readonly versions: { readonly producer: number } | undefined;
  readonly library: FunctionLibrary | undefined;
}

const GraphDef: MessageType<GraphDef> = {
  name: 'tensorflow.GraphDef',
  fields: [
    { name: 'node', number: 1, type: () => NodeDef, rule: 'repeated' },
    { name: 'versions', number: 4, type: () => VersionDef },
    { name: 'library', number: 2, type: () => FunctionLibrary },
  ],
};

const MetaInfoDef: MessageType<{ readonly tags: readonly string[] }> = {
  name: 'tensorflow.MetaGraphDef.MetaInfoDef',
  fields: [{ name: 'tags', number: 4, type: 'string', rule: 'repeated' }],
};

export interface MetaGraphDef {
  readonly meta_info_def: { readonly tags: readonly string[] } | undefined;
  readonly graph_def: GraphDef | undefined;
  readonly signature_def: ReadonlyMap<string, SignatureDef>;
}

export const MetaGraphDef: MessageType<MetaGraphDef> = {
  name: 'tensorflow.MetaGraphDef',
  fields: [
    { name: 'meta_info_def', number: 1, type: () => MetaInfoDef },
    { name: 'graph_def', number: 2, type: () => GraphDef },
    { name: 'signature_def', number: 5, type: () => SignatureDef, key: 'string' },
  ],
};

/** Its meta graphs as bytes: what the proof is given. */
export interface SavedModelBytes {
  readonly saved_model_schema_version: bigint;
  readonly meta_graphs: readonly Uint8Array[];
}

export const SavedModelBytes: MessageType<SavedModelBytes> = {
  name: 'tensorflow.SavedModel',
  fields: [
    { name: 'saved_model_schema_version', number: 1, type: 'int64' },
    { name: 'meta_graphs', number: 2, type: 'bytes', rule: 'repeated' },
  ],
};
