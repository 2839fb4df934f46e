/** A signature's inputs and outputs as the tensors that runs feed and fetch (tensorflow/core/protobuf/meta_graph.proto). */
import {
  type TensorInfo_CompositeTensor,
  type TensorInfo as TensorInfoMessage,
  type TensorShapeProto,
  TypeSpecProto_TypeSpecClass as TypeSpecClass,
} from '../gen/messages.js';
import { DataType } from '../tensor/dtype.js';
import { MAX_RANK, type Shape } from '../tensor/shape.js';
import type { Composite, TensorInfo } from './signature-info.js';

/**
 * In the order of the aliases' bytes. In the place of what is no tensor itself (sparse, ragged …) stand its components,
 * `alias/values` and so on, each a tensor like any other.
 */
export function tensorInfos(messages: ReadonlyMap<string, TensorInfoMessage>): TensorInfo[] {
  const taken = new Set(messages.keys());
  return [...messages]
    .sort(([a], [b]) => compareBytes(a, b))
    .flatMap(([alias, message]) => {
      if (partsOf(message).length === 0) return [tensorInfo(alias, message)];
      const composite = { alias, kind: kindOf(message) };
      return componentsOf(alias, message).map((part) => ({ ...part, alias: freeName(part.alias, taken), composite }));
    });
}

/** By bytes, as protobuf's own maps are printed in order. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function tensorInfo(alias: string, { name, dtype, tensor_shape }: TensorInfoMessage): TensorInfo {
  return { alias, tensorName: name ?? '', dtype: dtype as DataType, shape: shapeOf(tensor_shape) };
}

function shapeOf(shape: TensorShapeProto | undefined): Shape | undefined {
  if (shape === undefined || shape.unknown_rank) return undefined;
  return shape.dim.map(({ size }) => Number(size));
}

/** A component named as another input or output of the signature gives way to it. */
function freeName(name: string, taken: Set<string>): string {
  let free = name;
  while (taken.has(free)) free += '_';
  taken.add(free);
  return free;
}

/** A component may be made of components itself. */
function componentsOf(alias: string, message: TensorInfoMessage): TensorInfo[] {
  const parts = partsOf(message);
  if (parts.length === 0) return [tensorInfo(alias, message)];
  return parts.flatMap(([name, part]) => componentsOf(`${alias}/${name}`, part));
}

/** Names and messages of the components; none for a tensor. */
function partsOf(message: TensorInfoMessage): readonly (readonly [string, TensorInfoMessage])[] {
  const { composite_tensor: composite } = message;
  if (message.coo_sparse !== undefined) return sparseParts(message);
  if (composite === undefined) return [];
  const names = specOf(message)?.names?.(composite) ?? [];
  const isNamed = names.length === composite.components.length;
  return composite.components.map((component, i) => [isNamed ? (names[i] as string) : String(i), component]);
}

/** A sparse tensor declares the dtype of its values, and the shape of the dense tensor that it stands for. */
function sparseParts({ coo_sparse, dtype, tensor_shape }: TensorInfoMessage) {
  const rank = shapeOf(tensor_shape)?.length ?? -1;
  const tensor = (name = '', type: number, ...shape: number[]): TensorInfoMessage => ({
    name,
    dtype: type,
    tensor_shape: { dim: shape.map((size) => ({ size: BigInt(size), name: '' })), unknown_rank: false },
    coo_sparse: undefined,
    composite_tensor: undefined,
  });
  return [
    ['values', tensor(coo_sparse?.values_tensor_name, dtype, -1)],
    ['indices', tensor(coo_sparse?.indices_tensor_name, DataType.INT64, -1, rank)],
    ['shape', tensor(coo_sparse?.dense_shape_tensor_name, DataType.INT64, rank)],
  ] as const;
}

interface Spec {
  /** For people. */
  readonly kind: string;
  /** The components' names, in TensorFlow's order; their numbers where there are none, or not as many as components. */
  readonly names?: (composite: TensorInfo_CompositeTensor) => readonly string[];
}

const SPECS: ReadonlyMap<number, Spec> = new Map<number, Spec>([
  [TypeSpecClass.SPARSE_TENSOR_SPEC, { kind: 'sparse tensor', names: () => ['indices', 'values', 'shape'] }],
  [TypeSpecClass.RAGGED_TENSOR_SPEC, { kind: 'ragged tensor', names: raggedNames }],
  [
    TypeSpecClass.INDEXED_SLICES_SPEC,
    {
      kind: 'set of indexed slices',
      names: ({ components }) => ['values', 'indices', 'shape'].slice(0, components.length),
    },
  ],
  [TypeSpecClass.TENSOR_ARRAY_SPEC, { kind: 'TensorArray' }],
  [TypeSpecClass.DATA_DATASET_SPEC, { kind: 'dataset' }],
  [TypeSpecClass.DATA_ITERATOR_SPEC, { kind: 'iterator' }],
  [TypeSpecClass.OPTIONAL_SPEC, { kind: 'optional' }],
  [TypeSpecClass.ROW_PARTITION_SPEC, { kind: 'row partition' }],
]);

/** The state of a ragged tensor's type: shape, dtype, number of ragged dimensions, dtype of the row splits. */
function raggedNames({ type_spec }: TensorInfo_CompositeTensor): readonly string[] {
  const raggedRank = Number(type_spec?.type_state?.tuple_value?.values[2]?.int64_value ?? 0);
  return ['flat_values', ...Array.from({ length: Math.min(raggedRank, MAX_RANK) }, (_, i) => `row_splits_${i}`)];
}

function specOf({ composite_tensor }: TensorInfoMessage): Spec | undefined {
  return SPECS.get(composite_tensor?.type_spec?.type_spec_class ?? TypeSpecClass.UNKNOWN);
}

function kindOf(message: TensorInfoMessage): Composite['kind'] {
  if (message.coo_sparse !== undefined) return 'sparse tensor';
  const name = message.composite_tensor?.type_spec?.type_spec_class_name;
  return specOf(message)?.kind ?? `composite tensor${name ? ` (${name})` : ''}`;
}
