import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Code, ServingError } from '../../src/errors.js';
import { readTfliteFile } from '../../src/servables/tflite-file.js';
import { tfliteSignatures } from '../../src/servables/tflite-signatures.js';
import { DataType } from '../../src/tensor/dtype.js';
import { checkProperty, fuzzRuns } from '../support/check-property.js';
import { modelPath, withTempDir } from '../support/models.js';

const folderOf = (name: string) => join(modelPath(name), '1');

describe('The file of a TensorFlow Lite model', () => {
  it('tells its tensors with names, dtypes and shapes', () => {
    const { inputs, outputs, signatureDefs } = readTfliteFile(folderOf('lite_half_plus_two'));
    assert.deepEqual(inputs, [{ name: 'serving_default_x:0', dtype: DataType.FLOAT, shape: [1] }]);
    assert.deepEqual(outputs, [{ name: 'StatefulPartitionedCall:0', dtype: DataType.FLOAT, shape: [1] }]);
    assert.equal(signatureDefs.byteLength, 0);
  });

  it('tells its table of signatures, by places of its inputs and outputs', () => {
    assert.deepEqual(readTfliteFile(folderOf('lite_signatures')).signatures, [
      {
        name: 'serving_default',
        subgraph: 0,
        inputs: [{ alias: 'row', place: 0 }],
        outputs: [
          { alias: 'doubled', place: 1 },
          { alias: 'total', place: 0 },
        ],
      },
      {
        name: 'shifted',
        subgraph: 1,
        inputs: [{ alias: 'row', place: -1 }],
        outputs: [{ alias: 'next', place: -1 }],
      },
    ]);
  });

  it('tells each dtype as the signatures in its metadata do', () => {
    const graph = readTfliteFile(folderOf('lite_columns'));
    const byName = new Map([...graph.inputs, ...graph.outputs].map(({ name, dtype }) => [name, dtype]));
    let compared = 0;
    for (const { inputs, outputs } of tfliteSignatures(graph).values()) {
      for (const { name = '', dtype } of [...inputs.values(), ...outputs.values()]) {
        assert.equal(byName.get(name) ?? byName.get(`${name}:0`), dtype, name);
        compared += 1;
      }
    }
    assert.ok(compared >= 28, String(compared));
  });

  it('with any bytes wrong or missing is read or refused with INVALID_ARGUMENT, nothing else', (t) =>
    withTempDir(async (folder) => {
      const whole = readFileSync(join(folderOf('lite_mixed'), 'model.tflite'));
      const place = fc.nat(whole.byteLength - 1);
      const damage = fc.record({ end: place, at: fc.array(fc.tuple(place, fc.nat(255)), { maxLength: 8 }) });
      const isCut = fc.boolean();
      await checkProperty(
        t,
        fc.property(damage, isCut, ({ end, at }, cut) => {
          const bytes = Buffer.from(whole);
          for (const [position, value] of at) bytes[position] = value;
          writeFileSync(join(folder, 'model.tflite'), cut ? bytes.subarray(0, end) : bytes);
          try {
            readTfliteFile(folder);
          } catch (error) {
            assert.ok(error instanceof ServingError && error.code === Code.INVALID_ARGUMENT, String(error));
          }
        }),
        { numRuns: fuzzRuns(300) },
      );
    }));
});
