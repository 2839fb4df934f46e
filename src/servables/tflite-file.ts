/**
 * model.tflite as a file, without TensorFlow Lite: what it declares of its tensors. A flatbuffer; tables and numbers:
 * tensorflow/lite/schema/schema.fbs.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { invalidArgument, toServingError } from '../errors.js';
import { FlatbufferReader, type FlatTable, type FlatVector } from '../formats/flatbuffer-reader.js';
import type { TfliteGraph, TfliteSignature, TfliteSignatureTensor, TfliteTensor } from '../native/binding.js';
import { DataType } from '../tensor/dtype.js';

const SIGNATURE_DEFS = 'signature_defs_metadata';
const FILE_IDENTIFIER = 'TFL3';
const OFFSET_BYTES = 4;

/** Slots of the tables' fields. */
const MODEL = { subgraphs: 2, buffers: 4, metadata: 6, signatures: 7 } as const;
const SUBGRAPH = { tensors: 0, inputs: 1, outputs: 2 } as const;
const TENSOR = { shape: 0, type: 1, name: 3 } as const;
const SIGNATURE = { inputs: 0, outputs: 1, name: 2, subgraph: 4 } as const;
const TENSOR_MAP = { name: 0, index: 1 } as const;
const METADATA = { name: 0, buffer: 1 } as const;
const BUFFER = { data: 0 } as const;

const DT_INVALID = 0;
/** By the schema's TensorType, of which 17 is INT4. */
const DATA_TYPES: readonly number[] = [
  ...[DataType.FLOAT, DataType.HALF, DataType.INT32, DataType.UINT8, DataType.INT64, DataType.STRING, DataType.BOOL],
  ...[DataType.INT16, DataType.COMPLEX64, DataType.INT8, DataType.DOUBLE, DataType.COMPLEX128, DataType.UINT64],
  ...[DataType.RESOURCE, DataType.VARIANT, DataType.UINT32, DataType.UINT16, DT_INVALID, DataType.BFLOAT16],
];

/** The model's file in the version's folder. */
export function tfliteFileOf(directory: string): string {
  return join(directory, 'model.tflite');
}

/** Whether the version's folder has a TensorFlow Lite model. */
export function hasTfliteModel(directory: string): boolean {
  return existsSync(tfliteFileOf(directory));
}

/**
 * Inputs, outputs and signatures as the addon tells them of a model that it has loaded. Throws INVALID_ARGUMENT if the file is
 * damaged, or no TensorFlow Lite model.
 */
export function readTfliteFile(directory: string): TfliteGraph {
  const path = tfliteFileOf(directory);
  const file = readFileSync(path);
  try {
    return readGraph(file);
  } catch (error) {
    throw invalidArgument(
      `${path} is damaged, or is no TensorFlow Lite model: ${toServingError(error).message} Copy or convert the model again.`,
    );
  }
}

function readGraph(file: Buffer): TfliteGraph {
  if (file.toString('latin1', OFFSET_BYTES, 2 * OFFSET_BYTES) !== FILE_IDENTIFIER)
    throw invalidArgument(`It does not have the identifier ${FILE_IDENTIFIER}.`);
  const reader = new FlatbufferReader(file, 2 * file.byteLength, {
    malformed: (what, byteLength) => `${what} does not lie inside its ${byteLength} bytes.`,
    tooMuch: () => 'Its parts overlap.',
  });
  const model = reader.root();
  const subgraph = tableAt(reader, vectorOf(reader, model, MODEL.subgraphs), 0);
  return {
    inputs: readTensors(reader, subgraph, SUBGRAPH.inputs),
    outputs: readTensors(reader, subgraph, SUBGRAPH.outputs),
    signatures: readSignatures(reader, model, subgraph),
    signatureDefs: findMetadata(reader, file, model, SIGNATURE_DEFS),
  };
}

/** Those whose indexes stand in the field of that slot. */
function readTensors(reader: FlatbufferReader, subgraph: FlatTable, slot: number): TfliteTensor[] {
  const tensors = vectorOf(reader, subgraph, SUBGRAPH.tensors);
  const indexes = vectorOf(reader, subgraph, slot);
  return numbersOf(reader, indexes).map((index) => readTensor(reader, tableAt(reader, tensors, index)));
}

function readTensor(reader: FlatbufferReader, tensor: FlatTable): TfliteTensor {
  const typeAt = reader.field(tensor, TENSOR.type);
  const type = typeAt === undefined ? 0 : reader.uint8(typeAt, 'A tensor');
  const shape = numbersOf(reader, vectorOf(reader, tensor, TENSOR.shape));
  return { name: textOf(reader, tensor, TENSOR.name), dtype: DATA_TYPES[type] ?? DT_INVALID, shape };
}

/** Of any other subgraph than the first, whose inputs and outputs these are, tensors are at no place. */
function readSignatures(reader: FlatbufferReader, model: FlatTable, primary: FlatTable): TfliteSignature[] {
  const entries = vectorOf(reader, model, MODEL.signatures);
  return Array.from({ length: entries.count }, (_, i) => {
    const entry = tableAt(reader, entries, i);
    const subgraph = numberOf(reader, entry, SIGNATURE.subgraph);
    const tensors = (slot: number, placesSlot: number): TfliteSignatureTensor[] => {
      const maps = vectorOf(reader, entry, slot);
      const places = subgraph === 0 ? numbersOf(reader, vectorOf(reader, primary, placesSlot)) : [];
      return Array.from({ length: maps.count }, (_, j) => {
        const map = tableAt(reader, maps, j);
        const place = places.indexOf(numberOf(reader, map, TENSOR_MAP.index));
        return { alias: textOf(reader, map, TENSOR_MAP.name), place };
      });
    };
    return {
      name: textOf(reader, entry, SIGNATURE.name),
      subgraph,
      inputs: tensors(SIGNATURE.inputs, SUBGRAPH.inputs),
      outputs: tensors(SIGNATURE.outputs, SUBGRAPH.outputs),
    };
  });
}

/** The bytes of the metadata entry of that name; none if there is none. */
function findMetadata(reader: FlatbufferReader, file: Buffer, model: FlatTable, name: string): Uint8Array {
  const entries = vectorOf(reader, model, MODEL.metadata);
  for (let i = 0; i < entries.count; i++) {
    const entry = tableAt(reader, entries, i);
    if (textOf(reader, entry, METADATA.name) !== name) continue;
    const buffer = tableAt(reader, vectorOf(reader, model, MODEL.buffers), numberOf(reader, entry, METADATA.buffer));
    const { start, count } = vectorOf(reader, buffer, BUFFER.data, 1);
    return file.subarray(start, start + count);
  }
  return new Uint8Array();
}

function vectorOf(reader: FlatbufferReader, table: FlatTable, slot: number, elementBytes = OFFSET_BYTES): FlatVector {
  const position = reader.field(table, slot);
  return position === undefined ? { start: 0, count: 0 } : reader.vector(position, elementBytes, 'A list');
}

function numberOf(reader: FlatbufferReader, table: FlatTable, slot: number): number {
  const position = reader.field(table, slot);
  return position === undefined ? 0 : reader.uint32(position, 'A number');
}

function textOf(reader: FlatbufferReader, table: FlatTable, slot: number): string {
  const position = reader.field(table, slot);
  return position === undefined ? '' : reader.string(position, 'A name');
}

function tableAt(reader: FlatbufferReader, { start, count }: FlatVector, index: number): FlatTable {
  if (index < 0 || index >= count) throw invalidArgument(`It has no table ${index} in a list of ${count}.`);
  return reader.table(start + index * OFFSET_BYTES, 'A table');
}

function numbersOf(reader: FlatbufferReader, { start, count }: FlatVector): number[] {
  return Array.from({ length: count }, (_, i) => reader.int32(start + i * OFFSET_BYTES, 'A number'));
}
