import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code, type ServingError } from '../../src/errors.js';
import { parseProtoJson } from '../../src/formats/proto-json.js';
import { encodeMessage, type MessageType } from '../../src/formats/protobuf.js';
import { parseTextProto } from '../../src/formats/text-proto.js';
import { ConfigProto } from '../../src/gen/messages.js';

const parse = (value: object) => parseProtoJson(ConfigProto, JSON.stringify(value));

/** A field of each kind that ConfigProto has not. */
const ALL: MessageType<Record<string, unknown>> = {
  name: 'test.All',
  fields: [
    { name: 'data', number: 1, type: 'bytes' },
    { name: 'big', number: 2, type: 'uint64' },
    { name: 'small', number: 3, type: 'float' },
    { name: 'one', number: 4, type: 'int32', rule: 'optional', oneof: 'choice' },
    { name: 'other', number: 5, type: 'int32', rule: 'optional', oneof: 'choice' },
    { name: 'by_flag', number: 6, type: 'string', key: 'bool' },
    { name: 'by_number', number: 7, type: 'string', key: 'int64' },
  ],
};
const parseAll = (text: string) => parseProtoJson(ALL, text) as Record<string, unknown>;

function refusal(text: string, type: MessageType<object> = ConfigProto): string {
  try {
    parseProtoJson(type, text);
  } catch (error) {
    assert.equal((error as ServingError).code, Code.INVALID_ARGUMENT);
    return (error as ServingError).message;
  }
  return assert.fail(`${text} should be refused`);
}

describe('A message in JSON', () => {
  it('is what the same message is as a text proto, with original names or in lowerCamelCase', () => {
    const text = `device_count { key: "CPU" value: 2 } operation_timeout_in_ms: 1500 log_device_placement: true
      gpu_options { per_process_gpu_memory_fraction: 0.25 experimental { virtual_devices { memory_limit_mb: [1, 2.5] } virtual_devices {} } }
      graph_options { optimizer_options { global_jit_level: ON_1 } rewrite_options { disable_meta_optimizer: true } }
      cluster_def { job { name: "worker" tasks { key: 1 value: "a:1" } } } device_filters: "/job:worker"`;
    const original = {
      device_count: { CPU: 2 },
      operation_timeout_in_ms: '1500',
      log_device_placement: true,
      gpu_options: {
        per_process_gpu_memory_fraction: 0.25,
        experimental: { virtual_devices: [{ memory_limit_mb: [1, 2.5] }, {}] },
      },
      graph_options: {
        optimizer_options: { global_jit_level: 'ON_1' },
        rewrite_options: { disable_meta_optimizer: true },
      },
      cluster_def: { job: [{ name: 'worker', tasks: { '1': 'a:1' } }] },
      device_filters: ['/job:worker'],
    };
    const camel = {
      deviceCount: { CPU: '2' },
      operationTimeoutInMs: 1500,
      logDevicePlacement: true,
      gpuOptions: {
        perProcessGpuMemoryFraction: '0.25',
        experimental: { virtualDevices: [{ memoryLimitMb: [1, 2.5] }, {}] },
      },
      graphOptions: { optimizerOptions: { globalJitLevel: 1 }, rewriteOptions: { disableMetaOptimizer: true } },
      clusterDef: { job: [{ name: 'worker', tasks: { '1': 'a:1' } }] },
      deviceFilters: ['/job:worker'],
    };
    const expected = parseTextProto(ConfigProto, text);
    assert.deepEqual(parse(original), expected);
    assert.deepEqual(parse(camel), expected);
    assert.ok(encodeMessage(ConfigProto, expected).length > 0);
  });

  it('has 64-bit numbers exactly, bare or as strings, and whole ones also with point and exponent', () => {
    const timeout = (text: string) =>
      parseProtoJson(ConfigProto, `{"operation_timeout_in_ms": ${text}}`).operation_timeout_in_ms;
    assert.equal(timeout('9223372036854775807'), 9223372036854775807n);
    assert.equal(timeout('"-9223372036854775808"'), -9223372036854775808n);
    assert.equal(timeout('1e3'), 1000n);
    assert.equal(timeout('5.0'), 5n);
    assert.equal(parseAll('{"big": "18446744073709551615"}').big, 18446744073709551615n);
  });

  it('has null for what is not set', () => {
    assert.deepEqual(parse({ gpuOptions: null, log_device_placement: null, deviceFilters: null }), parse({}));
    assert.equal(parseAll('{"one": null, "other": 1}').other, 1);
  });

  it('has bytes as base64 of either alphabet, floats also as words, keys as strings', () => {
    assert.deepEqual(parseAll('{"data": "-_8="}').data, new Uint8Array([0xfb, 0xff]));
    assert.deepEqual(parseAll('{"data": "+/\\n8"}').data, new Uint8Array([0xfb, 0xff]));
    assert.equal(parseAll('{"small": "-Infinity"}').small, Number.NEGATIVE_INFINITY);
    assert.ok(Number.isNaN(parseAll('{"small": "NaN"}').small));
    assert.equal(parseAll('{"small": 0.1}').small, Math.fround(0.1));
    assert.deepEqual(parseAll('{"by_flag": {"true": "a"}}').by_flag, new Map([[true, 'a']]));
    assert.deepEqual(parseAll('{"byNumber": {"-7": "a"}}').by_number, new Map([[-7n, 'a']]));
  });

  it('is refused, with the path of the field, for what it cannot say', () => {
    const cases: [string, RegExp][] = [
      ['{"no_such": 1}', /no_such does not exist: "tensorflow\.ConfigProto" has no field "no_such"/],
      ['{"gpuOptions": {"alowGrowth": true}}', /gpuOptions\.alowGrowth does not exist: "tensorflow\.GPUOptions"/],
      ['{"__proto__": 1}', /__proto__ does not exist/],
      ['{"constructor": 1}', /constructor does not exist/],
      ['{"gpu_options": {"allow_growth": 1}}', /gpu_options\.allow_growth must be true or false, not 1/],
      ['{"gpu_options": {"allow_growth": "true"}}', /allow_growth must be true or false, not "true"/],
      ['{"gpu_options": []}', /gpu_options must be an object, \{ … \}, not \[\]/],
      ['{"device_filters": "a"}', /device_filters must be a list, \[ … \], not "a"/],
      ['{"device_filters": ["a", null]}', /device_filters\[1\] must be a string, not null/],
      ['{"device_count": {"CPU": "two"}}', /device_count\["CPU"\] must be a whole number, not two/],
      ['{"device_count": {"CPU": 1, "CPU": 2}}', /device_count\["CPU"\] is there twice/],
      ['{"device_count": {"CPU": 2147483648}}', /device_count\["CPU"\] is out of range: 2147483648 is no int32/],
      ['{"operation_timeout_in_ms": 1.5}', /operation_timeout_in_ms must be a whole number, not 1\.5/],
      ['{"operation_timeout_in_ms": ""}', /operation_timeout_in_ms must be a whole number, not ""/],
      ['{"operation_timeout_in_ms": "0x10"}', /must be a whole number, not 0x10/],
      ['{"operation_timeout_in_ms": "9223372036854775808"}', /is out of range/],
      ['{"log_device_placement": true, "logDevicePlacement": true}', /logDevicePlacement is there twice/],
      [
        '{"graph_options": {"optimizer_options": {"global_jit_level": "ON_3"}}}',
        /graph_options\.optimizer_options\.global_jit_level cannot be "ON_3", but one of DEFAULT, OFF, ON_1, ON_2/,
      ],
      [
        '{"gpu_options": {"per_process_gpu_memory_fraction": "half"}}',
        /per_process_gpu_memory_fraction must be a number/,
      ],
      ['[]', /The text must be an object/],
      ['{} {}', /JSON/],
      ['{"a": NaN}', /JSON/],
      ['{"log_device_placement": true,}', /JSON/],
      ['', /JSON/],
    ];
    for (const [text, message] of cases) {
      assert.match(refusal(text), message, text);
      assert.match(refusal(text), /^Error parsing JSON tensorflow\.ConfigProto: /);
    }
    assert.match(refusal('{"one": 1, "other": 2}', ALL), /other is there together with one/);
    assert.match(refusal('{"big": -1}', ALL), /out of range: -1 is no uint64/);
    assert.match(refusal('{"small": 1e39}', ALL), /out of range/);
    assert.match(
      refusal('{"data": "A*"}', ALL),
      /data must be a string of base64, not "A\*": '\*' stands at its place 1/,
    );
    assert.match(refusal('{"by_flag": {"yes": "a"}}', ALL), /neither "true" nor "false"/);
  });

  it('is refused when it is nested without end', () => {
    const self: MessageType<object> = { name: 'test.Self', fields: [{ name: 'a', number: 1, type: () => self }] };
    assert.match(refusal(`${'{"a":'.repeat(10_000)}{}${'}'.repeat(10_000)}`, self), /nested deeper than 100/);
  });
});
