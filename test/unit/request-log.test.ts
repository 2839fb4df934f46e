import assert from 'node:assert/strict';
import fs, { existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { describe, it, mock } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestLogOptions } from '../../src/config/logging-config.js';
import { Code } from '../../src/errors.js';
import { crc32c, frameTfRecord, maskedCrc32c } from '../../src/formats/tf-record.js';
import type { LoggingConfig } from '../../src/gen/messages.js';
import { metrics } from '../../src/metrics/metrics.js';
import { encodePredictionLog, requestedModelName } from '../../src/request-log/prediction-log.js';
import { type ModelRequestLog, type RequestLogOptions, RequestLogs } from '../../src/request-log/request-log.js';
import { RequestLogFile } from '../../src/request-log/request-log-file.js';
import { captureLog } from '../support/capture-log.js';
import { withTempDir } from '../support/models.js';

const ASCII = (text: string) => Buffer.from(text, 'latin1');
/** PredictRequest {model_spec {name: "m"}, outputs "y"}; PredictResponse {model_spec {name: "m" version {value: 7}}}. */
const REQUEST = Buffer.from('0a030a016d1a0179', 'hex');
const RESPONSE = Buffer.from('12070a016d12020807', 'hex');

describe('TFRecord framing', () => {
  it('has the CRC-32C of RFC 3720’s examples', () => {
    assert.equal(crc32c(ASCII('123456789')), 0xe3069283);
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43);
    assert.equal(crc32c(Buffer.alloc(0)), 0);
  });

  it('masks it: rotated right by 15, plus 0xa282ead8', () => {
    const crc = 0xe3069283;
    const rotated = ((crc >>> 15) | (crc << 17)) >>> 0;
    assert.equal(maskedCrc32c(ASCII('123456789')), (rotated + 0xa282ead8) % 2 ** 32);
  });

  it('is length, checksum of the length, data, checksum of the data', () => {
    // As tf.io.TFRecordWriter writes the record b"foo".
    assert.equal(frameTfRecord(ASCII('foo')).toString('hex'), `0300000000000000${FOO_LENGTH_CRC}666f6f${FOO_DATA_CRC}`);
  });
});

const FOO_LENGTH_CRC = 'b099490e';
const FOO_DATA_CRC = '618abefe';

describe('encodePredictionLog()', () => {
  const call = {
    request: REQUEST,
    response: RESPONSE,
    timestampSeconds: 5,
    samplingRate: 0.5,
    savedModelTags: ['serve'],
  };

  it('puts the messages as they are into the log of their method, with the spec that answered in the metadata', () => {
    const metadata = '0a1d' + '0a070a016d12020807' + '1209' + '09000000000000e03f' + '1a05' + '7365727665' + '2005';
    assert.equal(
      Buffer.from(encodePredictionLog({ ...call, method: 'Predict' })).toString('hex'),
      `${metadata}3215${'0a08'}${REQUEST.toString('hex')}${'1209'}${RESPONSE.toString('hex')}`,
    );
  });

  it('finds the model’s name in a request, of MultiInference in its first task', () => {
    assert.equal(requestedModelName('Predict', REQUEST), 'm');
    assert.equal(requestedModelName('MultiInference', Buffer.from('0a050a030a016d', 'hex')), 'm');
    for (const hex of ['', 'ff', '0aff', '0a00', '08']) {
      assert.equal(requestedModelName('Predict', Buffer.from(hex, 'hex')), '', hex);
    }
  });
});

describe('RequestLogFile', () => {
  it('begins a new file when one is full, and never writes to one that is there', async () => {
    await withTempDir(async (folder) => {
      const prefix = join(folder, 'log');
      const write = (records: number) => {
        const file = new RequestLogFile({ prefix, maxFileBytes: 20 });
        for (let i = 0; i < records; i++) file.append(Buffer.alloc(10));
        file.close();
      };
      write(5);
      write(1);
      const sizes = readdirSync(folder)
        .map((name) => statSync(join(folder, name)).size)
        .sort();
      assert.deepEqual(sizes, [10, 10, 20, 20]);
      for (const name of readdirSync(folder)) assert.match(name, /^log-\d{8}T\d{6}Z-\d{4}\.tfrecord$/);
    });
  });
});

describe('RequestLogFile on a full disk', () => {
  it('throws the file system’s error and begins a new file with the next record', async (t) => {
    if (!existsSync('/dev/full')) return t.skip('there is no /dev/full here');
    await withTempDir(async (folder) => {
      let full = true;
      const create = (path: string) => openSync(full ? '/dev/full' : path, full ? 'w' : 'wx');
      const file = new RequestLogFile({ prefix: join(folder, 'log'), maxFileBytes: 1000, create });
      assert.throws(() => file.append(Buffer.alloc(10)), { code: 'ENOSPC' });
      full = false;
      file.append(Buffer.alloc(10));
      file.close();
      assert.deepEqual(
        readdirSync(folder).map((name) => statSync(join(folder, name)).size),
        [10],
      );
    });
  });

  it('leaves no half of a record behind', async () => {
    await withTempDir(async (folder) => {
      const file = new RequestLogFile({ prefix: join(folder, 'log'), maxFileBytes: 1000 });
      file.append(Buffer.alloc(10));
      const { writeSync } = fs;
      const write = mock.method(fs, 'writeSync', (to: number, bytes: Uint8Array, from: number) => {
        if (from > 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
        return writeSync(to, bytes, 0, 4);
      });
      syncBuiltinESMExports();
      try {
        assert.throws(() => file.append(Buffer.alloc(10)), { code: 'ENOSPC' });
        assert.equal(write.mock.callCount(), 2);
      } finally {
        write.mock.restore();
        syncBuiltinESMExports();
      }
      assert.deepEqual(
        readdirSync(folder).map((name) => statSync(join(folder, name)).size),
        [10],
      );
    });
  });
});

/** All lines of request_log_count for the model. */
function countsOf(model: string): string[] {
  return metrics
    .render()
    .split('\n')
    .filter((line) => line.startsWith(`:tensorflow:serving:request_log_count{model_name="${model}"`));
}

function record(log: ModelRequestLog | undefined): void {
  log?.record('Predict', new Uint8Array(REQUEST), RESPONSE);
}

async function withLogs(
  options: RequestLogOptions,
  use: (logs: RequestLogs, lines: () => string[]) => Promise<void>,
  mostWaitingBytes?: number,
): Promise<void> {
  const captured = captureLog();
  const logs = new RequestLogs(mostWaitingBytes);
  try {
    logs.configure(new Map([['m', options]]));
    await use(logs, captured.lines);
  } finally {
    await logs.close();
    captured.restore();
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('It did not come about within 5 seconds.');
    await sleep(10);
  }
}

const OPTIONS = { samplingRate: 1, savedModelTags: ['serve'] };

describe('RequestLogs', () => {
  it('writes what it was given when it is closed, and counts it as OK', async () => {
    await withTempDir(async (folder) => {
      const captured = captureLog();
      const logs = new RequestLogs();
      logs.configure(new Map([['m', { ...OPTIONS, filenamePrefix: join(folder, 'log') }]]));
      for (let i = 0; i < 3; i++) record(logs.sample('m'));
      await until(() => countsOf('m').length > 0 && countsOf('m')[0]?.endsWith(' 3') === true);
      assert.deepEqual(countsOf('m'), [':tensorflow:serving:request_log_count{model_name="m",status_code="OK"} 3']);
      await logs.close();
      captured.restore();
      const [name] = readdirSync(folder);
      const one = frameTfRecord(Buffer.alloc(0)).length;
      assert.ok(readFileSync(join(folder, name as string)).length > 3 * one);
    });
  });

  it('samples the share that it is told, and no other model', async () => {
    await withTempDir((folder) =>
      withLogs({ ...OPTIONS, samplingRate: 0.25, filenamePrefix: join(folder, 'log') }, async (logs) => {
        const sampled = Array.from({ length: 4000 }, () => logs.sample('m')).filter((log) => log !== undefined).length;
        assert.ok(sampled > 800 && sampled < 1200, String(sampled));
        assert.equal(logs.sample('other'), undefined);
        logs.configure(new Map());
        assert.equal(logs.active, false);
      }),
    );
  });

  it('says once that a prefix is bad, counts what is dropped, and says when it is written again', async () => {
    await withTempDir(async (folder) => {
      const prefix = join(folder, 'missing', 'log');
      await withLogs({ ...OPTIONS, filenamePrefix: prefix }, async (logs, lines) => {
        for (let i = 0; i < 5; i++) record(logs.sample('m'));
        await until(() => countsOf('m')[0]?.endsWith(' 5') === true);
        assert.deepEqual(countsOf('m'), [
          ':tensorflow:serving:request_log_count{model_name="m",status_code="NOT_FOUND"} 5',
        ]);
        assert.equal(lines().length, 1);
        assert.match(
          lines()[0] ?? '',
          /^E The request log of model m at .*missing.* cannot be written \(ENOENT.*Make the folder/,
        );
        mkdirSync(join(folder, 'missing'));
        record(logs.sample('m'));
        await until(() => lines().length === 2);
        assert.match(lines()[1] ?? '', /^I The request log of model m is written again\. dropped=5$/);
      });
    });
  });

  it('says once that the disk is full, and what to do', async () => {
    await withTempDir((folder) =>
      withLogs({ ...OPTIONS, filenamePrefix: join(folder, 'log') }, async (logs, lines) => {
        const full = { code: 'ENOSPC', message: 'ENOSPC: no space left on device, write' };
        const log = logs.sample('m');
        for (let i = 0; i < 3; i++) log?.settle(full);
        assert.equal(lines().length, 1);
        assert.match(
          lines()[0] ?? '',
          /no space left on device, write\): requests are answered .* Make room on the disk/,
        );
        assert.deepEqual(countsOf('m'), [
          ':tensorflow:serving:request_log_count{model_name="m",status_code="RESOURCE_EXHAUSTED"} 3',
        ]);
      }),
    );
  });

  it('drops what comes faster than it can be written, and never waits', async () => {
    await withTempDir((folder) =>
      withLogs(
        { ...OPTIONS, filenamePrefix: join(folder, 'log') },
        async (logs, lines) => {
          for (let i = 0; i < 100; i++) record(logs.sample('m'));
          assert.match(lines()[0] ?? '', /^E .* bytes wait to be written/);
          await until(() => countsOf('m').some((line) => line.includes('"OK"') && line.endsWith(' 10')));
          assert.ok(
            countsOf('m').includes(
              ':tensorflow:serving:request_log_count{model_name="m",status_code="RESOURCE_EXHAUSTED"} 90',
            ),
          );
        },
        10 * (REQUEST.length + RESPONSE.length),
      ),
    );
  });
});

describe('requestLogOptions()', () => {
  const config = (collector: object | undefined, rate: number, custom?: object) =>
    ({
      log_collector_config: collector,
      sampling_config: { sampling_rate: rate },
      custom_logging_config: custom,
    }) as unknown as LoggingConfig;
  const options = (given: LoggingConfig) => requestLogOptions('m', given, ['serve']);

  it('takes prefix and rate', () => {
    const expected = { filenamePrefix: '/l/m', samplingRate: 0.5, savedModelTags: ['serve'] };
    assert.deepEqual(options(config({ type: '', filename_prefix: '/l/m' }, 0.5)), expected);
    assert.deepEqual(options(config({ type: 'tfrecord', filename_prefix: '/l/m' }, 0.5)), expected);
  });

  it('logs nothing at a rate of zero', () => assert.equal(options(config(undefined, 0)), undefined));

  it('refuses a missing prefix, a rate beyond 1, another collector and a custom configuration, naming the model', () => {
    const refused: [LoggingConfig, RegExp][] = [
      [config(undefined, 0.5), /model m has no filename_prefix/],
      [config({ type: '', filename_prefix: '/l' }, 1.5), /sampling_rate in the logging_config of model m is 1\.5\./],
      [config({ type: 'kafka', filename_prefix: '/l' }, 0.5), /"kafka"/],
      [config({ type: '', filename_prefix: '/l' }, 0.5, {}), /custom_logging_config/],
    ];
    for (const [given, message] of refused) {
      assert.throws(() => options(given), { code: Code.INVALID_ARGUMENT, message });
    }
  });
});
