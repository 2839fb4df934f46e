import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findGrpcurl } from '../support/programs.js';
import { runProcess } from '../support/run-process.js';
import { type TestServer, withServer } from '../support/with-server.js';

const PREDICTION = 'tensorflow.serving.PredictionService';
const MODEL = 'tensorflow.serving.ModelService';

const grpcurl = await findGrpcurl();

/** Runs grpcurl with nothing but what the server tells by reflection, and resolves with what it prints. */
function run({ ports }: TestServer, options: readonly string[], words: readonly string[]): Promise<string> {
  const args = ['-plaintext', '-max-time', '20', ...options, `127.0.0.1:${ports.grpc}`, ...words];
  return runProcess(grpcurl.path(), args, { timeoutMillis: 30_000 });
}

async function call(server: TestServer, method: string, request: object, options: string[] = []): Promise<unknown> {
  return JSON.parse(await run(server, [...options, '-d', JSON.stringify(request)], [method]));
}

/** grpcurl prints `Code:` and `Message:` of a failed call, and ends with 64 and the code. */
async function refused(server: TestServer, method: string, request: object, text: RegExp): Promise<void> {
  await assert.rejects(call(server, method, request), text);
}

const floats = (...values: number[]) => ({
  dtype: 'DT_FLOAT',
  tensor_shape: { dim: [{ size: values.length }] },
  float_val: values,
});

test('grpcurl, by reflection alone', { skip: grpcurl.skip, timeout: 120_000 }, async (t) => {
  grpcurl.path(); // says what is missing before a server is started in vain
  await withServer([], async (server) => {
    await t.test('The services are listed, and their methods.', async () => {
      const services = (await run(server, [], ['list'])).trim().split('\n');
      for (const service of [PREDICTION, MODEL, 'grpc.health.v1.Health'])
        assert.ok(services.includes(service), service);
      const methods = (await run(server, [], ['list', PREDICTION])).trim().split('\n');
      assert.ok(methods.includes(`${PREDICTION}.Predict`));
      assert.ok(methods.includes(`${PREDICTION}.GetModelMetadata`));
    });

    await t.test('Services, methods and messages are described; what is not there is refused.', async () => {
      const predict =
        /rpc Predict \( \.tensorflow\.serving\.PredictRequest \) returns \( \.tensorflow\.serving\.PredictResponse \)/;
      assert.match(await run(server, [], ['describe', PREDICTION]), predict);
      const message = await run(server, [], ['describe', 'tensorflow.serving.PredictRequest']);
      assert.match(message, /\.tensorflow\.serving\.ModelSpec model_spec = 1;/);
      assert.match(message, /map<string, \.tensorflow\.TensorProto> inputs = 2;/);
      assert.match(await run(server, [], ['describe', 'tensorflow.DataType']), /DT_BFLOAT16 = 14;/);
      await assert.rejects(run(server, [], ['describe', 'tensorflow.serving.Nope']), /not found/i);
    });

    await t.test('Predict runs from JSON.', async () => {
      const reply = await call(server, `${PREDICTION}/Predict`, {
        model_spec: { name: 'half_plus_two' },
        inputs: { x: floats(1, 2, 5) },
      });
      assert.deepEqual(reply, {
        outputs: { y: { dtype: 'DT_FLOAT', tensorShape: { dim: [{ size: '3' }] }, floatVal: [2.5, 3, 4.5] } },
        modelSpec: { name: 'half_plus_two', version: '1', signatureName: 'serving_default' },
      });
    });

    await t.test('Predict takes strings, and gives only the outputs asked for.', async () => {
      const base64 = (text: string) => Buffer.from(text).toString('base64');
      const text = {
        dtype: 'DT_STRING',
        tensor_shape: { dim: [{ size: 2 }] },
        string_val: [base64('gate'), base64('ö')],
      };
      const request = { model_spec: { name: 'strings' }, inputs: { text }, output_filter: ['upper'] };
      const { outputs } = (await call(server, `${PREDICTION}/Predict`, request)) as { outputs: object };
      const upper = {
        dtype: 'DT_STRING',
        tensorShape: { dim: [{ size: '2' }] },
        stringVal: [base64('GATE'), base64('ö')],
      };
      assert.deepEqual(outputs, { upper });
    });

    await t.test('GetModelStatus tells that the model is available.', async () => {
      const reply = await call(server, `${MODEL}/GetModelStatus`, { model_spec: { name: 'digits' } });
      assert.deepEqual(reply, { model_version_status: [{ version: '1', state: 'AVAILABLE', status: {} }] });
    });

    await t.test('GetModelMetadata gives an Any whose type reflection knows.', async () => {
      const request = { model_spec: { name: 'half_plus_two' }, metadata_field: ['signature_def'] };
      const reply = JSON.stringify(await call(server, `${PREDICTION}/GetModelMetadata`, request));
      assert.match(reply, /"@type":"type\.googleapis\.com\/tensorflow\.serving\.SignatureDefMap"/);
      assert.match(reply, /"serving_default":\{"inputs":\{"x":/);
    });

    await t.test('The health service says SERVING, and knows no other services.', async () => {
      assert.deepEqual(await call(server, 'grpc.health.v1.Health/Check', {}), { status: 'SERVING' });
      const named = { service: PREDICTION };
      assert.deepEqual(await call(server, 'grpc.health.v1.Health/Check', named), { status: 'SERVING' });
      await refused(server, 'grpc.health.v1.Health/Check', { service: 'nope' }, /ended with 69:.*Code: NotFound/s);
    });

    await t.test('Refusals have their code and say what was wrong.', async () => {
      const inputs = { x: floats(1) };
      const method = `${PREDICTION}/Predict`;
      await refused(server, method, {}, /ended with 67:.*Code: InvalidArgument\s+Message: Missing ModelSpec/s);
      const unknown = { model_spec: { name: 'nope' }, inputs };
      await refused(
        server,
        method,
        unknown,
        /ended with 69:.*Message: Servable not found for request: Latest\(nope\)/s,
      );
      const signature = { model_spec: { name: 'half_plus_two', signature_name: 'nope' }, inputs };
      await refused(server, method, signature, /ended with 73:.*Code: FailedPrecondition\s+Message: .*nope/s);
      const misnamed = { model_spec: { name: 'half_plus_two' }, inputs: { y: floats(1) } };
      await refused(server, method, misnamed, /ended with 67:.*Code: InvalidArgument\s+Message: .*'y'/s);
    });
  });
});
