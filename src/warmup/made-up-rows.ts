/** Rows of made-up values, each different from the others, to see whether they mind each other's company. */
import type { SignatureInfo, TensorInfo } from '../servables/signature-info.js';
import { byteSizeOf, DataType } from '../tensor/dtype.js';
import { elementCount, type Shape } from '../tensor/shape.js';
import { type InputRows, MOST_ROW_BYTES, type Row, type RowSet } from './row-set.js';

export interface MadeUpOptions {
  readonly rows: number;
  /** Of each dimension that is not declared. */
  readonly innerSize: number;
  /** Integers lie below, from 0 on: most of those that models take are places in a table. */
  readonly integers: number;
}

/** Undefined where nothing can be made up: no rank, no values for a dtype, or more than are joined. */
export function madeUpRows(info: SignatureInfo, options: MadeUpOptions): RowSet | undefined {
  const random = new Random();
  const inputs: InputRows[] = [];
  for (const tensor of info.inputs) {
    const made = inputRows(tensor, options, random);
    if (made === undefined) return undefined;
    inputs.push(made);
  }
  return { signatureName: info.name, inputs, count: options.rows };
}

function inputRows({ alias, dtype, shape }: TensorInfo, options: MadeUpOptions, random: Random): InputRows | undefined {
  const inner = shape?.slice(1).map((dim) => (dim < 0 ? options.innerSize : dim));
  if (inner === undefined || !(elementCount(inner) * Math.max(1, byteSizeOf(dtype)) <= MOST_ROW_BYTES))
    return undefined;
  const rows: Row[] = [];
  for (let i = 0; i < options.rows; i++) {
    const row = makeRow(dtype, inner, i, options.integers, random);
    if (row === undefined) return undefined;
    rows.push(row);
  }
  return { name: alias, dtype, shape: inner, rows };
}

/** Of rows of floats: one that is like data as models are trained on, and some that drown others wherever values are mixed. */
const SCALES = [1, -3, 0.1, 20];

const WORDS = ['the', 'a', 'cat', 'sat on', 'mats', 'Ünïcode', '7', 'dog.', 'and then it', 'x'];

function makeRow(dtype: DataType, shape: Shape, place: number, integers: number, random: Random): Row | undefined {
  const count = elementCount(shape);
  if (dtype === DataType.STRING) return Array.from({ length: count }, () => stringOf(place, random));
  const write = WRITERS[dtype];
  if (write === undefined) return undefined;
  const scale = SCALES[place % SCALES.length] as number;
  const bytes = Buffer.alloc(count * byteSizeOf(dtype));
  const parts = dtype === DataType.COMPLEX64 || dtype === DataType.COMPLEX128 ? 2 : 1;
  const size = byteSizeOf(dtype) / parts;
  for (let i = 0; i < count * parts; i++)
    write(bytes, i * size, {
      float: () => scale * (2 * random.next() - 0.7),
      // Rows of one number each are to differ as well.
      integer: () => (i === 0 ? place % integers : random.below(integers)),
    });
  return bytes;
}

/** The further down a row stands, the more words. */
function stringOf(place: number, random: Random): Buffer {
  const words = Array.from({ length: 2 * place + 1 }, () => WORDS[random.below(WORDS.length)] as string);
  return Buffer.from(words.join(' '));
}

interface Values {
  readonly float: () => number;
  readonly integer: () => number;
}

type Writer = (bytes: Buffer, at: number, values: Values) => void;

const WORD = new DataView(new ArrayBuffer(4));

const float: Writer = (bytes, at, values) => bytes.writeFloatLE(values.float(), at);
const double: Writer = (bytes, at, values) => bytes.writeDoubleLE(values.float(), at);
/** 0, 1, 2 … in the 1, 2, 4 or 8 bytes that the element has; the rest are 0. */
const integer: Writer = (bytes, at, values) => bytes.writeUInt8(values.integer(), at);
const bool: Writer = (bytes, at, values) => bytes.writeUInt8(values.integer() & 1, at);
const bfloat16: Writer = (bytes, at, values) => {
  WORD.setFloat32(0, values.float());
  bytes.writeUInt16LE(WORD.getUint16(0), at);
};
/** Between 1 and 2, or their negatives: ten bits of fraction are enough to differ. */
const half: Writer = (bytes, at, values) => {
  const value = values.float();
  bytes.writeUInt16LE((value < 0 ? 0xbc00 : 0x3c00) | (Math.floor(Math.abs(value) * 1024) & 1023), at);
};

const WRITERS: Partial<Record<DataType, Writer>> = {
  [DataType.FLOAT]: float,
  [DataType.DOUBLE]: double,
  [DataType.COMPLEX64]: float,
  [DataType.COMPLEX128]: double,
  [DataType.HALF]: half,
  [DataType.BFLOAT16]: bfloat16,
  [DataType.BOOL]: bool,
  [DataType.INT8]: integer,
  [DataType.INT16]: integer,
  [DataType.INT32]: integer,
  [DataType.INT64]: integer,
  [DataType.UINT8]: integer,
  [DataType.UINT16]: integer,
  [DataType.UINT32]: integer,
  [DataType.UINT64]: integer,
};

/** The same numbers in each process, so that what is found can be found again (mulberry32). */
class Random {
  #state = 12;

  /** At least 0, below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
}
