/** Request logs as TensorFlow's own reader and tensorflow_serving's own PredictionLog see them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { notFound } from '../../src/errors.js';
import { RequestLogs } from '../../src/request-log/request-log.js';
import { DataType } from '../../src/tensor/dtype.js';
import { fakeOutputs } from '../support/graphpipe-outputs.js';
import { callUnary, withGrpcDoor } from '../support/grpc-door.js';
import { goldenPredict } from '../support/grpc-requests.js';
import { modelPath, withTempDir } from '../support/models.js';
import { PROJECT_ROOT } from '../support/project-root.js';
import { runPython } from '../support/python.js';
import { withServer } from '../support/with-server.js';

const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const REQUESTS = 25;

interface Read {
  readonly files: number;
  readonly records: readonly {
    request: string;
    response: string;
    metadata: object;
    log: string;
    inputs: object;
    outputs: object;
    age: number;
  }[];
}

test('tf.data.TFRecordDataset reads back the PredictionLogs of what was served, across files', {
  timeout: 120_000,
}, async () => {
  await withTempDir(async (folder) => {
    const logs = new RequestLogs();
    const options = {
      filenamePrefix: join(folder, 'm'),
      samplingRate: 1,
      savedModelTags: ['serve'],
      maxFileBytes: 1000,
    };
    logs.configure(new Map([['m', options]]));
    const request = goldenPredict('floatVal');
    const response = await serve(logs, request);
    await logs.close();
    const script = join(PROJECT_ROOT, 'test/conformance/read_prediction_log.py');
    const { files, records } = (await runPython('tensorflow', script, [folder], { timeoutMillis: 100_000 })) as Read;
    assert.ok(files > 1, `${files} files`);
    assert.equal(records.length, REQUESTS);
    for (const record of records) {
      assert.equal(record.log, 'predict_log');
      assert.equal(record.request, request.toString('hex'));
      assert.equal(record.response, response.toString('hex'));
      assert.deepEqual(record.metadata, {
        name: 'm',
        version: 1,
        signature: 'serving_default',
        samplingRate: 1,
        tags: ['serve'],
      });
      assert.ok(record.age >= 0 && record.age < 100, String(record.age));
    }
  });
});

test('TensorFlow reads from the log of a REST request the tensors that the model got and gave', {
  timeout: 120_000,
}, async () => {
  await withTempDir(async (folder) => {
    const logs = join(folder, 'logs');
    await mkdir(logs);
    const logging = `log_collector_config { filename_prefix: "${join(logs, 'm')}" } sampling_config { sampling_rate: 1 }`;
    const model = `name: "m" base_path: "${modelPath('multi_io')}" model_platform: "tensorflow"`;
    const path = join(folder, 'models.config');
    await writeFile(path, `model_config_list { config { ${model} logging_config { ${logging} } } }`);
    await withServer([`--model_config_file=${path}`], async (server) => {
      const body = '{"signature_name": "scalar", "inputs": {"a": 1.5, "n": 2}}';
      const url = `http://127.0.0.1:${server.ports.rest}/v1/models/m:predict`;
      assert.equal((await fetch(url, { method: 'POST', body })).status, 200);
      await server.stop();
    });
    const script = join(PROJECT_ROOT, 'test/conformance/read_prediction_log.py');
    const { records } = (await runPython('tensorflow', script, [logs], { timeoutMillis: 100_000 })) as Read;
    assert.equal(records.length, 1);
    assert.deepEqual(records[0]?.inputs, { a: ['float32', [], 1.5], n: ['int32', [], 2] });
    const outputs = new Map(Object.entries(records[0]?.outputs ?? {}));
    assert.deepEqual([...outputs.keys()].sort(), ['product', 'text']);
    assert.deepEqual(outputs.get('product'), ['float32', [], 3]);
    assert.deepEqual(records[0]?.metadata, {
      name: 'm',
      version: 1,
      signature: 'scalar',
      samplingRate: 1,
      tags: ['serve'],
    });
  });
});

/** Sends as many requests, one of another model and one that fails; gives the answer of the others. */
async function serve(logs: RequestLogs, request: Buffer): Promise<Buffer> {
  const outputs = fakeOutputs([{ alias: 'y', dtype: DataType.FLOAT, shape: [1], raw: Buffer.alloc(4) }]);
  let failing = false;
  let last = Buffer.alloc(0);
  await withGrpcDoor(
    { predict: async (_request, encode) => (failing ? Promise.reject(notFound('no')) : encode(outputs)) },
    async ({ client }) => {
      for (let i = 0; i < REQUESTS; i++) last = Buffer.from(await callUnary(client, PREDICT, request));
      await callUnary(
        client,
        PREDICT,
        Buffer.from(request.toString('latin1').replace('\x0a\x01m', '\x0a\x01n'), 'latin1'),
      );
      failing = true;
      await assert.rejects(callUnary(client, PREDICT, request));
    },
    { requestLogs: logs },
  );
  return last;
}
