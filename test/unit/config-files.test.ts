import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readConfigFiles } from '../../src/config-files.js';
import { Code, type ServingError } from '../../src/errors.js';
import { parseFlags } from '../../src/flags/flags.js';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { ConfigProto } from '../../src/gen/messages.js';
import { generalSessionConfig, leanSessionConfig } from '../../src/servables/session-config.js';
import { withTempDir } from '../support/models.js';

/** What the flags make of a file with this text. */
async function readWith(flag: string, text: string, ...others: string[]) {
  return readFileWith('file.cfg', flag, text, ...others);
}

async function readFileWith(name: string, flag: string, text: string, ...others: string[]) {
  return withTempDir(async (folder) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return readConfigFiles(parseFlags([`--${flag}=${path}`, ...others]).flags);
  });
}

async function refusal(flag: string, text: string): Promise<ServingError> {
  return readWith(flag, text).then(
    () => assert.fail(`${text} should be refused`),
    (error: ServingError) => error,
  );
}

describe('monitoring_config_file', () => {
  const paths = async (text: string, ...others: string[]) =>
    (await readWith('monitoring_config_file', text, ...others)).metricsPaths;

  it('adds its path to ours; by default it is /monitoring/prometheus/metrics', async () => {
    assert.deepEqual(await paths('prometheus_config { enable: true path: "/x" }'), ['/metrics', '/x']);
    assert.deepEqual(await paths('prometheus_config { enable: true }'), ['/metrics', '/monitoring/prometheus/metrics']);
    assert.deepEqual(await paths('prometheus_config { enable: true }', '--metrics_path='), [
      '/monitoring/prometheus/metrics',
    ]);
  });

  it('may leave out the slash that its path begins with', async () => {
    assert.deepEqual(await paths('prometheus_config { enable: true path: "x" }', '--metrics_path=m'), ['/m', '/x']);
  });

  it('adds none where it does not enable the metrics', async () => {
    for (const text of ['', 'prometheus_config { path: "/x" }', 'prometheus_config { enable: false path: "/x" }']) {
      assert.deepEqual(await paths(text), ['/metrics']);
    }
  });

  it('is refused, with its name and the place, if it cannot be read or parsed', async () => {
    const { code, message } = await refusal('monitoring_config_file', 'prometheus_config { enabled: true }');
    assert.equal(code, Code.INVALID_ARGUMENT);
    assert.match(message, /file\.cfg.*tensorflow\.serving\.MonitoringConfig: 1:\d+: .*enabled/s);
    await assert.rejects(
      readConfigFiles(parseFlags(['--monitoring_config_file=/no/such']).flags),
      /\/no\/such.*cannot be read/,
    );
  });
});

describe('metrics_path', () => {
  it('is /metrics, another path, or off', async () => {
    const paths = async (...args: string[]) => (await readConfigFiles(parseFlags(args).flags)).metricsPaths;
    assert.deepEqual(
      [await paths(), await paths('--metrics_path=/m'), await paths('--metrics_path=')],
      [['/metrics'], ['/m'], []],
    );
  });
});

describe('batching_parameters_file', () => {
  it('is read as BatchingParameters', async () => {
    const text = 'max_batch_size { value: 32 } batch_timeout_micros { value: 100 } allowed_batch_sizes: [8, 32]';
    const { batching } = await readWith('batching_parameters_file', text);
    assert.equal(batching?.max_batch_size?.value, 32n);
    assert.deepEqual(batching?.allowed_batch_sizes, [8n, 32n]);
  });

  it('is refused if the last of allowed_batch_sizes is not max_batch_size, or if they do not rise', async () => {
    const cases: [string, RegExp][] = [
      [
        'max_batch_size { value: 64 } allowed_batch_sizes: [8, 32]',
        /last of allowed_batch_sizes .* is 32, .* max_batch_size, 64/,
      ],
      ['allowed_batch_sizes: [8, 32]', /is 32, .* max_batch_size, 1000, which is its default/],
      [
        'max_batch_size { value: 64 } enable_large_batch_splitting { value: true } allowed_batch_sizes: [8]',
        /is 8, .* max_execution_batch_size, 64, which is its default/,
      ],
      ['max_batch_size { value: 8 } allowed_batch_sizes: [8, 8]', /must rise/],
      ['max_batch_size { value: 8 } allowed_batch_sizes: [0, 8]', /greater than 0/],
      ['max_batch_size: 8', /BatchingParameters: 1:\d+/],
    ];
    for (const [text, message] of cases)
      assert.match((await refusal('batching_parameters_file', text)).message, message);
  });

  it('is refused with numbers that make no sense, and with pieces larger than the whole', async () => {
    const cases: [string, RegExp][] = [
      ['max_batch_size { value: 0 }', /max_batch_size in .* is 0, but it must be at least 1/],
      ['batch_timeout_micros { value: -1 }', /batch_timeout_micros in .* is -1, but it must be at least 0/],
      ['num_batch_threads { value: 0 }', /num_batch_threads/],
      [
        'max_batch_size { value: 8 } max_execution_batch_size { value: 9 }',
        /max_execution_batch_size in .* is 9, but it must not be greater than max_batch_size, 8/,
      ],
    ];
    for (const [text, message] of cases)
      assert.match((await refusal('batching_parameters_file', text)).message, message);
  });

  it('compares with max_execution_batch_size where large batches are split', async () => {
    const text =
      'max_batch_size { value: 64 } enable_large_batch_splitting { value: true } max_execution_batch_size { value: 32 } ' +
      'allowed_batch_sizes: 32';
    assert.ok((await readWith('batching_parameters_file', text)).batching);
  });
});

describe('tensorflow_session_config_file', () => {
  const decode = (bytes: Uint8Array) => decodeMessage(ConfigProto, bytes);

  it('gives sessions what it says, and the flags win over it', async () => {
    const text =
      'device_count { key: "CPU" value: 2 } log_device_placement: true experimental { disable_thread_spinning: true }';
    const { session: base } = await readWith('tensorflow_session_config_file', text);
    const lean = decode(leanSessionConfig({ intraOp: 3, interOp: 0, gpuMemoryFraction: 0.5, base }));
    assert.deepEqual(lean.device_count, new Map([['CPU', 2]]));
    assert.equal(lean.log_device_placement, true);
    assert.equal(lean.intra_op_parallelism_threads, 3);
    assert.equal(lean.experimental?.disable_thread_spinning, true);
    assert.equal(lean.experimental?.executor_type, 'SINGLE_THREADED_EXECUTOR');
    assert.equal(lean.gpu_options?.per_process_gpu_memory_fraction, 0.5);
    assert.equal(lean.gpu_options?.allow_growth, true);
  });

  it('leaves growth of GPU memory to --gpu_memory_growth where it has no gpu_options', async () => {
    const growth = (base: ConfigProto | undefined, gpuMemoryGrowth?: boolean) =>
      [leanSessionConfig, generalSessionConfig].map(
        (config) =>
          decode(config({ intraOp: 0, interOp: 0, base, ...(gpuMemoryGrowth !== undefined && { gpuMemoryGrowth }) }))
            .gpu_options?.allow_growth,
      );
    const { session } = await readWith('tensorflow_session_config_file', 'gpu_options { allow_growth: true }');
    assert.deepEqual(growth(undefined), [true, true]);
    assert.deepEqual(growth(undefined, false), [false, false]);
    assert.deepEqual(growth(session, false), [true, true]);
  });

  it('rules over GPU memory and the executor where it speaks of them', async () => {
    const text = 'gpu_options { per_process_gpu_memory_fraction: 0.25 } experimental { executor_type: "DEFAULT" }';
    const { session: base } = await readWith('tensorflow_session_config_file', text);
    const general = decode(generalSessionConfig({ intraOp: 0, interOp: 2, base }));
    assert.equal(general.gpu_options?.allow_growth, false);
    assert.equal(general.gpu_options?.per_process_gpu_memory_fraction, 0.25);
    assert.equal(general.experimental?.executor_type, 'DEFAULT');
    assert.equal(general.inter_op_parallelism_threads, 2);
  });

  it('takes all of ConfigProto, so that files of TensorFlow Serving can stay as they are', async () => {
    const text =
      'graph_options { rewrite_options { disable_meta_optimizer: true constant_folding: OFF } infer_shapes: true } ' +
      'gpu_options { allocator_type: "BFC" force_gpu_compatible: true experimental { use_cuda_malloc_async: true } } ' +
      'rpc_options { num_channels_per_target: 2 } cluster_def { job { name: "w" tasks { key: 0 value: "h:1" } } } ' +
      'experimental { mlir_bridge_rollout: MLIR_BRIDGE_ROLLOUT_DISABLED }';
    const { session: base } = await readWith('tensorflow_session_config_file', text);
    const general = decode(generalSessionConfig({ intraOp: 0, interOp: 0, base }));
    assert.equal(general.graph_options?.rewrite_options?.disable_meta_optimizer, true);
    assert.equal(general.gpu_options?.allocator_type, 'BFC');
    assert.equal(general.cluster_def?.job[0]?.tasks.get(0), 'h:1');
    assert.equal(general.experimental?.mlir_bridge_rollout, 2);
    assert.equal(general.experimental?.optimize_for_static_graph, true);
  });

  it('is JSON if its name ends in .json', async () => {
    const read = (text: string) => readFileWith('session.json', 'tensorflow_session_config_file', text);
    const { session } = await read('{"logDevicePlacement": true, "device_count": {"CPU": 2}}');
    assert.equal(session?.log_device_placement, true);
    assert.deepEqual(session?.device_count, new Map([['CPU', 2]]));
    await assert.rejects(read('{"gpu_options": {"grow": true}}'), {
      code: Code.INVALID_ARGUMENT,
      message: /^Invalid protobuf file: '.*session\.json'\. Error parsing JSON .*gpu_options\.grow does not exist/,
    });
    await assert.rejects(read('log_device_placement: true'), /session\.json/);
  });

  it('and --gpu_memory_limit_mb do not both say how much of a GPU is taken', async () => {
    for (const said of [
      'per_process_gpu_memory_fraction: 0.5',
      'experimental { virtual_devices { memory_limit_mb: 1 } }',
    ]) {
      await assert.rejects(
        readWith('tensorflow_session_config_file', `gpu_options { ${said} }`, '--gpu_memory_limit_mb=100'),
        {
          code: Code.INVALID_ARGUMENT,
          message: /--gpu_memory_limit_mb.*--tensorflow_session_config_file.*one of them/,
        },
      );
    }
  });
});
