import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readConfigFiles } from '../../src/config-files.js';
import { Code, type ServingError } from '../../src/errors.js';
import { checkFlags } from '../../src/flags/check-flags.js';
import { parseFlags } from '../../src/flags/flags.js';
import { encodeMessage } from '../../src/formats/protobuf.js';
import { SessionBundleConfig } from '../../src/gen/messages.js';
import { applyPlatformConfig, describePlatformConfig, readPlatformConfig } from '../../src/platform-config.js';
import { withTempDir } from '../support/models.js';

const TYPE = 'tensorflow.serving.SavedModelBundleSourceAdapterConfig';

/** A file for the platform "tensorflow" with this legacy_config. */
function platformText(legacyConfig: string): string {
  return `platform_configs {
  key: "tensorflow"
  value { source_adapter_config { [type.googleapis.com/${TYPE}] { legacy_config { ${legacyConfig} } } } }
}`;
}

async function withFile<T>(text: string, fn: (path: string) => Promise<T>): Promise<T> {
  return withTempDir(async (folder) => {
    const path = join(folder, 'platform.cfg');
    await writeFile(path, text);
    return fn(path);
  });
}

/** What the command line becomes with a file of this legacy_config. */
async function applied(legacyConfig: string, ...args: string[]) {
  return withFile(platformText(legacyConfig), async (path) => {
    const config = await readPlatformConfig(path);
    assert.ok(config);
    const commandLine = parseFlags([`--platform_config_file=${path}`, ...args]);
    const effective = applyPlatformConfig(commandLine, config);
    const files = await readConfigFiles(effective.flags, config);
    return { ...effective, files, texts: describePlatformConfig(commandLine.given, config) };
  });
}

async function refusal(text: string): Promise<ServingError> {
  return withFile(text, (path) =>
    readPlatformConfig(path).then(
      () => assert.fail(`${text} should be refused`),
      (error: ServingError) => error,
    ),
  );
}

describe('platform_config_file', () => {
  it('rules over sessions, batching, tags, warm-up and TFLite in place of their flags', async () => {
    const { flags, files } = await applied(
      `session_config { intra_op_parallelism_threads: 2 inter_op_parallelism_threads: 3 log_device_placement: true }
       batching_parameters { max_batch_size { value: 16 } thread_pool_name { value: "pool" } }
       saved_model_tags: "serve" saved_model_tags: "gpu"
       enable_model_warmup: true
       model_warmup_options { num_request_iterations { value: 4 } }
       prefer_tflite_model: true num_tflite_pools: 5 num_tflite_interpreters_per_pool: 6
       enable_per_model_batching_params: true
       mixed_precision: "bfloat16"`,
      '--enable_batching=false',
      '--saved_model_tags=tpu',
      '--tensorflow_session_parallelism=7',
      '--tensorflow_intra_op_parallelism=7',
      '--tensorflow_session_config_file=/no/such/file',
      '--per_process_gpu_memory_fraction=0.5',
    );
    assert.deepEqual(
      [flags.tensorflowIntraOpParallelism, flags.tensorflowInterOpParallelism, flags.tensorflowSessionParallelism],
      [2, 3, 0],
    );
    assert.equal(files.session?.log_device_placement, true);
    assert.equal(flags.enableBatching, 'true');
    assert.equal(files.batching?.max_batch_size?.value, 16n);
    assert.equal(files.batching?.thread_pool_name?.value, 'pool');
    assert.equal(flags.enablePerModelBatchingParameters, true);
    assert.equal(flags.savedModelTags, 'serve,gpu');
    assert.deepEqual([flags.enableModelWarmup, flags.numRequestIterationsForWarmup], [true, 4]);
    assert.deepEqual([flags.preferTfliteModel, flags.numTflitePools, flags.numTfliteInterpretersPerPool], [true, 5, 6]);
    assert.equal(flags.mixedPrecision, 'bfloat16');
    assert.equal(flags.perProcessGpuMemoryFraction, 0);
  });

  it('that leaves things out asks for no batching and no warm-up, and for the tag "serve"', async () => {
    const { flags, files } = await applied('', '--enable_batching', '--enable_model_warmup', '--saved_model_tags=x');
    assert.deepEqual([flags.enableBatching, flags.enableModelWarmup, flags.savedModelTags], ['false', false, 'serve']);
    assert.deepEqual([files.batching, files.session], [undefined, undefined]);
    const defaults = parseFlags([]).flags;
    assert.equal(flags.numTflitePools, defaults.numTflitePools);
    assert.equal(flags.numTfliteInterpretersPerPool, defaults.numTfliteInterpretersPerPool);
  });

  it('leaves all other flags as they are', async () => {
    const { flags, given } = await applied('', '--port=1', '--model_name=m', '--enable_batching=false');
    assert.deepEqual([flags.port, flags.modelName], [1, 'm']);
    assert.ok(given.has('port') && given.has('model_name'));
  });

  it('names the flags that it leaves without effect in one line of the log, and its own fields that have none', async () => {
    const { texts } = await applied(
      'session_run_load_threadpool_index { value: 1 }',
      '--enable_batching=false',
      '--port=1',
      '--saved_model_tags=x',
    );
    assert.match(texts[0] ?? '', /--platform_config_file: --enable_batching, --saved_model_tags\.$/);
    assert.match(texts[1] ?? '', /^session_run_load_threadpool_index .*no effect/);
    assert.equal(texts.length, 2);
    assert.deepEqual((await applied('')).texts, []);
  });

  it('makes flags that contradict each other no start error where it speaks in their place', async () => {
    const effective = await applied(
      '',
      '--enable_batching=false',
      '--batching_parameters_file=/f',
      '--tensorflow_session_parallelism=1',
      '--tensorflow_intra_op_parallelism=1',
      '--tensorflow_inter_op_parallelism=1',
    );
    checkFlags(effective);
  });

  it('may hold the Any as type_url and value, too', async () => {
    const inner = encodeMessage(SessionBundleConfig, { saved_model_tags: ['x'] });
    // SavedModelBundleSourceAdapterConfig { legacy_config = 1000 }
    const bytes = Buffer.from([0xc2, 0x3e, inner.length, ...inner]);
    const escaped = [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    const text = `platform_configs { key: "tensorflow" value { source_adapter_config {
      type_url: "type.googleapis.com/${TYPE}" value: "${escaped}" } } }`;
    assert.deepEqual((await withFile(text, readPlatformConfig))?.saved_model_tags, ['x']);
  });

  it('that cannot be read or parsed is a start error with its name, the place and how it is written', async () => {
    await assert.rejects(readPlatformConfig('/no/such'), /\/no\/such cannot be read/);
    const cases: [text: string, message: RegExp][] = [
      ['platform_configs {\n  key: 1 }', /platform\.cfg.*PlatformConfigMap: 2:\d+: Expected string/],
      [platformText('enable_model_warmups: true'), /platform\.cfg.*3:\d+: .*no field named "enable_model_warmups"/],
      [platformText('').replace(TYPE, 'x.Y'), /3:\d+: Could not find type "type\.googleapis\.com\/x\.Y"/],
    ];
    for (const [text, message] of cases) {
      const error = await refusal(text);
      assert.equal(error.code, Code.INVALID_ARGUMENT);
      assert.match(error.message, message);
      assert.match(error.message, /Write it as platform_configs \{ key: "tensorflow"/);
    }
  });

  it('with another platform, none, or another message in it is a start error', async () => {
    const cases: [text: string, message: RegExp][] = [
      [platformText('').replace('"tensorflow"', '"hashmap"'), /platform\.cfg.*platform "hashmap", but "tensorflow" is/],
      ['', /platform\.cfg says nothing of the platform "tensorflow"\. Write it as/],
      ['platform_configs { key: "tensorflow" }', /says nothing of the platform "tensorflow"/],
      [
        'platform_configs { key: "tensorflow" value { source_adapter_config { type_url: "a/b.C" } } }',
        /message of type "b\.C"\. Write it as/,
      ],
    ];
    for (const [text, message] of cases) assert.match((await refusal(text)).message, message);
  });

  it('with a session_target has the graphs run on that server, as --session_target does', async () => {
    const { flags, given } = await applied('session_target: "grpc://h:1"');
    assert.equal(flags.sessionTarget, 'grpc://h:1');
    assert.ok(given.has('session_target'));
    assert.equal((await applied('')).flags.sessionTarget, '');
  });

  it('with batching_parameters that make no sense is a start error', async () => {
    await assert.rejects(
      applied('batching_parameters { max_batch_size { value: 8 } allowed_batch_sizes: 4 }'),
      /last of allowed_batch_sizes in .*platform\.cfg is 4/,
    );
  });
});
