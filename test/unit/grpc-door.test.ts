import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { connect } from 'node:net';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import type { Api } from '../../src/api/api.js';
import { createGrpcDoor } from '../../src/doors/grpc/index.js';
import { Code, failedPrecondition, notFound, ServingError } from '../../src/errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  ReloadConfigRequest,
  ReloadConfigResponse,
  ServerReflectionRequest,
  ServerReflectionResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../src/gen/messages.js';
import { DataType } from '../../src/tensor/dtype.js';
import type { PredictRequest } from '../../src/tensor/predict-request.js';
import { fakeOutputs } from '../support/graphpipe-outputs.js';
import { callDialogue, callServerStream, callUnary, withGrpcDoor } from '../support/grpc-door.js';
import { goldenPredict } from '../support/grpc-requests.js';

const PREDICT = '/tensorflow.serving.PredictionService/Predict';
const METADATA = '/tensorflow.serving.PredictionService/GetModelMetadata';
const STATUS = '/tensorflow.serving.ModelService/GetModelStatus';
const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const REFLECTION = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo';

const NO_MODEL = Buffer.alloc(0);
const MODEL_M = Buffer.from('0a030a016d', 'hex');

const OUTPUTS = fakeOutputs([
  { alias: 'y', dtype: DataType.FLOAT, shape: [1], raw: Buffer.from(Float32Array.of(2.5).buffer) },
]);

function isStatus(code: Code, details: RegExp): (error: unknown) => boolean {
  return (error) => {
    const { code: actual, details: text } = error as grpc.ServiceError;
    assert.equal(actual, code, text);
    assert.match(text, details);
    return true;
  };
}

function isServingError(code: Code): (error: unknown) => boolean {
  return (error) => error instanceof ServingError && error.code === code;
}

const healthRequest = (service: string) => encodeMessage(HealthCheckRequest, { service });
const servingStatus = (reply: Uint8Array) => decodeMessage(HealthCheckResponse, reply).status;

for (const transport of ['native', 'grpc-js'] as const)
  suite(`over ${transport}`, () => {
    const withDoor: typeof withGrpcDoor = (api, use, options = {}) => withGrpcDoor(api, use, { ...options, transport });

    test('Predict hands the request to the Api and answers with its outputs', async () => {
      let seen: PredictRequest | undefined;
      const api = {
        predict: async <T>(request: PredictRequest, encode: (outputs: typeof OUTPUTS) => T) => {
          seen = request;
          return encode(OUTPUTS);
        },
      };
      await withDoor(api, async ({ client }) => {
        const before = Date.now();
        const reply = await callUnary(client, PREDICT, goldenPredict('floatVal'), { deadline: before + 5000 });
        assert.match(reply.toString('hex'), /^0a13.*00002040/);
        assert.deepEqual(seen?.modelSpec, { name: 'm', version: 7n });
        assert.ok(Math.abs((seen?.deadlineMillis ?? 0) - before - 5000) < 1000);
      });
    });

    test('errors keep their code and text, whatever characters are in it', async () => {
      const text = 'No model "é\n100% 模型" here: \ud800.';
      await withDoor({ predict: () => Promise.reject(notFound(text)) }, async ({ client }) => {
        const call = callUnary(client, PREDICT, goldenPredict('content'));
        await assert.rejects(call, isStatus(Code.NOT_FOUND, /^No model "é\n100% 模型" here: \ufffd\.$/));
      });
    });

    test('an error text beyond 1024 bytes is cut between characters and marked', async () => {
      const text = `a${'é'.repeat(600)}`;
      await withDoor({ predict: () => Promise.reject(failedPrecondition(text)) }, async ({ client }) => {
        const call = callUnary(client, PREDICT, goldenPredict('content'));
        await assert.rejects(call, isStatus(Code.FAILED_PRECONDITION, /^aé{511}\.\.\.TRUNCATED$/));
      });
    });

    test('what is no ServingError is INTERNAL', async () => {
      await withDoor({ predict: () => Promise.reject(new TypeError('oops')) }, async ({ client }) => {
        await assert.rejects(callUnary(client, PREDICT, goldenPredict('content')), isStatus(Code.INTERNAL, /^oops$/));
      });
    });

    test('malformed requests are INVALID_ARGUMENT', async () => {
      await withDoor({}, async ({ client }) => {
        await assert.rejects(
          callUnary(client, PREDICT, NO_MODEL),
          isStatus(Code.INVALID_ARGUMENT, /^Missing ModelSpec$/),
        );
        await assert.rejects(
          callUnary(client, STATUS, NO_MODEL),
          isStatus(Code.INVALID_ARGUMENT, /^Missing ModelSpec$/),
        );
        await assert.rejects(
          callUnary(client, METADATA, NO_MODEL),
          isStatus(Code.INVALID_ARGUMENT, /^Missing ModelSpec$/),
        );
        await assert.rejects(
          callUnary(client, PREDICT, Buffer.from([1])),
          isStatus(Code.INVALID_ARGUMENT, /malformed/),
        );
      });
    });

    test('unknown methods are UNIMPLEMENTED and named', async () => {
      await withDoor({}, async ({ client }) => {
        await assert.rejects(
          callUnary(client, '/no.Such/Method', NO_MODEL),
          isStatus(Code.UNIMPLEMENTED, /no\.Such\/Method/),
        );
      });
    });

    test('HandleReloadConfigRequest passes configuration and metric names on, and answers with what grew', async () => {
      const asked: unknown[] = [];
      const reloadConfig: Api['reloadConfig'] = async (config, metricNames) => {
        asked.push(
          config?.model_config_list?.config.map(({ name }) => name),
          metricNames,
        );
        return [{ name: 'x', increase: -3n }];
      };
      await withDoor({ reloadConfig }, async ({ client }) => {
        const request = encodeMessage(ReloadConfigRequest, {
          config: { model_config_list: { config: [{ name: 'm' }] } },
          metric_names: ['x'],
        });
        const path = '/tensorflow.serving.ModelService/HandleReloadConfigRequest';
        const reply = decodeMessage(ReloadConfigResponse, await callUnary(client, path, request));
        assert.deepEqual(asked, [['m'], ['x']]);
        assert.deepEqual(reply.metric, [{ name: 'x', int64_value_increase: -3n }]);
        assert.deepEqual(reply.status, { error_code: 0, error_message: '' });
      });
    });

    test('a request beyond the limit is refused with the limit and its flag', async () => {
      const use = async ({ client }: { client: grpc.Client }) => {
        const tooLong = callUnary(client, PREDICT, Buffer.alloc(1001));
        await assert.rejects(tooLong, isStatus(Code.RESOURCE_EXHAUSTED, /longer than 1000 bytes.*--max_request_bytes/));
        await assert.rejects(
          callUnary(client, PREDICT, Buffer.alloc(1000)),
          isStatus(Code.INVALID_ARGUMENT, /malformed/),
        );
      };
      await withDoor({}, use, { maxMessageBytes: 1000 });
    });

    test('a large message goes in and out whole', async () => {
      const raw = Buffer.alloc(6_000_000, 7);
      const outputs = fakeOutputs([{ alias: 'y', dtype: DataType.UINT8, shape: [raw.length], raw }]);
      const content = Buffer.concat([Buffer.from('0a030a016d3a80ade204', 'hex'), Buffer.alloc(10_000_000)]);
      const api = { predict: async <T>(_: PredictRequest, encode: (o: typeof outputs) => T) => encode(outputs) };
      await withDoor(api, async ({ port }) => {
        const options = { 'grpc.max_receive_message_length': -1 };
        const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), options);
        assert.ok((await callUnary(client, PREDICT, content)).includes(raw));
        client.close();
      });
    });

    test('a deadline that passes and a client that cancels both cancel the request', async () => {
      let cancelled: () => void = () => {};
      const api = {
        predict: <T>(request: PredictRequest): Promise<T> => {
          request.cancellation?.onCancel(() => cancelled());
          return new Promise(() => {});
        },
      };
      await withDoor(api, async ({ client }) => {
        const byDeadline = new Promise<void>((resolve) => {
          cancelled = resolve;
        });
        const call = callUnary(client, PREDICT, goldenPredict('content'), { deadline: Date.now() + 50 });
        await assert.rejects(call, isStatus(Code.DEADLINE_EXCEEDED, /eadline/));
        await byDeadline;
        const byClient = new Promise<void>((resolve) => {
          cancelled = resolve;
        });
        const bytes = (x: Buffer) => x;
        const running = client.makeUnaryRequest(PREDICT, bytes, bytes, goldenPredict('content'), () => {});
        await sleep(50);
        running.cancel();
        await byClient;
      });
    });

    test('an answered request is not cancelled afterwards', async () => {
      let seen: PredictRequest | undefined;
      const api = {
        predict: async <T>(request: PredictRequest, encode: (outputs: typeof OUTPUTS) => T) => {
          seen = request;
          return encode(OUTPUTS);
        },
      };
      await withDoor(api, async ({ client }) => {
        await callUnary(client, PREDICT, goldenPredict('content'));
        await sleep(20);
        assert.equal(seen?.cancellation?.cancelled, false);
      });
    });

    test('GetModelMetadata answers with the signatures as they stand in the model', async () => {
      const signatureDef = Buffer.from('1a1a74656e736f72666c6f772f73657276696e672f70726564696374', 'hex');
      const signature = {
        name: 'serving_default',
        methodName: 'tensorflow/serving/predict',
        inputs: [],
        outputs: [],
        signatureDef,
        isInternal: false,
      };
      const api = { modelMetadata: () => ({ id: { name: 'm', version: 3n }, signatures: [signature] }) };
      await withDoor(api, async ({ client }) => {
        const reply = await callUnary(client, METADATA, Buffer.concat([MODEL_M, Buffer.from('\x12\x0dsignature_def')]));
        // Written by Python's tensorflow-serving-api 2.21.
        assert.equal(
          reply.toString('hex'),
          '0a070a016d12020803127c0a0d7369676e61747572655f646566126b0a36747970652e676f6f676c65617069732e636f6d2f74656e736f72' +
            '666c6f772e73657276696e672e5369676e61747572654465664d617012310a2f0a0f73657276696e675f64656661756c74121c1a1a7465' +
            '6e736f72666c6f772f73657276696e672f70726564696374',
        );
        await assert.rejects(
          callUnary(client, METADATA, MODEL_M),
          isStatus(Code.INVALID_ARGUMENT, /^GetModelMetadataRequest must specify at least one metadata_field/),
        );
        const other = callUnary(client, METADATA, Buffer.concat([MODEL_M, Buffer.from('\x12\x03abc')]));
        await assert.rejects(other, isStatus(Code.INVALID_ARGUMENT, /^Metadata field abc is not supported/));
      });
    });

    test('GetModelStatus answers with all states and their errors', async () => {
      const states = [
        { id: { name: 'm', version: 2n ** 53n + 1n }, state: 30 as const },
        { id: { name: 'm', version: 1n }, state: 50 as const, error: failedPrecondition('broken') },
      ];
      await withDoor({ modelStatus: () => states }, async ({ client }) => {
        const reply = await callUnary(client, STATUS, MODEL_M);
        assert.equal(reply.toString('hex'), '0a0d088180808080808010101e1a000a10080110321a0a0809120662726f6b656e');
      });
    });

    test('a health check follows the readiness of the server', async () => {
      let ready = false;
      await withDoor({ ready: () => ready }, async ({ client }) => {
        const check = async (service: string) => servingStatus(await callUnary(client, CHECK, healthRequest(service)));
        assert.equal(await check(''), Status.NOT_SERVING);
        ready = true;
        for (const service of [
          '',
          'tensorflow.serving.PredictionService',
          'tensorflow.serving.ModelService',
          'PredictionService',
          'ModelService',
        ]) {
          assert.equal(await check(service), Status.SERVING, service);
        }
        await assert.rejects(check('nobody'), isStatus(Code.NOT_FOUND, /no service "nobody"/));
      });
    });

    test('a health watch tells each change, and an unknown service is no error', async () => {
      let ready = false;
      await withDoor({ ready: () => ready }, async ({ client }) => {
        const stream = callServerStream(client, WATCH, healthRequest(''));
        stream.on('error', () => {});
        assert.equal(servingStatus((await once(stream, 'data'))[0]), Status.NOT_SERVING);
        ready = true;
        assert.equal(servingStatus((await once(stream, 'data'))[0]), Status.SERVING);
        stream.cancel();
        const unknown = callServerStream(client, WATCH, healthRequest('nobody'));
        unknown.on('error', () => {});
        assert.equal(servingStatus((await once(unknown, 'data'))[0]), Status.SERVICE_UNKNOWN);
        unknown.cancel();
      });
    });

    test('reflection lists the services and hands out files with their imports, in both versions', async () => {
      await withDoor({}, async ({ client }) => {
        for (const path of [REFLECTION, REFLECTION.replace('v1', 'v1alpha')]) {
          const stream = callDialogue(client, path);
          const ask = async (request: Init<ServerReflectionRequest>) => {
            stream.write(Buffer.from(encodeMessage(ServerReflectionRequest, request)));
            return decodeMessage(ServerReflectionResponse, (await once(stream, 'data'))[0] as Buffer);
          };
          const list = await ask({ list_services: '' });
          const services = list.list_services_response?.service.map(({ name }) => name) ?? [];
          assert.ok(services.includes('tensorflow.serving.PredictionService'));
          assert.ok(services.includes('grpc.reflection.v1alpha.ServerReflection'));
          const file = await ask({ file_containing_symbol: 'tensorflow.serving.PredictionService.Predict' });
          assert.ok((file.file_descriptor_response?.file_descriptor_proto.length ?? 0) > 10);
          const named = await ask({ file_by_filename: 'tensorflow/core/framework/types.proto' });
          assert.equal(named.file_descriptor_response?.file_descriptor_proto.length, 1);
          const missing = await ask({ file_containing_symbol: 'no.Such' });
          assert.equal(missing.error_response?.error_code, Code.NOT_FOUND);
          stream.end();
          await once(stream, 'status');
        }
      });
    });

    test('a port in use is UNAVAILABLE and says what to do', async () => {
      await withDoor({}, async ({ port }) => {
        const second = createGrpcDoor({} as never, { host: '127.0.0.1', port, transport });
        await assert.rejects(second.listen(), (error) => {
          assert.ok(error instanceof ServingError && error.code === Code.UNAVAILABLE);
          assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}: another process .*--port\\.$`));
          return true;
        });
      });
    });

    test('draining answers the call in flight, refuses new ones, and does not wait for idle connections', async () => {
      let answer: () => void = () => {};
      const waiting = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const api = {
        predict: async <T>(_: PredictRequest, encode: (outputs: typeof OUTPUTS) => T) => {
          await waiting;
          return encode(OUTPUTS);
        },
      };
      await withDoor(api, async ({ door, port, client }) => {
        const idle = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
          'grpc.use_local_subchannel_pool': 1,
        });
        await callUnary(idle, CHECK, healthRequest(''));
        const silent = connect(port, '127.0.0.1');
        await once(silent, 'connect');
        const watch = callServerStream(idle, WATCH, healthRequest(''));
        const watchEnd = once(watch, 'error');
        await once(watch, 'data');
        const inFlight = callUnary(client, PREDICT, goldenPredict('content'));
        await sleep(50);
        let drained = false;
        const draining = door.drain().then(() => {
          drained = true;
        });
        assert.ok(isStatus(Code.UNAVAILABLE, /stopping/)((await watchEnd)[0]));
        await assert.rejects(callUnary(idle, CHECK, healthRequest(''), { deadline: Date.now() + 300 }));
        assert.equal(drained, false);
        answer();
        assert.ok((await inFlight).length > 0);
        await draining;
        idle.close();
        silent.destroy();
      });
    });

    test('draining waits for a request whose message is still coming in', async () => {
      const api = { predict: async <T>(_: PredictRequest, encode: (outputs: typeof OUTPUTS) => T) => encode(OUTPUTS) };
      await withDoor(api, async ({ door, port }) => {
        const session = http2.connect(`http://127.0.0.1:${port}`);
        const stream = session.request({
          ':method': 'POST',
          ':path': PREDICT,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        const message = goldenPredict('content');
        const frame = Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
        stream.write(frame.subarray(0, 10));
        await sleep(50);
        const draining = door.drain();
        await sleep(1500);
        stream.end(frame.subarray(10));
        stream.resume();
        const [trailers] = await once(stream, 'trailers');
        assert.equal(trailers['grpc-status'], '0');
        session.close();
        await draining;
      });
    });

    test('a door can be drained before it listens, and then does not listen any more', async () => {
      const door = createGrpcDoor({} as never, { host: '127.0.0.1', port: 0, transport });
      await door.drain();
      await assert.rejects(door.listen(), isServingError(Code.UNAVAILABLE));
    });

    test('a connection older than grpc.max_connection_age_ms is sent away, and its last call is answered', async () => {
      let answer: () => void = () => {};
      const waiting = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const api = {
        predict: async <T>(_: PredictRequest, encode: (outputs: typeof OUTPUTS) => T) => {
          await waiting;
          return encode(OUTPUTS);
        },
      };
      const use = async ({ port }: { port: number }) => {
        const session = http2.connect(`http://127.0.0.1:${port}`);
        const closed = once(session, 'close');
        const headers = { ':method': 'POST', ':path': PREDICT, 'content-type': 'application/grpc', te: 'trailers' };
        const stream = session.request(headers);
        const message = goldenPredict('content');
        stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
        const trailers = once(stream, 'trailers');
        await once(session, 'goaway');
        stream.resume();
        answer();
        assert.equal((await trailers)[0]['grpc-status'], '0');
        await closed;
      };
      await withDoor(api, use, { channelArguments: { 'grpc.max_connection_age_ms': 100 } });
    });

    test('closing drops the calls in flight', async () => {
      await withDoor({ predict: () => new Promise(() => {}) }, async ({ door, client }) => {
        const call = callUnary(client, PREDICT, goldenPredict('content'));
        await sleep(50);
        door.close();
        await assert.rejects(call);
      });
    });
  });
