/** `tensorgate record-warmup`, on folders of test models, without TensorFlow. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodePredictRequest } from '../../src/doors/grpc/decode.js';
import { decodeExampleRequest } from '../../src/doors/grpc/decode-inference.js';
import { Code, type ServingError } from '../../src/errors.js';
import { frameTfRecord } from '../../src/formats/tf-record.js';
import { encodePredictionLog, encodeRequestLog, type LoggedMethod } from '../../src/request-log/prediction-log.js';
import { DataType } from '../../src/tensor/dtype.js';
import { Cancellation, OutputFormat } from '../../src/tensor/predict-request.js';
import { recordWarmUp } from '../../src/warmup/record-warmup.js';
import { readWarmUpFile, type WarmUpRecord, warmUpFileOf } from '../../src/warmup/warm-up-file.js';
import { predictWith } from '../support/grpc-requests.js';
import { withModelCopy } from '../support/models.js';

const CONTEXT = { deadlineMillis: Number.POSITIVE_INFINITY, cancellation: new Cancellation() };

async function readBack(basePath: string): Promise<WarmUpRecord[]> {
  const records: WarmUpRecord[] = [];
  for await (const record of readWarmUpFile(warmUpFileOf(join(basePath, '1')))) records.push(record);
  return records;
}

/** Records the text in a copy of the model, whose base folder is named. */
function recording<T>(
  model: string,
  text: string,
  fn: (basePath: string, output: string) => Promise<T>,
  args: string[] = [],
) {
  return withModelCopy(model, async (basePath) => {
    const path = `${basePath}.json`;
    await writeFile(path, text);
    return fn(basePath, await recordWarmUp([basePath, `--from_json=${path}`, ...args]));
  });
}

/** The inputs of a recorded Predict: dtype, shape and bytes by name. */
function inputsOf({ method, request }: WarmUpRecord) {
  assert.equal(method, 'Predict');
  // A spec without a name is for the server that replays it.
  const decoded = decodePredictRequest(
    Buffer.concat([Buffer.from('0a030a016d', 'hex'), request]),
    CONTEXT,
    OutputFormat.RAW,
  );
  const bytesOf = ({ start, end }: { start: number; end: number }) => Buffer.from(decoded.body.subarray(start, end));
  return {
    signature: decoded.signatureName,
    inputs: Object.fromEntries(
      decoded.inputs.map((input) => {
        const ranges = Array.from(input.stringRanges ?? []);
        const strings = ranges.flatMap((start, i) =>
          i % 2 === 0 ? [String(bytesOf({ start, end: ranges[i + 1] as number }))] : [],
        );
        return [input.name, [input.dtype, input.shape, input.dtype === DataType.STRING ? strings : bytesOf(input)]];
      }),
    ),
  };
}

async function assertRefused(model: string, text: string, message: RegExp, args: string[] = []): Promise<void> {
  await withModelCopy(model, async (basePath) => {
    const path = `${basePath}.json`;
    await writeFile(path, text);
    await assert.rejects(recordWarmUp([basePath, `--from_json=${path}`, ...args]), message);
    assert.deepEqual(readdirSync(join(basePath, '1')).includes('assets.extra'), false);
  });
}

describe('tensorgate record-warmup --from_json', () => {
  it('takes documents one a line, rows and columns, with the types of the signature', async () => {
    const rows = '{"instances": [{"a": [1, 2, 3], "b": 4, "flag": true}, {"a": [5, 6, 7], "b": -8, "flag": false}]}';
    const columns = '{"signature_name": "scalar", "inputs": {"n": 2, "a": 0.5, "more": [1, {"x": []}]}}';
    await recording('multi_io', `${rows}\n${columns}\n`, async (basePath, output) => {
      assert.equal(output, `2 requests are in ${warmUpFileOf(join(basePath, '1'))}.\n`);
      const [first, second] = (await readBack(basePath)).map(inputsOf);
      assert.deepEqual(first, {
        signature: '',
        inputs: {
          a: [DataType.FLOAT, [2, 3], Buffer.from(Float32Array.of(1, 2, 3, 5, 6, 7).buffer)],
          b: [DataType.INT32, [2], Buffer.from(Int32Array.of(4, -8).buffer)],
          flag: [DataType.BOOL, [2], Buffer.of(1, 0)],
        },
      });
      assert.deepEqual(second, {
        signature: 'scalar',
        inputs: {
          a: [DataType.FLOAT, [], Buffer.from(Float32Array.of(0.5).buffer)],
          n: [DataType.INT32, [], Buffer.from(Int32Array.of(2).buffer)],
        },
      });
    });
  });

  it('takes a list of documents', async () => {
    await recording('half_plus_two', '[{"instances": [1]}, {"inputs": [NaN, -Infinity]}]', async (basePath) => {
      const records = await readBack(basePath);
      assert.deepEqual(records.map(inputsOf)[1]?.inputs, {
        x: [DataType.FLOAT, [2], Buffer.from(Float32Array.of(Number.NaN, Number.NEGATIVE_INFINITY).buffer)],
      });
    });
  });

  it('takes 64-bit integers exactly', async () => {
    await recording('echo_uint64', '{"inputs": [18446744073709551615, 9007199254740993]}', async (basePath) => {
      assert.deepEqual((await readBack(basePath)).map(inputsOf)[0]?.inputs, {
        x: [DataType.UINT64, [2], Buffer.from(BigUint64Array.of(2n ** 64n - 1n, 2n ** 53n + 1n).buffer)],
      });
    });
  });

  it('takes strings, and bytes as base64', async () => {
    await recording('strings', '{"instances": ["a\\u00e9", {"b64": "_-8\\n"}]}', async (basePath) => {
      assert.deepEqual((await readBack(basePath)).map(inputsOf)[0]?.inputs, {
        text: [DataType.STRING, [2], ['aé', '\ufffd\ufffd']],
      });
    });
  });

  it('takes an object as inputs by name unless it is the bytes of the only input', async () => {
    await recording(
      'strings',
      '{"inputs": {"b64": "YQ==", "text": ["x"]}} {"inputs": {"text": ["y"]}}',
      async (basePath) => {
        assert.deepEqual(
          (await readBack(basePath)).map((record) => inputsOf(record)?.inputs),
          ['x', 'y'].map((text) => ({ text: [DataType.STRING, [1], [text]] })),
        );
      },
    );
  });

  it('takes no inputs of a signature that needs none', async () => {
    await recording('no_inputs', '{"signature_name": "info"} {} {"inputs": {"scale": 3}}', async (basePath) => {
      const inputs = (await readBack(basePath)).map((record) => Object.keys(inputsOf(record)?.inputs ?? {}));
      assert.deepEqual(inputs, [[], [], ['scale']]);
    });
  });

  it('leaves out inputs with a default', async () => {
    await recording('multi_io', '{"signature_name": "defaults", "inputs": {"x": [1]}}', async (basePath) => {
      assert.deepEqual(Object.keys((await readBack(basePath)).map(inputsOf)[0]?.inputs ?? {}), ['x']);
    });
  });

  it('takes examples for classify and regress: by method, else by the method name of the signature', async () => {
    const text = `{"examples": [{"x": 1.5, "n": 2}], "context": {"word": "w"}}
      {"method": "regress", "signature_name": "regress", "examples": [{"x": 1.5}, {"x": 2.5}]}`;
    await recording('examples', text, async (basePath) => {
      const records = await readBack(basePath);
      assert.deepEqual(
        records.map(({ method }) => method),
        ['Classify', 'Regress'],
      );
      const decode = ({ request }: WarmUpRecord) =>
        decodeExampleRequest(Buffer.concat([Buffer.from('0a030a016d', 'hex'), request]), CONTEXT, 'request');
      const [classify, regress] = records.map(decode);
      assert.equal((classify?.input.ranges.length ?? 0) / 2, 1);
      assert.ok(classify?.input.context !== undefined);
      assert.equal((regress?.input.ranges.length ?? 0) / 2, 2);
      assert.equal(regress?.signatureName, 'regress');
    });
  });

  it('writes the name of a model if one is given', async () => {
    await recording(
      'half_plus_two',
      '{"instances": [1]}',
      async (basePath) => {
        const [record] = await readBack(basePath);
        const { modelSpec } = decodePredictRequest(record?.request ?? new Uint8Array(), CONTEXT, OutputFormat.RAW);
        assert.deepEqual(modelSpec, { name: 'm' });
      },
      ['--model_name=m'],
    );
  });

  it('refuses what is no request of the model, with its number, and writes nothing', async () => {
    const good = '{"instances": [1]}\n';
    for (const [text, message] of [
      ['{"instances": [1], "inputs": [1]}', /Request 2: It must have exactly one of/],
      ['{}', /Request 2: It must have exactly one of/],
      ['[]', /Request 2: It must be a JSON object/],
      [
        '{"signature_name": "other", "instances": [1]}',
        /Request 2: The model has no signature "other".*serving_default/,
      ],
      ['{"instances": []}', /Request 2: "instances" must be a list that is not empty/],
      ['{"instances": [[1, 2], [3]]}', /Request 2: The rows of input 'x' have different shapes: \[2\] and \[1\]/],
      ['{"inputs": [[1, 2], [3]]}', /Request 2: A nested list has items of unequal lengths/],
      ['{"inputs": [[1], 2]}', /Request 2: A nested list has items of unequal lengths/],
      ['{"inputs": [1, [2]]}', /Request 2: A nested list has items of unequal lengths/],
      ['{"inputs": ["a"]}', /Request 2: Input 'x' has the value "a", but it takes a number, for DT_FLOAT/],
      ['{"inputs": [null]}', /Request 2: A tensor has no null/],
      ['{"inputs": {"y": [1]}}', /Request 2: Input 'x' is missing/],
      ['{"instances": [[1], [2]]}', /Request 2: Input 'x' has the shape \[2,1\], but the model takes \[-1\]/],
      ['{"examples": [{"x": 1}]}', /Request 2: Examples need a "method"/],
      ['{"method": "constructor", "examples": [{"x": 1}]}', /Request 2: Examples need a "method"/],
      ['{"instances": [1', /not valid JSON/],
    ] as const) {
      await assertRefused('half_plus_two', good + text, message);
    }
    await assertRefused('digits', '{"instances": [[0.5, 1]]}', /'images' has the shape \[1,2\].* takes \[-1,64\]/);
    await assertRefused(
      'strings',
      '{"instances": [{"b64": "!!!"}]}',
      /{"b64": "!!!"} is not base64: '!' stands at its place 0/,
    );
    await assertRefused('half_plus_two', '{"instances": [{"x": 1, "y": 2}]}', /A row has the name 'y', which/);
    await assertRefused('no_inputs', '{"instances": [{}]}', /"instances" holds no input/);
    await assertRefused('echo_double', '{"inputs": [1e309]}', /the value 1e309, but it takes numbers within a double/);
    await assertRefused('echo_int8', '{"inputs": [1.0]}', /the value 1\.0, but it takes integers/);
    await assertRefused('echo_half', '{"inputs": [1]}', /DT_HALF, which has no form in JSON/);
    await assertRefused('half_plus_two', ' \n', /There is no request/);
    await assertRefused('half_plus_two', good.repeat(3), /has 3 requests, but no more than 2/, ['--max_records=2']);
    await assertRefused('half_plus_two', good.repeat(1001), /has 1001 requests, but no more than 1000/);
  });

  it('replaces a file only with --overwrite, and leaves nothing else behind', async () => {
    await recording('half_plus_two', '{"instances": [1]}', async (basePath) => {
      const path = `${basePath}.json`;
      const args = [join(basePath, '1'), `--from_json=${path}`];
      await writeFile(path, '{"instances": [1, 2, 3]}');
      await assert.rejects(recordWarmUp(args), (error: ServingError) => {
        assert.equal(error.code, Code.ALREADY_EXISTS);
        assert.match(error.message, /is there already. Give --overwrite/);
        return true;
      });
      const before = readFileSync(warmUpFileOf(join(basePath, '1')));
      await recordWarmUp([...args, '--overwrite']);
      assert.notDeepEqual(readFileSync(warmUpFileOf(join(basePath, '1'))), before);
      assert.deepEqual(readdirSync(join(basePath, '1', 'assets.extra')), ['tf_serving_warmup_requests']);
    });
  });
});

describe('tensorgate record-warmup --from_log', () => {
  const logged = (method: LoggedMethod, request: Uint8Array) =>
    encodePredictionLog({
      method,
      request,
      response: new Uint8Array(),
      timestampSeconds: 1,
      samplingRate: 1,
      savedModelTags: [],
    });
  /** float, of so many elements. */
  const ofLength = (length: number) => predictWith([0x08, 1], [0x12, 4, 0x12, 2, 0x08, length]);
  const other = Buffer.from(ofLength(1).toString('latin1').replace('\x0a\x01m', '\x0a\x01n'), 'latin1');

  it('keeps the first request of each kind, of all files, without its answer', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const paths = [`${basePath}-1.tfrecord`, `${basePath}-2.tfrecord`];
      await writeFile(
        paths[0] as string,
        Buffer.concat([1, 1, 2].map((n) => frameTfRecord(logged('Predict', ofLength(n))))),
      );
      const unknown = Buffer.concat([ofLength(1), Buffer.from('0a031a0173', 'hex')]);
      const more = [logged('Predict', ofLength(1)), logged('Predict', ofLength(3)), logged('Predict', unknown)];
      await writeFile(paths[1] as string, Buffer.concat(more.map(frameTfRecord)));
      const output = await recordWarmUp([basePath, ...paths.map((path) => `--from_log=${path}`)]);
      assert.match(output, /^3 requests are in .* Of 6 logged requests 1 are for other models or signatures\.\n$/);
      assert.deepEqual(
        (await readBack(basePath)).map(({ request }) => Buffer.from(request).toString('hex')),
        [1, 2, 3].map((n) => ofLength(n).toString('hex')),
      );
      const stored = readFileSync(warmUpFileOf(join(basePath, '1')));
      assert.deepEqual(stored.subarray(0, stored.length / 3), frameTfRecord(encodeRequestLog('Predict', ofLength(1))));
    });
  });

  it('says which log cannot be read, and where nothing can be written', () =>
    withModelCopy('half_plus_two', async (basePath) => {
      const code = (expected: Code, text: string) => (error: ServingError) => {
        assert.deepEqual([error.code, error.message.startsWith(text)], [expected, true], error.message);
        return true;
      };
      for (const path of ['/nowhere/log', basePath]) {
        const unread = code(Code.NOT_FOUND, `--from_log=${path} cannot be read: `);
        await assert.rejects(recordWarmUp([basePath, `--from_log=${path}`]), unread);
      }
      await writeFile(`${basePath}.json`, '{"instances": [1]}');
      await writeFile(join(basePath, '1', 'assets.extra'), 'a file where the folder should be');
      const unwritten = code(Code.FAILED_PRECONDITION, `${warmUpFileOf(join(basePath, '1'))} cannot be written: `);
      await assert.rejects(recordWarmUp([basePath, `--from_json=${basePath}.json`]), unwritten);
    }));

  it('keeps no more than --max_records, and those of --model_name', async () => {
    await withModelCopy('half_plus_two', async (basePath) => {
      const path = `${basePath}.tfrecord`;
      const records = [other, ofLength(1), ofLength(2), ofLength(3)].map((request) => logged('Predict', request));
      await writeFile(path, Buffer.concat(records.map(frameTfRecord)));
      assert.match(
        await recordWarmUp([basePath, `--from_log=${path}`, '--model_name=m', '--max_records=2']),
        /^2 requests are in .* 1 more kinds of request than --max_records allows were left out\.\n$/,
      );
      assert.deepEqual(
        (await readBack(basePath)).map(({ request }) => Buffer.from(request).toString('hex')),
        [ofLength(1).toString('hex'), ofLength(2).toString('hex')],
      );
      await assert.rejects(
        recordWarmUp([basePath, `--from_log=${path}`, '--model_name=nobody', '--overwrite']),
        /There is no request for the model in .* Of 4 logged requests 4 are for other models/,
      );
    });
  });
});

describe('tensorgate record-warmup', () => {
  it('prints how to use it without arguments', async () => {
    assert.match(await recordWarmUp([]), /^Usage: tensorgate record-warmup DIR/);
    assert.equal(await recordWarmUp(['--help']), await recordWarmUp([]));
  });

  it('refuses arguments that do not fit', async () => {
    for (const args of [
      ['DIR'],
      ['DIR', '--from_json=a', '--from_log=b'],
      ['--from_json=a'],
      ['a', 'b', '--from_json=c'],
    ]) {
      await assert.rejects(recordWarmUp(args), /One folder and one of --from_json and --from_log are needed/);
    }
    await assert.rejects(recordWarmUp(['DIR', '--nonsense']), /Unknown option '--nonsense'/);
    for (const number of ['0', '1001', 'many']) {
      await assert.rejects(
        recordWarmUp(['DIR', '--from_json=a', `--max_records=${number}`]),
        /--max_records must be a whole number from 1 to 1000/,
      );
    }
    await assert.rejects(recordWarmUp(['/nowhere', '--from_json=a']), /The folder \/nowhere does not exist/);
  });
});
