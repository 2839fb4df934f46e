/** Protobuf varints, written into memory that the caller has measured and reserved (protobuf.dev, "Encoding"). */

/** The most that any varint takes. */
export const MAX_VARINT_BYTES = 10;

/** Bytes of a whole number from 0 to 2^53 - 1. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Writes a whole number from 0 to 2^53 - 1 and returns where it ends. */
export function writeVarint(value: number, target: Uint8Array, start: number): number {
  let pos = start;
  let rest = value;
  while (rest >= 0x80) {
    target[pos++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  target[pos++] = rest;
  return pos;
}

/** Bytes of an int64: ten for a negative one. */
export function bigVarintSize(value: bigint): number {
  let size = 1;
  for (let rest = BigInt.asUintN(64, value); rest >= 0x80n; rest >>= 7n) size++;
  return size;
}

/** Writes an int64 and returns where it ends. */
export function writeBigVarint(value: bigint, target: Uint8Array, start: number): number {
  let pos = start;
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) target[pos++] = Number(rest & 0x7fn) | 0x80;
  target[pos++] = Number(rest);
  return pos;
}

/** Size of a length-delimited field whose tag is one byte. */
export function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}
