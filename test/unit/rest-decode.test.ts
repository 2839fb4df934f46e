import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isPacked, parseRoute } from '../../src/doors/rest/decode.js';
import { Code, ServingError } from '../../src/errors.js';

const isInvalid = (error: unknown) => error instanceof ServingError && error.code === Code.INVALID_ARGUMENT;

describe('parseRoute()', () => {
  it('finds the model and the verb of a POST', () => {
    for (const kind of ['predict', 'classify', 'regress'] as const) {
      assert.deepEqual(parseRoute('POST', `/v1/models/m:${kind}`), { kind, modelSpec: { name: 'm' } });
    }
  });

  it('finds status and metadata of a GET', () => {
    assert.deepEqual(parseRoute('GET', '/v1/models/m'), { kind: 'status', modelSpec: { name: 'm' } });
    assert.deepEqual(parseRoute('GET', '/v1/models/m/metadata'), { kind: 'metadata', modelSpec: { name: 'm' } });
    assert.deepEqual(parseRoute('GET', '/v1/models/m/stats'), { kind: 'statistics', modelSpec: { name: 'm' } });
  });

  it('takes a version or a label, not both', () => {
    const version = { name: 'm', version: 12n };
    const label = { name: 'm', versionLabel: 'canary' };
    assert.deepEqual(parseRoute('POST', '/v1/models/m/versions/12:predict'), { kind: 'predict', modelSpec: version });
    assert.deepEqual(parseRoute('POST', '/v1/models/m/labels/canary:predict'), { kind: 'predict', modelSpec: label });
    assert.deepEqual(parseRoute('GET', '/v1/models/m/versions/12'), { kind: 'status', modelSpec: version });
    assert.deepEqual(parseRoute('GET', '/v1/models/m/labels/canary/metadata'), { kind: 'metadata', modelSpec: label });
    assert.equal(parseRoute('GET', '/v1/models/m/versions/12/labels/canary').kind, 'malformed');
    assert.equal(parseRoute('GET', '/v1/models/m/versions/twelve').kind, 'malformed');
  });

  it('takes the largest int64 as a version and nothing beyond', () => {
    const largest = parseRoute('GET', '/v1/models/m/versions/9223372036854775807');
    assert.deepEqual(largest, { kind: 'status', modelSpec: { name: 'm', version: 9223372036854775807n } });
    for (const path of ['9223372036854775808', '99999999999999999999999999999']) {
      assert.equal(parseRoute('GET', `/v1/models/m/versions/${path}`).kind, 'versionOutOfRange');
      assert.equal(parseRoute('POST', `/v1/models/m/versions/${path}:predict`).kind, 'versionOutOfRange');
    }
  });

  it('ignores the case of letters, but neither in names and labels nor in the verb', () => {
    assert.deepEqual(parseRoute('POST', '/V1/Models/Mm/LABELS/Ll:predict'), {
      kind: 'predict',
      modelSpec: { name: 'Mm', versionLabel: 'Ll' },
    });
    assert.equal(parseRoute('GET', '/V1/MODELS/m/METADATA').kind, 'metadata');
    assert.equal(parseRoute('POST', '/v1/models/m:Predict').kind, 'malformed');
  });

  it('percent-decodes names and labels after the match', () => {
    assert.deepEqual(parseRoute('GET', '/v1/models/a%2Fb%3Ac%20%C3%A9'), {
      kind: 'status',
      modelSpec: { name: 'a/b:c é' },
    });
    assert.deepEqual(parseRoute('GET', '/v1/models/m/labels/%6C'), {
      kind: 'status',
      modelSpec: { name: 'm', versionLabel: 'l' },
    });
    assert.equal(parseRoute('GET', '/v1/models/%ff').kind, 'malformed');
    assert.equal(parseRoute('GET', '/v1/models/100%').kind, 'malformed');
  });

  it('makes a query string part of the name in a GET, and a POST with one malformed', () => {
    assert.deepEqual(parseRoute('GET', '/v1/models/m?a=1'), { kind: 'status', modelSpec: { name: 'm?a=1' } });
    assert.equal(parseRoute('POST', '/v1/models/m:predict?a=1').kind, 'malformed');
    assert.equal(parseRoute('GET', '/v1/models/m/metadata?a=1').kind, 'malformed');
  });

  it('calls malformed what is under /v1/ and fits nothing', () => {
    const requests = [
      ['GET', '/v1/models/m:predict'],
      ['POST', '/v1/models/m'],
      ['POST', '/v1/models/m/metadata'],
      ['HEAD', '/v1/models/m'],
      ['DELETE', '/v1/models/m'],
      ['GET', '/v1/'],
      ['GET', '/v1/models/'],
      ['GET', '/v1/models/m/'],
      ['POST', '/v1/models/m:explain'],
    ] as const;
    for (const [method, path] of requests)
      assert.equal(parseRoute(method, path).kind, 'malformed', `${method} ${path}`);
  });

  it('lists all models under /v1/models', () => {
    assert.deepEqual(parseRoute('GET', '/v1/models'), { kind: 'models' });
    assert.deepEqual(parseRoute('GET', '/V1/Models'), { kind: 'models' });
    assert.equal(parseRoute('POST', '/v1/models').kind, 'malformed');
  });

  it('leaves other paths alone, and answers preflights under /v1/ only', () => {
    for (const path of ['/', '/v1', '/v2/models/m', '/x/v1/models/m']) {
      assert.equal(parseRoute('GET', path).kind, 'elsewhere');
      assert.equal(parseRoute('OPTIONS', path).kind, 'elsewhere');
    }
    assert.equal(parseRoute('OPTIONS', '/v1/models/m:predict').kind, 'preflight');
  });
});

describe('isPacked()', () => {
  it('knows gzip and plain bodies, and refuses other packings by name', () => {
    for (const encoding of ['gzip', 'GZip', ' x-gzip ']) assert.equal(isPacked(encoding), true);
    for (const encoding of ['', 'identity']) assert.equal(isPacked(encoding), false);
    assert.throws(
      () => isPacked('br'),
      (error) => isInvalid(error) && /br/.test((error as Error).message),
    );
  });
});
