/** What unloading a model gives back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataType } from '../../src/tensor/dtype.js';
import { captureLog } from '../support/capture-log.js';
import { floats, loaderOf, runOne, testRequest, withPool } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';
import { node, writeTextModel } from '../support/text-models.js';

const GAVE_BACK = /^I Unloaded servable \{name: model version: 1\}: gave back (-?\d+) MB residentMegabytes=\d+$/;

/** Many constants below the size from which the C library gives memory back by itself. */
const TABLES = 400;
const TABLE_ELEMENTS = 25_000;
const MEGABYTES = (TABLES * TABLE_ELEMENTS * 4) / 2 ** 20;

const names = Array.from({ length: TABLES }, (_, i) => `table${i}`);
const TABLE_NODES = names.map(
  (name) => `
    node { name: "${name}" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "value" value {
      tensor { dtype: DT_FLOAT tensor_shape { dim { size: ${TABLE_ELEMENTS} } } float_val: 1 } } } }
    node { name: "of_${name}" op: "Gather" input: "${name}" input: "x"
      attr { key: "Tparams" value { type: DT_FLOAT } } attr { key: "Tindices" value { type: DT_INT32 } } }`,
);
const SUM = node(
  'y',
  'AddN',
  'DT_FLOAT',
  names.map((name) => `of_${name}`),
).replace('attr', `attr { key: "N" value { i: ${TABLES} } } attr`);
const LARGE = {
  inputs: [{ name: 'x', dtype: 'DT_INT32' }],
  outputs: [{ name: 'y', dtype: 'DT_FLOAT' }],
  nodes: TABLE_NODES.join('') + SUM,
};

test('the memory that an unload gives back is measured, and in the log', async () => {
  await withTempDir((folder) =>
    withPool(1, async (pool) => {
      const loader = loaderOf(await writeTextModel(folder, LARGE), pool);
      const model = await loader.load();
      const x = { name: 'x', dtype: DataType.INT32, shape: [1], bytes: Buffer.from(Int32Array.of(1000).buffer) };
      assert.deepEqual((await runOne(model, testRequest([x]))).bytes, floats(TABLES));
      const log = captureLog();
      try {
        await loader.unload();
      } finally {
        log.restore();
      }
      const [line = ''] = log.lines();
      const [, megabytes] = GAVE_BACK.exec(line) ?? [];
      assert.ok(Number(megabytes) >= MEGABYTES / 2, line);
    }),
  );
});
