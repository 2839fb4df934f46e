/** Request logs of what came as JSON: the tensors that the model got and gave, as if they had come over gRPC. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeMessage } from '../../src/formats/protobuf.js';
import {
  ClassificationRequest,
  ClassificationResponse,
  PredictRequest,
  PredictResponse,
  RegressionResponse,
  type TensorProto,
} from '../../src/gen/messages.js';
import { DataType } from '../../src/tensor/dtype.js';
import { createGrpcClient } from '../support/door-clients.js';
import { type LogRecord, untilRecords } from '../support/log-records.js';
import { modelPath, withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };

interface LoggedServer {
  /** Asks the model over REST; the path begins after its name. */
  post(path: string, body: object): Promise<{ status: number; body: object }>;
  /** Sends a logged request over gRPC. */
  replay(record: LogRecord): Promise<Uint8Array>;
  records(count: number): Promise<LogRecord[]>;
}

/** A server that logs all requests of the one model it has. */
async function withLoggedModel(model: string, use: (server: LoggedServer) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const logs = join(folder, 'logs');
    await mkdir(logs);
    const path = join(folder, 'models.config');
    const logging =
      `logging_config { log_collector_config { filename_prefix: "${join(logs, 'm')}" } ` +
      'sampling_config { sampling_rate: 1 } }';
    const entry = `name: "m" base_path: "${modelPath(model)}" model_platform: "tensorflow" ${logging}`;
    await writeFile(path, `model_config_list { config { ${entry} } }`);
    await withServer([`--model_config_file=${path}`], async ({ ports }) => {
      const client = createGrpcClient(ports.grpc);
      const post = async (target: string, body: object) => {
        const url = `http://127.0.0.1:${ports.rest}/v1/models/m${target}`;
        const reply = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
        return { status: reply.status, body: (await reply.json()) as object };
      };
      const replay = ({ method, request }: LogRecord) =>
        client.call(`/tensorflow.serving.PredictionService/${method}`, request);
      try {
        await use({ post, replay, records: (count) => untilRecords(logs, count) });
      } finally {
        client.close();
      }
    });
  });
}

interface Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly values: readonly unknown[];
}

/** A tensor's values, in whichever field they lie; of the dtypes that the tests have. */
function readTensor({ dtype, tensor_shape: shape, tensor_content: content, ...fields }: TensorProto): Tensor {
  const memory = Uint8Array.from(content).buffer;
  const read: Partial<Record<DataType, () => readonly unknown[]>> = {
    [DataType.FLOAT]: () => [...fields.float_val, ...new Float32Array(memory)],
    [DataType.INT32]: () => [...fields.int_val, ...new Int32Array(memory)],
    [DataType.INT64]: () => [...fields.int64_val, ...new BigInt64Array(memory)],
    [DataType.BOOL]: () => [...fields.bool_val, ...[...content].map((byte) => byte !== 0)],
    [DataType.STRING]: () => fields.string_val.map((value) => Buffer.from(value).toString('latin1')),
  };
  const values = read[dtype as DataType]?.() ?? [];
  return { dtype: dtype as DataType, shape: (shape?.dim ?? []).map(({ size }) => Number(size)), values };
}

function readTensors(tensors: ReadonlyMap<string, TensorProto>): Record<string, Tensor> {
  return Object.fromEntries([...tensors].sort().map(([name, tensor]) => [name, readTensor(tensor)]));
}

const outputsOf = (response: Uint8Array) => readTensors(decodeMessage(PredictResponse, response).outputs);

describe('The request log of a model that is asked over REST', LIMIT, () => {
  it('has each Predict that succeeds, with the tensors that the model got and gave', () =>
    withLoggedModel('multi_io', async ({ post, records, replay }) => {
      const instances = [
        { a: [1, 2, 3], b: 7, flag: true },
        { a: [4, 5, 6], b: -1, flag: false },
      ];
      assert.equal((await post(':predict', { instances: [{ a: [1, 2, 3], b: 'x', flag: true }] })).status, 400);
      assert.equal((await post('/versions/1:predict', { instances })).status, 200);
      const [record, ...more] = await records(1);
      assert.ok(record !== undefined && more.length === 0);
      const request = decodeMessage(PredictRequest, record.request);
      assert.deepEqual(
        [request.model_spec?.name, request.model_spec?.version?.value, request.model_spec?.signature_name],
        ['m', 1n, 'serving_default'],
      );
      assert.deepEqual(readTensors(request.inputs), {
        a: { dtype: DataType.FLOAT, shape: [2, 3], values: [1, 2, 3, 4, 5, 6] },
        b: { dtype: DataType.INT32, shape: [2], values: [7, -1] },
        flag: { dtype: DataType.BOOL, shape: [2], values: [true, false] },
      });
      assert.equal(decodeMessage(PredictResponse, record.response).model_spec?.version?.value, 1n);
      assert.equal(Object.keys(outputsOf(record.response)).length, 3);
      assert.deepEqual(outputsOf(await replay(record)), outputsOf(record.response));
    }));

  it('has the signature that was asked for, scalars, strings and defaults of inputs that were left out', () =>
    withLoggedModel('multi_io', async ({ post, records, replay }) => {
      const defaults = { signature_name: 'defaults', inputs: { x: [1, 2] } };
      assert.deepEqual((await post(':predict', defaults)).body, { outputs: [2, 4] });
      assert.equal((await post(':predict', { signature_name: 'scalar', inputs: { a: 1.5, n: 2 } })).status, 200);
      const [first, second] = await records(2);
      assert.ok(first !== undefined && second !== undefined);
      const requests = [first, second].map(({ request }) => decodeMessage(PredictRequest, request));
      assert.deepEqual(
        requests.map(({ model_spec: spec }) => [spec?.signature_name, spec?.version]),
        [
          ['defaults', undefined],
          ['scalar', undefined],
        ],
      );
      assert.deepEqual(readTensors(requests[0]?.inputs ?? new Map()), {
        scale: { dtype: DataType.FLOAT, shape: [], values: [2] },
        x: { dtype: DataType.FLOAT, shape: [2], values: [1, 2] },
      });
      assert.deepEqual(outputsOf(first.response), { y: { dtype: DataType.FLOAT, shape: [2], values: [2, 4] } });
      for (const record of [first, second])
        assert.deepEqual(outputsOf(await replay(record)), outputsOf(record.response));
    }));

  it('has strings byte by byte', () =>
    withLoggedModel('echo_string', async ({ post, records, replay }) => {
      const x = ['ü', { b64: Buffer.from('\xff\x00a', 'latin1').toString('base64') }, ''];
      assert.equal((await post(':predict', { inputs: x })).status, 200);
      const [record] = await records(1);
      assert.ok(record !== undefined);
      const values = ['\xc3\xbc', '\xff\x00a', ''];
      const expected = { dtype: DataType.STRING, shape: [3], values };
      assert.deepEqual(readTensors(decodeMessage(PredictRequest, record.request).inputs), { x: expected });
      assert.deepEqual(outputsOf(record.response), { y: expected });
      assert.deepEqual(outputsOf(await replay(record)), { y: expected });
    }));

  it('has what requests that share a run got and gave, each its own rows', () =>
    withLoggedModel('half_plus_two', async ({ post, records }) => {
      const numbers = Array.from({ length: 64 }, (_, i) => i);
      await Promise.all(numbers.map((n) => post(':predict', { instances: [n] })));
      const seen = (await records(numbers.length)).map(({ request, response }) => [
        readTensors(decodeMessage(PredictRequest, request).inputs).x?.values[0],
        outputsOf(response).y?.values[0],
      ]);
      assert.deepEqual(
        seen.sort(([a], [b]) => Number(a) - Number(b)),
        numbers.map((n) => [n, n / 2 + 2]),
      );
    }));

  it('has Classify and Regress with their examples, the context apart', () =>
    withLoggedModel('examples', async ({ post, records, replay }) => {
      const examples = [{ x: 1.5, n: 1 }, { x: 2.5 }];
      const context = { word: 'w', n: 3 };
      assert.equal((await post(':classify', { examples, context })).status, 200);
      assert.equal((await post(':regress', { signature_name: 'regress', examples })).status, 200);
      const [classify, regress] = await records(2);
      assert.ok(classify !== undefined && regress !== undefined);
      assert.deepEqual([classify.method, regress.method], ['Classify', 'Regress']);
      const { input } = decodeMessage(ClassificationRequest, classify.request);
      assert.equal(input?.example_list_with_context?.examples.length, 2);
      assert.deepEqual([...(input.example_list_with_context.context?.features?.feature.keys() ?? [])].sort(), [
        'n',
        'word',
      ]);
      const answer = decodeMessage(ClassificationResponse, classify.response);
      assert.deepEqual(
        answer.result?.classifications.map(({ classes }) => classes.map(({ label }) => label)[0]),
        ['w', 'w'],
      );
      assert.deepEqual(decodeMessage(ClassificationResponse, await replay(classify)), answer);
      const values = decodeMessage(RegressionResponse, regress.response);
      assert.equal(values.model_spec?.signature_name, 'regress');
      assert.deepEqual(
        values.result?.regressions.map(({ value }) => value),
        [2.75, 3.25],
      );
      assert.deepEqual(decodeMessage(RegressionResponse, await replay(regress)), values);
    }));
});
