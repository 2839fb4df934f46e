import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, type ServingError } from '../../src/errors.js';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { ConfigProto } from '../../src/gen/messages.js';
import { requestSource } from '../../src/metrics/metrics.js';
import { Replicas } from '../../src/servables/replicas.js';
import { generalSessionConfig, leanSessionConfig, remoteSessionConfig } from '../../src/servables/session-config.js';
import type { EncodeOutputs, PredictRequest } from '../../src/tensor/predict-request.js';
import { parseDeviceFlags } from '../../src/workers/device-names.js';

const NO_REQUEST = {} as PredictRequest;
const SOURCE = requestSource('grpc', 'Predict');
const encode: EncodeOutputs<string> = () => '';

/** Replicas that answer when they are told to; `asked` has their numbers in the order of the requests. */
function replicas(count: number, loads = Array.from({ length: count }, () => ({ inFlight: 0 }))) {
  const asked: number[] = [];
  const open: { resolve(): void; reject(): void }[] = [];
  const all = loads.map((load, index) => ({
    load,
    predict: <T>() => {
      asked.push(index);
      return new Promise<T>((resolve, reject) => {
        open.push({ resolve: () => resolve('' as T), reject: () => reject(new Error('no')) });
      });
    },
  }));
  const model = new Replicas(all);
  const ask = () => model.predict(NO_REQUEST, encode, SOURCE);
  return { asked, open, loads, ask };
}

describe('--devices and --model_devices', () => {
  it('name devices by type and number, in either case; `all` leaves the choice to the machine', () => {
    assert.deepEqual(parseDeviceFlags('CPU:0, gpu:01', '').devices, ['CPU:0', 'GPU:1']);
    assert.equal(parseDeviceFlags('all', '').devices, 'all');
  });

  it('give models devices of their own, several joined by a plus', () => {
    const { models } = parseDeviceFlags('all', 'a=GPU:0+GPU:1,b=CPU:0');
    assert.deepEqual(
      [...models],
      [
        ['a', ['GPU:0', 'GPU:1']],
        ['b', ['CPU:0']],
      ],
    );
  });

  it('are refused, with the text and how to write it, where they are written otherwise', () => {
    const cases: [string, string, RegExp][] = [
      ['TPU:0', '', /--devices cannot say "TPU:0".*GPU:0 or CPU:1/],
      ['GPU', '', /--devices cannot say "GPU"/],
      ['', '', /--devices cannot say ""/],
      ['CPU:1,CPU:01', '', /--devices cannot say "CPU:1".*twice/],
      ['all', 'CPU:0', /--model_devices cannot say "CPU:0".*MODEL=GPU:0\+GPU:1/],
      ['all,CPU:0', '', /--devices cannot say "all"/],
      ['CPU:-1', '', /--devices cannot say "CPU:-1"/],
      ['/device:CPU:0', '', /--devices cannot say "\/device:CPU:0"/],
      ['all', '=CPU:0', /--model_devices cannot say "=CPU:0".*MODEL=/],
      ['all', 'a=CPU:0+GPU', /--model_devices cannot say "GPU".*GPU:0 or CPU:1/],
      ['all', 'a=CPU:0+CPU:0', /--model_devices cannot say "CPU:0".*twice/],
      ['all', 'a=', /--model_devices cannot say ""/],
      ['all', 'a=CPU:0,a=CPU:1', /"a=CPU:1".*already stands/],
    ];
    for (const [devices, models, message] of cases) {
      assert.throws(
        () => parseDeviceFlags(devices, models),
        (error: ServingError) => error.code === Code.INVALID_ARGUMENT && message.test(error.message),
        `${devices} ${models}`,
      );
    }
  });
});

describe('Requests for a model with several replicas', () => {
  it('go to each in its turn while all are idle', async () => {
    const { asked, open, ask } = replicas(3);
    for (let i = 0; i < 6; i++) {
      const answer = ask();
      open.at(-1)?.resolve();
      await answer;
    }
    assert.deepEqual(asked, [0, 1, 2, 0, 1, 2]);
  });

  it('go to the one whose device has the fewest requests waiting and running', async () => {
    const { asked, open, ask } = replicas(2);
    const answers = [ask(), ask(), ask()]; // 0 has two, 1 has one
    open[0]?.resolve();
    open[2]?.resolve();
    await Promise.all([answers[0], answers[2]]);
    void ask();
    void ask();
    // The idle one, then, among equals, the one whose turn it is.
    assert.deepEqual(asked, [0, 1, 0, 0, 1]);
  });

  it('see what other models have the device do', () => {
    const { asked, ask } = replicas(2, [{ inFlight: 5 }, { inFlight: 0 }]);
    for (let i = 0; i < 5; i++) void ask();
    assert.deepEqual(asked, [1, 1, 1, 1, 1]);
  });

  it('are counted until they are answered, also with an error', async () => {
    const { open, loads, ask } = replicas(1);
    const answers = [ask(), ask()];
    assert.equal(loads[0]?.inFlight, 2);
    open[0]?.resolve();
    open[1]?.reject();
    await Promise.allSettled(answers);
    assert.equal(loads[0]?.inFlight, 0);
  });
});

describe('The configuration of sessions', () => {
  const usual = { intraOp: 0, interOp: 0 };

  it('has as many CPU devices as the flags name, and no fewer than the file says', () => {
    const devices = { cpus: 3, gpuMemoryLimitsMb: [] };
    const said = (count: number) =>
      decodeMessage(ConfigProto, generalSessionConfig({ ...usual, devices, base: base(count) }));
    const base = (count: number) => ({
      ...decodeMessage(ConfigProto, new Uint8Array()),
      device_count: new Map([['CPU', count]]),
    });
    assert.equal(said(2).device_count.get('CPU'), 3);
    assert.equal(said(4).device_count.get('CPU'), 4);
    assert.equal(decodeMessage(ConfigProto, leanSessionConfig(usual)).device_count.size, 0);
  });

  it('leaves GPUs alone where all models run on CPUs', () => {
    const devices = { cpus: 1, gpuMemoryLimitsMb: [], withoutGpus: true };
    const { device_count } = decodeMessage(ConfigProto, leanSessionConfig({ ...usual, devices }));
    assert.deepEqual(device_count, new Map([['GPU', 0]]));
  });

  it('limits the memory of each GPU, and still takes it as it is needed', () => {
    const devices = { cpus: 1, gpuMemoryLimitsMb: [512, 512] };
    const { gpu_options: gpu } = decodeMessage(ConfigProto, generalSessionConfig({ ...usual, devices }));
    const limits = gpu?.experimental?.virtual_devices.map(({ memory_limit_mb }) => memory_limit_mb);
    assert.deepEqual(limits, [[512], [512]]);
    assert.equal(gpu?.allow_growth, true);
  });

  it('of another server leaves threads and executors to that one, keeps variables apart and ends what takes too long', () => {
    const config = decodeMessage(ConfigProto, remoteSessionConfig(usual));
    assert.equal(config.inter_op_parallelism_threads, 0);
    assert.equal(config.experimental, undefined);
    assert.equal(config.isolate_session_state, true);
    assert.equal(config.operation_timeout_in_ms, 60_000n);
    const base = { ...config, operation_timeout_in_ms: 5n };
    assert.equal(decodeMessage(ConfigProto, remoteSessionConfig({ ...usual, base })).operation_timeout_in_ms, 5n);
  });
});
