/** tensor_content of string tensors: TensorFlow writes all lengths as varints and then all bytes (EncodeStringList). */

import { writeVarint } from '../../formats/varint.js';
import { DataType } from '../../tensor/dtype.js';
import { elementCountOf, type Outputs } from '../../tensor/predict-request.js';

const MAX_VARINT32_BYTES = 5;

/** The outputs in RAW form, with the string tensors among them as tensor_content has them. */
export function withStringContents(outputs: Outputs): Outputs {
  const contents: (Buffer | undefined)[] = [];
  for (let i = 0; i < outputs.count; i++) {
    contents.push(outputs.dtype(i) === DataType.STRING ? stringContent(outputs, i) : undefined);
  }
  return contents.every((content) => content === undefined) ? outputs : new StringContents(outputs, contents);
}

/** From the addon's RAW form, uint32 lengths followed by all the bytes. */
function stringContent(outputs: Outputs, index: number): Buffer {
  const raw = Buffer.allocUnsafe(outputs.byteLength(index));
  outputs.copyTo(index, raw, 0);
  const count = elementCountOf(outputs, index);
  const lengths = Buffer.allocUnsafe(count * MAX_VARINT32_BYTES);
  let end = 0;
  for (let i = 0; i < count; i++) end = writeVarint(raw.readUInt32LE(i * 4), lengths, end);
  return Buffer.concat([lengths.subarray(0, end), raw.subarray(count * 4)]);
}

class StringContents implements Outputs {
  readonly #outputs: Outputs;
  readonly #contents: readonly (Buffer | undefined)[];

  constructor(outputs: Outputs, contents: readonly (Buffer | undefined)[]) {
    this.#outputs = outputs;
    this.#contents = contents;
  }

  get count(): number {
    return this.#outputs.count;
  }

  get modelName(): string {
    return this.#outputs.modelName;
  }

  get modelVersion(): bigint {
    return this.#outputs.modelVersion;
  }

  get signatureName(): string {
    return this.#outputs.signatureName;
  }

  alias(index: number): string {
    return this.#outputs.alias(index);
  }

  dtype(index: number): DataType {
    return this.#outputs.dtype(index);
  }

  rank(index: number): number {
    return this.#outputs.rank(index);
  }

  dim(index: number, axis: number): number {
    return this.#outputs.dim(index, axis);
  }

  byteLength(index: number): number {
    return this.#contents[index]?.length ?? this.#outputs.byteLength(index);
  }

  copyTo(index: number, target: Uint8Array, offset: number): void {
    const content = this.#contents[index];
    if (content === undefined) this.#outputs.copyTo(index, target, offset);
    else target.set(content, offset);
  }
}
