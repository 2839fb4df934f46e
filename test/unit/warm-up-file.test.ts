import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { Code, type ServingError } from '../../src/errors.js';
import { crc32c, frameTfRecord, readTfRecords } from '../../src/formats/tf-record.js';
import { decodePredictionLog, encodePredictionLog, encodeRequestLog } from '../../src/request-log/prediction-log.js';
import { MOST_RECORDS, readWarmUpFile, type WarmUpRecord, warmUpFileOf } from '../../src/warmup/warm-up-file.js';
import { goldenPredict } from '../support/grpc-requests.js';
import { withTempDir } from '../support/models.js';

const REQUEST = goldenPredict('floatVal');

async function withFile<T>(content: Uint8Array, fn: (path: string) => Promise<T>): Promise<T> {
  return withTempDir(async (folder) => {
    const path = warmUpFileOf(folder);
    await mkdir(dirname(path));
    await writeFile(path, content);
    return fn(path);
  });
}

function framed(...records: Uint8Array[]): Buffer {
  return Buffer.concat(records.map(frameTfRecord));
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** What has been read before the error, which names the file and the remedy. */
async function assertRefused(content: Uint8Array, code: Code, message: RegExp): Promise<WarmUpRecord[]> {
  return withFile(content, async (path) => {
    const read: WarmUpRecord[] = [];
    const error: ServingError = await (async () => {
      for await (const record of readWarmUpFile(path)) read.push(record);
    })().then(
      () => assert.fail('The file was read.'),
      (thrown: ServingError) => thrown,
    );
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.ok(error.message.includes(path), error.message);
    assert.match(error.message, /tensorgate record-warmup, remove it, or start with --enable_model_warmup=false\.$/);
    return read;
  });
}

describe('readTfRecords()', () => {
  it('reads back records of all lengths, longer ones than it reads at a time too', async () => {
    const records = [0, 1, 3, 128 * 1024 - 1, 128 * 1024, 300_001].map((length) => Buffer.alloc(length, length % 251));
    await withFile(framed(...records), async (path) => assert.deepEqual(await all(readTfRecords(path)), records));
  });

  it('has no records in an empty file', async () => {
    await withFile(Buffer.alloc(0), async (path) => assert.deepEqual(await all(readTfRecords(path)), []));
  });

  it('goes on with a checksum where it stopped', () => {
    const bytes = Buffer.from('123456789');
    assert.equal(crc32c(bytes.subarray(4), crc32c(bytes.subarray(0, 4))), crc32c(bytes));
  });
});

describe('decodePredictionLog()', () => {
  it('finds method and request in what is written of each method', () => {
    for (const method of ['Predict', 'Classify', 'Regress', 'MultiInference'] as const) {
      const { method: found, request } = decodePredictionLog(encodeRequestLog(method, REQUEST));
      assert.equal(found, method);
      assert.deepEqual(Buffer.from(request), REQUEST);
    }
  });

  it('finds them behind metadata and before an answer, as request logs have them', () => {
    const call = {
      response: Buffer.from('0a00', 'hex'),
      timestampSeconds: 1,
      samplingRate: 1,
      savedModelTags: ['serve'],
    };
    const { method, request } = decodePredictionLog(
      encodePredictionLog({ ...call, method: 'Regress', request: REQUEST }),
    );
    assert.equal(method, 'Regress');
    assert.deepEqual(Buffer.from(request), REQUEST);
  });

  it('takes the last log of several, and joins a request that comes in pieces', () => {
    const [predict, regress] = [encodeRequestLog('Predict', REQUEST), encodeRequestLog('Regress', REQUEST)];
    assert.equal(decodePredictionLog(Buffer.concat([regress, predict])).method, 'Predict');
    assert.deepEqual(
      Buffer.from(decodePredictionLog(Buffer.concat([predict, predict])).request),
      Buffer.concat([REQUEST, REQUEST]),
    );
  });
});

describe('readWarmUpFile()', () => {
  const record = encodeRequestLog('Predict', REQUEST);

  it('gives the records with their numbers', async () => {
    await withFile(framed(record, encodeRequestLog('Classify', REQUEST)), async (path) => {
      const read = await all(readWarmUpFile(path));
      assert.deepEqual(
        read.map(({ number, method }) => [number, method]),
        [
          [1, 'Predict'],
          [2, 'Classify'],
        ],
      );
    });
  });

  it('passes over a record without any log, as TensorFlow Serving does', async () => {
    await withFile(framed(new Uint8Array()), async (path) => {
      assert.deepEqual(
        (await all(readWarmUpFile(path))).map(({ method, logType }) => [method, logType]),
        [[undefined, 0]],
      );
    });
  });

  it(`takes ${MOST_RECORDS} records, and refuses one more`, async () => {
    const full = Buffer.concat(Array.from({ length: MOST_RECORDS }, () => frameTfRecord(record)));
    await withFile(full, async (path) => assert.equal((await all(readWarmUpFile(path))).length, 1000));
    const text = /^Number of warmup records exceeds the maximum \(1000\) at /;
    const read = await assertRefused(Buffer.concat([full, framed(record)]), Code.INVALID_ARGUMENT, text);
    assert.equal(read.length, 1000);
  });

  it('refuses session-run and streamed logs', async () => {
    for (const [field, tag] of [
      [5, 0x2a],
      [7, 0x3a],
    ] as const) {
      const text = new RegExp(`^Unsupported log_type for warmup: ${field}, in record 2 of `);
      await assertRefused(framed(record, Uint8Array.of(tag, 0)), Code.UNIMPLEMENTED, text);
    }
  });

  it('refuses a record that does not parse', async () => {
    const text = /^Failed to parse warmup record: number 1 from .* The PredictionLog is malformed/;
    await assertRefused(framed(Buffer.from('32ff', 'hex')), Code.INVALID_ARGUMENT, text);
  });

  it('refuses a file with a wrong checksum, of the data or of their length', async () => {
    const good = framed(record, record);
    const start = good.length / 2;
    for (const [place, what] of [
      [start + 2, 'length'],
      [start + 8, 'length'],
      [start + 12, 'data'],
      [good.length - 1, 'data'],
    ] as const) {
      const bad = Buffer.from(good);
      bad[place] = (bad[place] as number) ^ 0x10;
      const text = new RegExp(
        `^Record 2 of .* has a wrong checksum of its ${what} .*verify your warmup data is in TFRecord`,
      );
      assert.equal((await assertRefused(bad, Code.DATA_LOSS, text)).length, 1, String(place));
    }
  });

  it('refuses a file that is cut short anywhere', async () => {
    const good = framed(record, record);
    for (let length = good.length / 2 + 1; length < good.length; length += 5) {
      await assertRefused(good.subarray(0, length), Code.DATA_LOSS, /^Record 2 of .* is cut short/);
    }
  });

  it('refuses a record that says it is longer than any memory', async () => {
    const header = frameTfRecord(new Uint8Array(0)).subarray(0, 12);
    header.writeBigUInt64LE(2n ** 63n);
    const framedCrc = crc32c(header.subarray(0, 8));
    header.writeUInt32LE((((framedCrc >>> 15) | (framedCrc << 17)) + 0xa282ead8) >>> 0, 8);
    await assertRefused(header, Code.DATA_LOSS, /^Record 1 of .* is cut short/);
  });

  it('says so where it is no file that can be read', async () => {
    await withTempDir(async (folder) => {
      await assert.rejects(all(readWarmUpFile(folder)), /^ServingError: The warm-up file .* cannot be read: /);
    });
  });
});
