import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBuffer } from 'flatbuffers';
import { describeModel, encodeMetadataJson, encodeMetadataResponse } from '../../src/doors/graphpipe/metadata.js';
import type { IOMetadata } from '../../src/gen/graphpipe/iometadata.js';
import { MetadataResponse } from '../../src/gen/graphpipe/metadata-response.js';
import { Type } from '../../src/gen/graphpipe/type.js';
import { EXAMPLE_MODEL } from '../support/graphpipe-model.js';

test('the JSON has capitalised keys, four spaces, and the tensors of serving_default', () => {
  const text = encodeMetadataJson(describeModel(EXAMPLE_MODEL, '1.2.3'));
  assert.match(text, /^\{\n {4}"Name": "example",\n {4}"Version": "7",\n {4}"Server": "tensorgate 1\.2\.3",\n/);
  assert.deepEqual(JSON.parse(text), {
    Name: 'example',
    Version: '7',
    Server: 'tensorgate 1.2.3',
    Description:
      'Signature serving_default of a TensorFlow model. Default inputs: ids, text. Default outputs: flag, scores.',
    Inputs: [
      { Name: 'ids', Description: 'ids_feed:0, DT_INT64', Shape: [-1, 3], Type: Type.Int64 },
      { Name: 'text', Description: 'text_feed:0, DT_STRING of unknown rank', Shape: null, Type: Type.String },
    ],
    Outputs: [
      { Name: 'flag', Description: 'PartitionedCall:0, DT_BOOL', Shape: [], Type: Type.Null },
      { Name: 'scores', Description: 'PartitionedCall:1, DT_FLOAT', Shape: [-1], Type: Type.Float32 },
    ],
  });
});

test('the flatbuffer says the same, with an empty shape for an unknown rank', () => {
  const bytes = encodeMetadataResponse(describeModel(EXAMPLE_MODEL, '1.2.3'));
  const response = MetadataResponse.getRootAsMetadataResponse(new ByteBuffer(bytes));
  assert.deepEqual([response.name(), response.version(), response.server()], ['example', '7', 'tensorgate 1.2.3']);
  const read = (io: IOMetadata | null): unknown =>
    io && [io.name(), io.type(), Array.from({ length: io.shapeLength() }, (_, axis) => io.shape(axis))];
  assert.equal(response.inputsLength(), 2);
  assert.deepEqual(read(response.inputs(0)), ['ids', Type.Int64, [-1n, 3n]]);
  assert.deepEqual(read(response.inputs(1)), ['text', Type.String, []]);
  assert.equal(response.outputsLength(), 2);
  assert.deepEqual(read(response.outputs(0)), ['flag', Type.Null, []]);
  assert.deepEqual(read(response.outputs(1)), ['scores', Type.Float32, [-1n]]);
});

test('without serving_default the first signature is described', () => {
  const model = { ...EXAMPLE_MODEL, signatures: EXAMPLE_MODEL.signatures.slice(0, 1) };
  const { description, inputs } = describeModel(model, '1');
  assert.match(description, /^Signature other .*Default inputs: z\. Default outputs: none\.$/);
  assert.deepEqual(
    inputs.map(({ name }) => name),
    ['z'],
  );
});

test('a model without signatures cannot be described', () => {
  assert.throws(() => describeModel({ ...EXAMPLE_MODEL, signatures: [] }, '1'), /Model "example" has no signature/);
});
