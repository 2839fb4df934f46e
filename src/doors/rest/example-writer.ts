/**
 * Writes serialized tf.Examples (tensorflow/core/example/{example,feature}.proto) one after the other into one body,
 * without building messages.
 */
import { fieldSize, MAX_VARINT_BYTES, writeBigVarint, writeVarint } from '../../formats/varint.js';

/** Which list a feature holds: the field of Feature. 0: none so far, which is how an empty feature stays. */
export const FeatureKind = { NONE: 0, BYTES: 1, FLOAT: 2, INT64: 3 } as const;
export type FeatureKind = (typeof FeatureKind)[keyof typeof FeatureKind];

const LENGTH_DELIMITED = 2;
const tag = (field: number): number => (field << 3) | LENGTH_DELIMITED;
/** Field 1: of Example its features, of Features an entry, of an entry its key, of a list its values. */
const FIRST = tag(1);
/** Field 2: an entry's value. */
const SECOND = tag(2);

/** Call add… for each value of a feature, endFeature() behind them, endExample() behind all features. */
export class ExampleWriter {
  readonly #values = new GrowingBytes();
  readonly #features = new GrowingBytes();
  readonly #body = new GrowingBytes();
  #kind: FeatureKind = FeatureKind.NONE;

  /** Of the feature being written. */
  get kind(): FeatureKind {
    return this.#kind;
  }

  addBytes(value: Uint8Array): void {
    this.#kind = FeatureKind.BYTES;
    this.#values.field(FIRST, value);
  }

  /** Rounded to a float. */
  addFloat(value: number): void {
    this.#kind = FeatureKind.FLOAT;
    this.#values.float(value);
  }

  addInt64(value: bigint): void {
    this.#kind = FeatureKind.INT64;
    this.#values.varint64(value);
  }

  endFeature(name: Uint8Array): void {
    const values = this.#values.view();
    const list = this.#kind === FeatureKind.BYTES || values.length === 0 ? values.length : fieldSize(values.length);
    const feature = this.#kind === FeatureKind.NONE ? 0 : fieldSize(list);
    const out = this.#features;
    out.varint(FIRST);
    out.varint(fieldSize(name.length) + fieldSize(feature));
    out.field(FIRST, name);
    out.varint(SECOND);
    out.varint(feature);
    if (this.#kind !== FeatureKind.NONE) {
      out.varint(tag(this.#kind));
      out.varint(list);
      if (list === values.length) out.bytes(values);
      else out.field(FIRST, values);
    }
    this.#values.clear();
    this.#kind = FeatureKind.NONE;
  }

  /** The example's [start, end) in the body. */
  endExample(): [number, number] {
    const start = this.#body.length;
    const features = this.#features.view();
    if (features.length > 0) this.#body.field(FIRST, features);
    this.#features.clear();
    return [start, this.#body.length];
  }

  /** All examples so far. */
  body(): Uint8Array {
    return this.#body.view();
  }
}

class GrowingBytes {
  length = 0;
  #buffer = Buffer.allocUnsafe(256);

  clear(): void {
    this.length = 0;
  }

  /** What has been written: good until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.length);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.length);
    this.length += value.length;
  }

  field(fieldTag: number, value: Uint8Array): void {
    this.varint(fieldTag);
    this.varint(value.length);
    this.bytes(value);
  }

  varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    this.length = writeVarint(value, this.#buffer, this.length);
  }

  /** Negative ones in ten bytes, as two's complement. */
  varint64(value: bigint): void {
    if (value >= 0n && value <= Number.MAX_SAFE_INTEGER) {
      this.varint(Number(value));
      return;
    }
    this.#reserve(MAX_VARINT_BYTES);
    this.length = writeBigVarint(value, this.#buffer, this.length);
  }

  float(value: number): void {
    this.#reserve(4);
    this.#buffer.writeFloatLE(value, this.length);
    this.length += 4;
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.length);
    this.#buffer = larger;
  }
}
