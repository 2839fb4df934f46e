/** Lines of TensorFlow Serving's interface that take a whole server and real models to prove. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Code } from '../../src/errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import {
  GetModelMetadataRequest,
  GetModelMetadataResponse,
  GetModelStatusRequest,
  GetModelStatusResponse,
  type ModelSpec,
} from '../../src/gen/messages.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { createGrpcClient, encodePredict, type GrpcDoorClient, type PredictCall } from '../support/door-clients.js';
import { withInProcessServer } from '../support/in-process-server.js';
import { withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';

const LIMIT = { timeout: 120_000 };
const MODELS = ['half_plus_two', 'strings', 'no_batch', 'echo_float', 'echo_int8', 'echo_half', 'echo_bool'];
const { call: HALF } = halfPlusTwoCall([4]);

type Post = (model: string, body: string) => Promise<{ status: number; text: string }>;

/** The models of this file, over gRPC and as `:predict` over REST. */
function withModels(use: (grpc: GrpcDoorClient, post: Post) => Promise<void>): Promise<void> {
  return withInProcessServer(
    MODELS,
    async (ports) => {
      const grpc = createGrpcClient(ports.grpc);
      const post: Post = async (model, body) => {
        const url = `http://127.0.0.1:${ports.rest}/v1/models/${model}:predict`;
        const reply = await fetch(url, { method: 'POST', body });
        return { status: reply.status, text: await reply.text() };
      };
      try {
        await use(grpc, post);
      } finally {
        grpc.close();
      }
    },
    ['--log_level=error'],
  );
}

describe('gRPC, as TensorFlow Serving has it', LIMIT, () => {
  it('checks a Predict in order: spec, servable, signature, number of inputs, output_filter', () =>
    withModels(async (grpc) => {
      const none: PredictCall = { model: 'none', signature: 'none', inputs: {}, outputs: ['none'] };
      const refused = (call: PredictCall, status: Code, message: RegExp) =>
        assert.rejects(grpc.predict(call), { status, message });
      await refused({ ...none, model: '' }, Code.INVALID_ARGUMENT, /^ModelSpec has no name specified\./);
      await refused(none, Code.NOT_FOUND, /^Servable not found for request: Latest\(none\)/);
      await refused({ ...none, version: 7n }, Code.NOT_FOUND, /^Servable not found for request: Specific\(none, 7\)/);
      await refused({ ...none, model: 'half_plus_two' }, Code.FAILED_PRECONDITION, /"none" not found in signature def/);
      const noInput = { ...none, model: 'half_plus_two', signature: 'serving_default' };
      await refused(noInput, Code.INVALID_ARGUMENT, /Input 'x' .* is missing/);
      await refused({ ...noInput, inputs: HALF.inputs }, Code.INVALID_ARGUMENT, /no output 'none'/);
      await refused({ ...HALF, outputs: ['y', 'y'] }, Code.INVALID_ARGUMENT, /asked for twice/);
    }));

  it('takes names of models with the case of their letters', () =>
    withModels((grpc) =>
      assert.rejects(grpc.predict({ ...HALF, model: 'Half_Plus_Two' }), {
        status: Code.NOT_FOUND,
        message: /^Servable not found for request: Latest\(Half_Plus_Two\)/,
      }),
    ));

  it('answers GetModelStatus whatever version_label says, and with one version if that is asked for', () =>
    withModels(async (grpc) => {
      const status = async (spec: Init<ModelSpec>) => {
        const request = encodeMessage(GetModelStatusRequest, { model_spec: spec });
        const reply = await grpc.call('/tensorflow.serving.ModelService/GetModelStatus', request);
        return decodeMessage(GetModelStatusResponse, reply).model_version_status;
      };
      const available = [{ version: 1n, state: 30, status: { error_code: 0, error_message: '' } }];
      assert.deepEqual(await status({ name: 'strings', version_label: 'no such label' }), available);
      assert.deepEqual(await status({ name: 'strings', version: { value: 1n } }), available);
      await assert.rejects(status({ name: 'strings', version: { value: 7n } }), {
        status: Code.NOT_FOUND,
        message: /^Could not find version 7 of model strings/,
      });
      await assert.rejects(status({ name: 'none' }), {
        status: Code.NOT_FOUND,
        message: /^Could not find any versions of model none/,
      });
    }));

  it('answers GetModelMetadata with name and version, the signature_name empty', () =>
    withModels(async (grpc) => {
      const reply = await grpc.call(
        '/tensorflow.serving.PredictionService/GetModelMetadata',
        encodeMessage(GetModelMetadataRequest, {
          model_spec: { name: 'strings', signature_name: 'x' },
          metadata_field: ['signature_def'],
        }),
      );
      const { model_spec: spec, metadata } = decodeMessage(GetModelMetadataResponse, reply);
      assert.equal(spec?.name, 'strings');
      assert.equal(spec?.version?.value, 1n);
      assert.equal(spec?.signature_name, '');
      assert.deepEqual([...metadata.keys()], ['signature_def']);
    }));

  it('does not register SessionService, and has no PredictStreamed', () =>
    withModels(async (grpc) => {
      for (const path of ['SessionService/SessionRun', 'PredictionService/PredictStreamed'])
        await assert.rejects(grpc.call(`/tensorflow.serving.${path}`, encodePredict(HALF)), {
          status: Code.UNIMPLEMENTED,
        });
    }));
});

describe('REST bodies, as TensorFlow Serving has them', LIMIT, () => {
  const rows: [string, string, string, number, RegExp][] = [
    [
      'text after the document is ignored',
      'half_plus_two',
      '{"instances": [4.0]} and more',
      200,
      /"predictions": \[4\.0/,
    ],
    ['of equal keys the first counts', 'half_plus_two', '{"instances": [4.0], "instances": [0]}', 200, /\[4\.0/],
    [
      'NaN and Infinity come and go',
      'echo_float',
      '{"inputs": [NaN, -Infinity, Inf]}',
      200,
      /NaN,\s+-Infinity,\s+Infinity/,
    ],
    [
      'a float beyond range becomes infinite',
      'echo_float',
      '{"inputs": [1e39, -1e39]}',
      200,
      /\sInfinity,\s+-Infinity/,
    ],
    ['six significant digits, else nine', 'echo_float', '{"inputs": [0.1, 16777217.0]}', 200, /0\.1,\s+16777216\.0/],
    ['small integer types wrap', 'echo_int8', '{"inputs": [300, -129]}', 200, /44,\s+127/],
    ['an integer has no point', 'echo_int8', '{"inputs": [1.0]}', 400, /^\{\s*"error": /],
    ['an integer has no exponent', 'echo_int8', '{"inputs": [1e1]}', 400, /^\{\s*"error": /],
    ['bool is only true and false', 'echo_bool', '{"inputs": [1]}', 400, /^\{\s*"error": /],
    ['half is UNIMPLEMENTED: 501 columnar', 'echo_half', '{"inputs": [1.0]}', 501, /^\{\s*"error": /],
    ['half is UNIMPLEMENTED: 400 row', 'echo_half', '{"instances": [1.0]}', 400, /^\{\s*"error": /],
    ['a scalar is rank 0', 'echo_float', '{"inputs": 2.5}', 200, /^\{\s*"outputs": 2\.5\s*\}$/],
    ['instances and inputs: only one', 'half_plus_two', '{"instances": [1.0], "inputs": [1.0]}', 400, /"error"/],
    ['instances or inputs: at least one', 'half_plus_two', '{"signature_name": "serving_default"}', 400, /"error"/],
    ['instances are not empty', 'half_plus_two', '{"instances": []}', 400, /"error"/],
    ['items have one shape', 'echo_float', '{"instances": [[1.0], [1.0, 2.0]]}', 400, /"error"/],
    ['columns: unknown names are ignored', 'half_plus_two', '{"inputs": {"x": [4.0], "z": 1}}', 200, /4\.0/],
    ['strings as b64 or text', 'strings', '{"inputs": ["a", {"b64": "Yg=="}]}', 200, /"upper": \[\s*"A",\s*"B"\s*\]/],
    [
      '_bytes are written as b64',
      'strings',
      '{"inputs": ["a"]}',
      200,
      /"raw_bytes": \[\s*\{\s*"b64": "YQ=="\s*\}\s*\]/,
    ],
    ['a string in b64 has no other key', 'strings', '{"inputs": [{"b64": "Yg==", "x": 1}]}', 400, /"error"/],
  ];
  it('each line', (t) =>
    withModels(async (_grpc, post) => {
      for (const [line, model, body, status, text] of rows) {
        await t.test(line, async () => {
          const reply = await post(model, body);
          assert.equal(reply.status, status, reply.text);
          assert.match(reply.text, text);
        });
      }
    }));
});

describe('Prometheus, as TensorFlow Serving has it', LIMIT, () => {
  const families = [
    ['request_count', 'counter', 'model_name="half_plus_two",status="OK"'],
    ['request_latency', 'histogram', 'model_name="half_plus_two",API="Predict",entrypoint="GRPC",le="10"'],
    ['runtime_latency', 'histogram', 'model_name="half_plus_two",API="Predict",runtime="TF1",le="10"'],
  ] as const;

  it('has its names, types and labels on the default path of MonitoringConfig', () =>
    withTempDir(async (folder) => {
      const path = join(folder, 'monitoring.config');
      await writeFile(path, 'prometheus_config { enable: true }');
      await withServer([`--monitoring_config_file=${path}`], async ({ ports }) => {
        const grpc = createGrpcClient(ports.grpc);
        await grpc.predict(HALF).finally(() => grpc.close());
        const reply = await fetch(`http://127.0.0.1:${ports.rest}/monitoring/prometheus/metrics`);
        assert.match(reply.headers.get('content-type') ?? '', /^text\/plain/);
        const lines = (await reply.text()).split('\n');
        for (const [name, type, labels] of families) {
          const metric = `:tensorflow:serving:${name}`;
          assert.ok(lines.includes(`# TYPE ${metric} ${type}`), name);
          const series = type === 'histogram' ? `${metric}_bucket{${labels}}` : `${metric}{${labels}}`;
          assert.ok(
            lines.some((line) => line.startsWith(`${series} `)),
            `${series}\n${lines.join('\n')}`,
          );
          if (type !== 'histogram') continue;
          const buckets = lines.filter((line) => line.startsWith(`${metric}_bucket{${labels.split('le=')[0]}`));
          assert.ok(buckets.length >= 33, `${buckets.length} buckets`);
          assert.ok(buckets.at(-1)?.includes('le="+Inf"'));
        }
        assert.ok(!lines.some((line) => line.startsWith('# HELP')));
      });
    }));
});
