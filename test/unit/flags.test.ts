import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { describe, it } from 'node:test';
import { Code, type ServingError } from '../../src/errors.js';
import { checkFlags, isRestPortTaken } from '../../src/flags/check-flags.js';
import { describeUnknown, describeWithoutEffect, FLAGS, parseFlags } from '../../src/flags/flags.js';
import { formatHelp } from '../../src/flags/flags-help.js';
import { parseGrpcChannelArguments } from '../../src/flags/grpc-channel-arguments.js';
import { editDistance, nearest } from '../../src/flags/nearest.js';

const CPUS = availableParallelism();

/** The table of tensorflow_model_server's flags: type, default, a value to give, what that is read as. */
const SPECIFIED: readonly [name: string, type: string, byDefault: unknown, given: string, read: unknown][] = [
  ['port', 'int', 8500, '1', 1],
  ['grpc_socket_path', 'string', '', 'a/b.sock', 'a/b.sock'],
  ['rest_api_num_threads', 'int', 4 * CPUS, '3', 3],
  ['rest_api_timeout_in_ms', 'int', 30000, '-1', -1],
  ['rest_api_enable_cors_support', 'bool', false, 'true', true],
  ['allow_version_labels_for_unavailable_models', 'bool', false, 'true', true],
  ['batching_parameters_file', 'string', '', '/f', '/f'],
  ['enable_per_model_batching_parameters', 'bool', false, '1', true],
  ['model_config_file', 'string', '', '/f', '/f'],
  ['model_config_file_poll_wait_seconds', 'int', 0, '7', 7],
  ['model_name', 'string', 'default', 'm', 'm'],
  ['model_base_path', 'string', '', '/m', '/m'],
  ['num_load_threads', 'int', 0, '2', 2],
  ['num_unload_threads', 'int', 0, '2', 2],
  ['max_num_load_retries', 'int', 5, '0', 0],
  ['load_retry_interval_micros', 'int', 60000000, '-5000000000', -5000000000],
  ['file_system_poll_wait_seconds', 'int', 1, '-1', -1],
  ['flush_filesystem_caches', 'bool', true, 'false', false],
  ['tensorflow_session_parallelism', 'int', 0, '8000000000', 8000000000],
  ['tensorflow_intra_op_parallelism', 'int', 0, '2', 2],
  ['tensorflow_inter_op_parallelism', 'int', 0, '-1', -1],
  ['tensorflow_session_config_file', 'string', '', '/f', '/f'],
  ['use_alts_credentials', 'bool', false, 'true', true],
  ['ssl_config_file', 'string', '', '/f', '/f'],
  ['platform_config_file', 'string', '', '/f', '/f'],
  ['per_process_gpu_memory_fraction', 'float', 0, '0.25', 0.25],
  ['saved_model_tags', 'string', 'serve', 'serve,gpu', 'serve,gpu'],
  ['grpc_channel_arguments', 'string', '', 'a=1,b=c', 'a=1,b=c'],
  ['grpc_max_threads', 'int', 4 * CPUS, '16', 16],
  ['enable_model_warmup', 'bool', true, '0', false],
  ['num_request_iterations_for_warmup', 'int', 0, '3', 3],
  ['version', 'bool', false, 'true', true],
  ['monitoring_config_file', 'string', '', '/f', '/f'],
  ['remove_unused_fields_from_bundle_metagraph', 'bool', true, 'false', false],
  ['prefer_tflite_model', 'bool', false, 'true', true],
  ['num_tflite_pools', 'int', CPUS, '2', 2],
  ['num_tflite_interpreters_per_pool', 'int', 1, '2', 2],
  ['enable_signature_method_name_check', 'bool', false, 'true', true],
  ['xla_cpu_compilation_enabled', 'bool', false, 'true', true],
  ['xla_gpu_compilation_enabled', 'bool', false, 'true', true],
  ['enable_profiler', 'bool', true, 'false', false],
  ['thread_pool_factory_config_file', 'string', '', '/f', '/f'],
  ['mixed_precision', 'string', '', 'bfloat16', 'bfloat16'],
  ['skip_initialize_tpu', 'bool', false, 'true', true],
  ['enable_grpc_healthcheck_service', 'bool', false, 'true', true],
  ['enable_serialization_as_tensor_content', 'bool', false, 'true', true],
  // Two defaults are ours, and no client can notice: REST is open, batching waits for nobody and changes no answer.
  ['rest_api_port', 'int', 8501, '0', 0],
  ['enable_batching', 'choice', 'auto', '0', 'false'],
];

function readFlag(name: string, args: readonly string[]): unknown {
  const camelCase = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return (parseFlags(args).flags as unknown as Record<string, unknown>)[camelCase];
}

describe('each flag of tensorflow_model_server', () => {
  it('is there: 48 of them', () => {
    assert.equal(new Set(SPECIFIED.map(([name]) => name)).size, 48);
  });
  for (const [name, type, byDefault, given, read] of SPECIFIED) {
    it(`${name} is of type ${type}, ${JSON.stringify(byDefault)} by default`, () => {
      assert.equal(FLAGS.find((flag) => flag.name === name)?.type, type);
      assert.equal(readFlag(name, []), byDefault);
      assert.equal(readFlag(name, [`--${name}=${given}`]), read);
      assert.equal(readFlag(name, [`-${name}=${given}`]), read);
      if (type === 'bool') assert.equal(readFlag(name, [`--${name}`]), true);
      if (type === 'bool') assert.throws(() => parseFlags([`--${name}=yes`]), { code: Code.INVALID_ARGUMENT });
      if (type === 'int') assert.throws(() => parseFlags([`--${name}=1.5`]), { code: Code.INVALID_ARGUMENT });
      if (type === 'float') assert.throws(() => parseFlags([`--${name}=much`]), { code: Code.INVALID_ARGUMENT });
    });
  }
});

describe('checkFlags()', () => {
  const errorOf = (...args: string[]) => {
    try {
      checkFlags(parseFlags(args));
      return undefined;
    } catch (error) {
      return error as ServingError;
    }
  };
  const MODEL = '--model_base_path=/m';
  const ALL_THREE = ['session', 'intra_op', 'inter_op'].map((pool) => `--tensorflow_${pool}_parallelism=2`);

  const refused: [string, string[], RegExp][] = [
    ['neither port nor grpc_socket_path', ['--port=0'], /^At least one of --port and --grpc_socket_path/],
    [
      'neither model_base_path nor model_config_file, with a name',
      ['--model_name=m'],
      /^Both --model_base_path and --model_config_file are empty/,
    ],
    [
      'batching_parameters_file without enable_batching',
      [MODEL, '--batching_parameters_file=/f'],
      /without --enable_batching/,
    ],
    [
      'batching_parameters_file with enable_batching=false',
      [MODEL, '--batching_parameters_file=/f', '--enable_batching=false'],
      /without --enable_batching/,
    ],
    [
      'all three of session, intra and inter parallelism',
      [MODEL, ...ALL_THREE],
      /--tensorflow_session_parallelism is set together/,
    ],
    [
      'use_alts_credentials together with ssl_config_file',
      [MODEL, '--use_alts_credentials', '--ssl_config_file=/f'],
      /cannot both be set/,
    ],
    ['use_alts_credentials alone, since nothing here can speak it', [MODEL, '--use_alts_credentials'], /ALTS/],
  ];
  for (const [name, args, message] of refused) {
    it(`refuses ${name}`, () => assert.match(errorOf(...args)?.message ?? 'not refused', message));
  }

  const taken: [string, string[]][] = [
    ['nothing at all: the bundled models', []],
    ['a socket in place of a port', ['--port=0', '--grpc_socket_path=s']],
    ['REST alone, if its port is given', ['--port=0', '--rest_api_port=8501']],
    ['a config file in place of a base path', ['--model_name=m', '--model_config_file=/f']],
    ['batching_parameters_file with enable_batching', [MODEL, '--batching_parameters_file=/f', '--enable_batching']],
    ['… with enable_batching=auto', [MODEL, '--batching_parameters_file=/f', '--enable_batching=auto']],
    ['two of the three parallelisms', [MODEL, ...ALL_THREE.slice(1)]],
  ];
  for (const [name, args] of taken) it(`takes ${name}`, () => assert.equal(errorOf(...args), undefined));

  it('rest_api_port equal to port: REST stays off', () => {
    const isTaken = (...args: string[]) => isRestPortTaken(parseFlags(args).flags);
    assert.deepEqual(
      [isTaken('--port=8501'), isTaken(), isTaken('--port=0', '--rest_api_port=0')],
      [true, false, false],
    );
  });
});

describe('describeWithoutEffect()', () => {
  const describeGiven = (...args: string[]) => describeWithoutEffect(parseFlags(args).given);

  it('names each flag that was given and has no effect here, with the reason', () => {
    assert.deepEqual(describeGiven('--skip_initialize_tpu', '--port=1'), [
      '--skip_initialize_tpu has no effect: This server knows no TPUs.',
    ]);
  });

  it('says nothing of flags that were not given', () => assert.deepEqual(describeGiven(), []));
});

describe('parseGrpcChannelArguments()', () => {
  it('passes a value that is an int32 as an integer, else as a string', () => {
    assert.deepEqual(parseGrpcChannelArguments('a.b=20000,c=x,d=-1,e=3000000000,f=,g=a=b'), {
      'a.b': 20000,
      c: 'x',
      d: -1,
      e: '3000000000',
      f: '',
      g: 'a=b',
    });
    assert.deepEqual(parseGrpcChannelArguments(''), {});
  });

  it('refuses a part without key or equals sign', () => {
    for (const text of ['a', '=1', 'a=1,b']) {
      assert.throws(() => parseGrpcChannelArguments(text), { code: Code.INVALID_ARGUMENT });
    }
  });
});

describe('parseFlags()', () => {
  it('gives our own flags their defaults where nothing is given', () => {
    const { flags, given, unknown } = parseFlags([]);
    const { graphpipeModel, host, graphpipePort, maxRequestBytes, numWorkers, libtensorflowDir, customOpPaths } = flags;
    assert.deepEqual([graphpipeModel, host, graphpipePort, maxRequestBytes], ['', '0.0.0.0', 9000, 2147483647]);
    assert.deepEqual([numWorkers, libtensorflowDir, customOpPaths], [0, '', '']);
    const { metricsPath, drainTimeoutSeconds, logLevel, help } = flags;
    assert.deepEqual([metricsPath, drainTimeoutSeconds, logLevel, help], ['/metrics', 30, 'info', false]);
    assert.deepEqual([given.size, unknown.length], [0, 0]);
  });

  it('takes a value behind an equals sign or in the next argument, after one dash or two', () => {
    for (const args of [['--port=1'], ['-port=1'], ['--port', '1'], ['-port', '1'], ['--port=01'], ['--port=+1']]) {
      assert.equal(parseFlags(args).flags.port, 1, args.join(' '));
    }
  });

  it('takes booleans bare, as words and as digits', () => {
    const read = (...args: string[]) => parseFlags(args).flags;
    assert.equal(read('--version').version, true);
    for (const text of ['true', '1']) assert.equal(read(`--version=${text}`).version, true);
    for (const text of ['false', '0']) assert.equal(read(`--version=${text}`).version, false);
    assert.equal(read('--version', 'false').version, false);
    const { version, port } = read('--version', '--port=1');
    assert.deepEqual([version, port], [true, 1]);
  });

  it('keeps everything behind the first equals sign, and empty texts', () => {
    const { flags } = parseFlags(['--model_base_path=/a=b,c d', '--host=']);
    assert.equal(flags.modelBasePath, '/a=b,c d');
    assert.equal(flags.host, '');
  });

  it('takes a negative number as a value', () => {
    assert.equal(parseFlags(['--rest_api_timeout_in_ms', '-1']).flags.restApiTimeoutInMs, -1);
  });

  it('tells which flags were given, also with their default value', () => {
    assert.deepEqual([...parseFlags(['--port=8500', '-help']).given], ['port', 'help']);
  });

  it('lets the last of two values count', () => {
    assert.equal(parseFlags(['--port=1', '--port=2']).flags.port, 2);
  });
});

describe('parseFlags() hands on what is no flag of this server', () => {
  const cases: [string, string[], string][] = [
    ['an unknown flag, with the nearest one', ['--rest_port=1'], '--rest_port=1 (Did you mean --rest_api_port?)'],
    ['a name that lacks its end', ['--model_config=f'], '--model_config=f (Did you mean --model_config_file?)'],
    ['dashes in a name', ['--model-name=m'], '--model-name=m (Did you mean --model_name?)'],
    ['an argument that is no flag', ['/models/m'], '/models/m (Flags are written --name=value.)'],
    ['dashes alone', ['--'], '-- (Flags are written --name=value.)'],
  ];
  for (const [name, args, text] of cases) {
    it(name, () => {
      const { unknown, flags } = parseFlags([...args, '--port=1']);
      assert.deepEqual(unknown.map(describeUnknown), [`unknown argument: ${text}`]);
      assert.equal(flags.port, 1, 'what follows is read all the same');
    });
  }

  it('a name in capitals, and a flag without a name', () => {
    assert.deepEqual(parseFlags(['--PORT=1', '--=1']).unknown, ['--PORT=1', '--=1']);
  });
});

describe('parseFlags() refuses', () => {
  const cases: [string, string[], RegExp][] = [
    [
      'a text where a number belongs',
      ['--port=http'],
      /^Flag --port cannot be "http"\. Give it a whole number from 0 to 65535/,
    ],
    ['a fraction', ['--port=1.5'], /^Flag --port cannot be "1\.5"\./],
    ['an empty number', ['--port='], /^Flag --port cannot be ""\./],
    ['a number out of range', ['--port=65536'], /from 0 to 65535, as in --port=8500\.$/],
    ['a number beyond all ranges', ['--max_request_bytes=99999999999999999999'], /from 1 to 2147483647/],
    ['a boolean that is none', ['--version=yes'], /^Flag --version cannot be "yes"\. Give it true, false, 1 or 0/],
    [
      'a choice that is none',
      ['--log_level=loud'],
      /^Flag --log_level cannot be "loud"\. Give it one of debug, info, warn, error/,
    ],
    ['a missing value at the end', ['--port'], /^Flag --port needs a value\. Write it as --port=8500\.$/],
    [
      'a flag in place of a value',
      ['--model_base_path', '--port=1'],
      /^Flag --model_base_path needs a value\. .*=DIR\.$/,
    ],
  ];
  for (const [name, args, message] of cases) {
    it(name, () => {
      assert.throws(
        () => parseFlags(args),
        (error: ServingError) => {
          assert.equal(error.code, Code.INVALID_ARGUMENT);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }
});

describe('formatHelp()', () => {
  const lines = formatHelp().split('\n');

  it('is at most 100 columns wide', () => {
    assert.deepEqual(
      lines.filter((line) => line.length > 100),
      [],
    );
  });

  it('leaves a gap between each flag and its help', () => {
    assert.deepEqual(
      lines.filter((line) => line.startsWith('  --') && !/^ {2}--\S+( +\S|$)/.test(line)),
      [],
    );
  });

  it('lists every flag once, and the sub-command', () => {
    for (const { name } of FLAGS) {
      const pattern = new RegExp(`^  --${name}([= ]|$)`);
      assert.equal(lines.filter((line) => pattern.test(line)).length, 1, name);
    }
    assert.ok(lines.some((line) => line.startsWith('  tensorgate inspect DIR')));
  });

  it('tells the default of each flag that is on without being given', () => {
    const help = formatHelp();
    const on = FLAGS.filter((flag) => flag.default === true);
    assert.ok(on.length > 5);
    for (const { name } of on) {
      const text = help.split(/\n {2}--/).find((entry) => /^\w+/.exec(entry)?.[0] === name);
      assert.match(text?.replaceAll(/\s+/g, ' ') ?? '', /\(default true\)/, name);
    }
  });

  it('has one sentence or more of help for each flag, and no flag twice', () => {
    assert.equal(new Set(FLAGS.map(({ name }) => name)).size, FLAGS.length);
    assert.deepEqual(
      FLAGS.filter(({ help }) => !/^[A-Z].*\.$/.test(help)),
      [],
    );
  });
});

describe('nearest()', () => {
  it('finds the word that is the fewest letters away', () => {
    assert.equal(nearest('prot', ['host', 'port', 'help']), 'port');
    assert.equal(nearest('x', []), undefined);
  });

  it('counts inserted, deleted and replaced letters', () => {
    assert.equal(editDistance('kitten', 'sitting'), 3);
    assert.equal(editDistance('', 'abc'), 3);
    assert.equal(editDistance('abc', 'abc'), 0);
  });
});
