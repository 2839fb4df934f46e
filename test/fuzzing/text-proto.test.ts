/** Whatever stands in a configuration file: the reader gives a message or INVALID_ARGUMENT, and soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Code, ServingError } from '../../src/errors.js';
import { encodeMessage, type MessageType } from '../../src/formats/protobuf.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { ConfigProto, ModelServerConfig } from '../../src/gen/messages.js';
import { checkProperty } from '../support/check-property.js';
import { assertCheap } from '../support/cpu-time.js';

const MAX_CPU_MILLIS = 1000;
const TYPES: readonly MessageType<object>[] = [ModelServerConfig, ConfigProto];

const CONFIG = `model_config_list { config { name: "m" base_path: '/m' model_platform: "tensorflow" # comment
  model_version_policy: { specific { versions: [1, 0x2] versions: 3 } } version_labels <key: "a\\n" value: -1>, model_type: 1 } }`;
const SESSION =
  'intra_op_parallelism_threads: 2; gpu_options { allow_growth: true } device_count { key: "GPU" value: 1 }';

function assertHarmless(text: string): void {
  const before = process.cpuUsage();
  for (const type of TYPES) {
    for (const skipUnknownFields of [false, true]) {
      try {
        encodeMessage(type, parseTextProto(type, text, { skipUnknownFields, anyTypes: [ModelServerConfig] }));
      } catch (error) {
        assert.ok(error instanceof ServingError, `${text}: ${error}`);
        assert.equal(error.code, Code.INVALID_ARGUMENT);
        assert.match(error.message, /^Error parsing text-format [\w.]+: \d+:\d+: ./);
      }
    }
  }
  assertCheap(before, MAX_CPU_MILLIS);
}

const piece = fc.oneof(
  fc.constantFrom(
    ...[
      '{',
      '}',
      '<',
      '>',
      '[',
      ']',
      ':',
      ';',
      ',',
      '-',
      '/',
      '.',
      '"',
      "'",
      '\\',
      '\n',
      '#',
      ' ',
      '0x',
      '1e9',
      'inf',
      'nan',
    ],
    ...[
      'model_config_list',
      'config',
      'name',
      'custom_model_config',
      'version_labels',
      'key',
      'value',
      'logging_config',
    ],
    ...[
      '[type.googleapis.com/tensorflow.serving.ModelServerConfig]',
      '18446744073709551616',
      '\\777',
      '\\U00110000',
      '\u{1f600}',
    ],
  ),
  fc.string({ maxLength: 3, unit: 'binary' }),
);

test('random words are harmless', (t) => {
  return checkProperty(
    t,
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => assertHarmless(pieces.join(' '))),
  );
});

test('real configurations with a few changes are harmless', (t) => {
  const change = fc.tuple(fc.nat(400), fc.nat(4), piece);
  const property = fc.property(
    fc.constantFrom(CONFIG, SESSION),
    fc.array(change, { minLength: 1, maxLength: 4 }),
    (text, changes) => {
      for (const [at, removed, added] of changes) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + added + text.slice(place + removed);
      }
      assertHarmless(text);
    },
  );
  return checkProperty(t, property);
});
