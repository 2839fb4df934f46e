/** What synthetic warm-up makes up of a signature, and what it leaves alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SignatureInfo, TensorInfo } from '../../src/servables/signature-info.js';
import { DataType } from '../../src/tensor/dtype.js';
import { syntheticRequest } from '../../src/warmup/synthetic-requests.js';

const signature = (...inputs: TensorInfo[]): SignatureInfo => ({
  name: 's',
  methodName: '',
  isInternal: false,
  inputs,
  outputs: [],
  signatureDef: new Uint8Array(),
});
const input = (alias: string, dtype: DataType, shape: readonly number[] | undefined): TensorInfo => ({
  alias,
  tensorName: `${alias}:0`,
  dtype,
  shape,
});

function reasonOf(info: SignatureInfo, rows = 1): string | undefined {
  const made = syntheticRequest(info, rows);
  return 'reason' in made ? made.reason : undefined;
}

describe('A made-up request', () => {
  it('takes a few bytes however large its tensors are to be: the addon repeats the value', () => {
    const made = syntheticRequest(signature(input('x', DataType.FLOAT, [-1, 1024, 1024])), 16);
    assert.ok('body' in made && made.body.byteLength === 4);
  });

  it('is not made where its tensors would take more than 64 MiB together', () => {
    const large = (alias: string) => input(alias, DataType.FLOAT, [-1, 1024, 1024]);
    assert.equal(reasonOf(signature(large('a'), large('b')), 8), undefined);
    assert.match(reasonOf(signature(large('a'), large('b')), 9) ?? '', /^with its input 'b' it would be larger than/);
    assert.match(
      reasonOf(signature(large('a')), 17) ?? '',
      /^with its input 'a' it would be larger than 67108864 bytes$/,
    );
    const endless = input('x', DataType.FLOAT, [2 ** 40, 2 ** 40]);
    assert.match(reasonOf(signature(endless)) ?? '', /larger than/);
  });

  it('counts 24 bytes for each string, as TensorFlow needs them for empty ones', () => {
    const strings = (count: number) => signature(input('text', DataType.STRING, [count]));
    assert.equal(reasonOf(strings(2_796_202)), undefined);
    assert.match(reasonOf(strings(2_796_203)) ?? '', /larger than/);
  });

  it('is not made of inputs whose rank is not declared, nor of resources and variants', () => {
    assert.match(reasonOf(signature(input('x', DataType.FLOAT, undefined))) ?? '', /rank of its input 'x'/);
    for (const dtype of [DataType.RESOURCE, DataType.VARIANT])
      assert.match(
        reasonOf(signature(input('x', dtype, []))) ?? '',
        /nothing can be made up for DT_(RESOURCE|VARIANT)/,
      );
  });

  it('is not made for an input that is not one tensor: ones would be no sparse tensor', () => {
    const composite = { alias: 'sp', kind: 'sparse tensor' };
    const values = { ...input('sp/values', DataType.FLOAT, [-1]), composite };
    assert.equal(reasonOf(signature(values)), "its input 'sp' is not one tensor");
  });
});
