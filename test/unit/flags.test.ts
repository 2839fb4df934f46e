import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, type ServingError } from '../../src/errors.js';
import { FLAGS, parseFlags } from '../../src/flags.js';
import { formatHelp } from '../../src/flags-help.js';
import { editDistance, nearest } from '../../src/nearest.js';

describe('parseFlags()', () => {
  it('gives every flag its default where nothing is given', () => {
    const { flags, given } = parseFlags([]);
    assert.deepEqual(flags, {
      modelBasePath: '',
      modelName: 'default',
      graphpipeModel: '',
      savedModelTags: 'serve',
      modelConfigFile: '',
      modelConfigFilePollWaitSeconds: 0,
      enableSignatureMethodNameCheck: false,
      fileSystemPollWaitSeconds: 1,
      aspiredVersionPolicy: 'availability_preserving',
      maxNumLoadRetries: 5,
      loadRetryIntervalMicros: 60_000_000,
      allowVersionLabelsForUnavailableModels: false,
      strict: false,
      host: '0.0.0.0',
      port: 8500,
      restApiPort: 8501,
      graphpipePort: 9000,
      restApiTimeoutInMs: 30000,
      restApiEnableCorsSupport: false,
      maxUnpackedRequestBytes: 536870912,
      maxRequestBytes: 2147483647,
      numWorkers: 0,
      enableBatching: true,
      tensorflowSessionParallelism: 0,
      tensorflowIntraOpParallelism: 0,
      tensorflowInterOpParallelism: 0,
      libtensorflowDir: '',
      drainTimeoutSeconds: 30,
      logLevel: 'info',
      version: false,
      help: false,
    });
    assert.equal(given.size, 0);
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

describe('parseFlags() refuses', () => {
  const cases: [string, string[], RegExp][] = [
    [
      'an unknown flag, and names the nearest one',
      ['--rest_port=1'],
      /^Unknown flag --rest_port\. Did you mean --rest_api_port\?/,
    ],
    [
      'dashes in a name, and names the flag',
      ['--model-name=m'],
      /^Unknown flag --model-name\. Did you mean --model_name\?/,
    ],
    ['a name in capitals', ['--PORT=1'], /^Unknown flag --PORT\. /],
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
    ['an argument that is no flag', ['/models/m'], /^Argument "\/models\/m" is no flag\./],
    ['a boolean in two words that is none', ['--version', 'no'], /^Argument "no" is no flag\./],
    ['dashes alone', ['--'], /^Argument "--" is no flag\./],
    ['a flag without a name', ['--=1'], /^Argument "--=1" is no flag\./],
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

  it('leaves a gap between each flag and its help, or a line of its own to a long one', () => {
    assert.deepEqual(
      lines.filter((line) => line.startsWith('  --') && !/^ {2}--\S+(?: +\S|$)/.test(line)),
      [],
    );
  });

  it('lists every flag once, and the sub-command', () => {
    for (const { name } of FLAGS) {
      const pattern = new RegExp(`^  --${name}(?:[= ]|$)`);
      assert.equal(lines.filter((line) => pattern.test(line)).length, 1, name);
    }
    assert.ok(lines.some((line) => line.startsWith('  tensorgate inspect DIR')));
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
