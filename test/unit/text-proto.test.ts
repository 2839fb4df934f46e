import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Code, type ServingError } from '../../src/errors.js';
import { decodeMessage, type MessageType } from '../../src/formats/protobuf.js';
import { parseTextProto, readTextProtoFile, type TextProtoOptions } from '../../src/formats/text-proto.js';
import { BatchingParameters, ModelServerConfig } from '../../src/gen/messages.js';

const COLOURS = { RED: 0, GREEN: 1, BLUE: -2 } as const;

interface Sample {
  readonly text: string;
  readonly data: Uint8Array;
  readonly flag: boolean;
  readonly int32: number;
  readonly uint32: number;
  readonly int64: bigint;
  readonly uint64: bigint;
  readonly float: number;
  readonly double: number;
  readonly colour: number;
  readonly child: Sample | undefined;
  readonly numbers: readonly number[];
  readonly children: readonly Sample[];
  readonly labels: ReadonlyMap<string, bigint>;
  readonly named: ReadonlyMap<string, Sample>;
  readonly left: string | undefined;
  readonly right: Sample | undefined;
  readonly any: { readonly type_url: string; readonly value: Uint8Array } | undefined;
}

const Any: MessageType<{ type_url: string; value: Uint8Array }> = {
  name: 'google.protobuf.Any',
  fields: [
    { name: 'type_url', number: 1, type: 'string' },
    { name: 'value', number: 2, type: 'bytes' },
  ],
};

const Sample: MessageType<Sample> = {
  name: 'test.Sample',
  fields: [
    { name: 'text', number: 1, type: 'string' },
    { name: 'data', number: 2, type: 'bytes' },
    { name: 'flag', number: 3, type: 'bool' },
    { name: 'int32', number: 4, type: 'int32' },
    { name: 'uint32', number: 5, type: 'uint32' },
    { name: 'int64', number: 6, type: 'int64' },
    { name: 'uint64', number: 7, type: 'uint64' },
    { name: 'float', number: 8, type: 'float' },
    { name: 'double', number: 9, type: 'double' },
    { name: 'colour', number: 10, type: COLOURS },
    { name: 'child', number: 11, type: () => Sample },
    { name: 'numbers', number: 12, type: 'int32', rule: 'repeated' },
    { name: 'children', number: 13, type: () => Sample, rule: 'repeated' },
    { name: 'labels', number: 14, type: 'int64', key: 'string' },
    { name: 'named', number: 15, type: () => Sample, key: 'string' },
    { name: 'left', number: 16, type: 'string', rule: 'optional', oneof: 'side' },
    { name: 'right', number: 17, type: () => Sample, rule: 'optional', oneof: 'side' },
    { name: 'any', number: 18, type: () => Any },
  ],
};

function parse(text: string, options?: TextProtoOptions): Sample {
  return parseTextProto(Sample, text, options);
}

function assertRefused(text: string, expected: string): void {
  assert.throws(
    () => parse(text),
    (error: ServingError) => {
      assert.equal(error.code, Code.INVALID_ARGUMENT);
      assert.equal(error.message, `Error parsing text-format test.Sample: ${expected}`);
      return true;
    },
  );
}

describe('The text format', () => {
  it('gives what the wire format gives for a message with nothing in it', () => {
    assert.deepEqual(parse(' # only a comment'), decodeMessage(Sample, new Uint8Array(0)));
  });

  it('takes braces and angle brackets, colons before them or none, and ; or , between fields', () => {
    const { child, children } = parse('child { int32: 1; child: < int32: 2, uint32: 3 > } children {} children: <>');
    assert.equal(child?.int32, 1);
    assert.equal(child?.child?.uint32, 3);
    assert.equal(children.length, 2);
  });

  it('takes a repeated field again and again, and as a list', () => {
    assert.deepEqual(parse('numbers: 1 numbers: [2, -3] numbers: []').numbers, [1, 2, -3]);
    assert.deepEqual(
      parse('children [{ int32: 4 }, < int32: 5 >]').children.map(({ int32 }) => int32),
      [4, 5],
    );
  });

  it('takes a map as its entries, of equal keys the last one, an absent key or value being its zero', () => {
    const { labels, named } = parse(
      "labels { key: 'a' value: 1 } labels { value: 2 key: 'a' } labels: [{ value: 3 }] named { key: 'n' }",
    );
    assert.deepEqual(
      [...labels],
      [
        ['a', 2n],
        ['', 3n],
      ],
    );
    assert.equal(named.get('n')?.int32, 0);
  });

  it('takes enums by name and by number', () => {
    assert.equal(parse('colour: GREEN').colour, 1);
    assert.equal(parse('colour: -2').colour, -2);
    assert.equal(parse('colour: 77').colour, 77);
  });

  it('takes integers in decimal, hexadecimal and octal to the ends of their ranges', () => {
    assert.equal(parse('int32: 0x1F').int32, 31);
    assert.equal(parse('int32: 017').int32, 15);
    assert.equal(parse('int32: -2147483648').int32, -(2 ** 31));
    assert.equal(parse('uint32: 4294967295').uint32, 2 ** 32 - 1);
    assert.equal(parse('int64: -9223372036854775808').int64, -(2n ** 63n));
    assert.equal(parse('uint64: 18446744073709551615').uint64, 2n ** 64n - 1n);
  });

  it('takes booleans in all their spellings', () => {
    for (const word of ['true', 'True', 't', '1']) assert.equal(parse(`flag: ${word}`).flag, true);
    for (const word of ['false', 'False', 'f', '0']) assert.equal(parse(`flag: ${word}`).flag, false);
  });

  it('takes floating-point numbers with points, exponents and a final f, infinities and nan', () => {
    assert.equal(parse('double: 1.5e-3').double, 0.0015);
    assert.equal(parse('double: .5').double, 0.5);
    assert.equal(parse('double: 3').double, 3);
    assert.equal(parse('float: 0.1f').float, Math.fround(0.1));
    assert.equal(parse('float: 2F').float, 2);
    assert.equal(parse('double: - inf').double, Number.NEGATIVE_INFINITY);
    assert.equal(parse('double: Infinity').double, Number.POSITIVE_INFINITY);
    assert.ok(Number.isNaN(parse('double: NaN').double));
  });

  it('takes strings in either quotes, with every escape, and joins those that stand in a row', () => {
    assert.equal(parse(`text: "it's" ' \\"so\\"' # and\n "!"`).text, `it's "so"!`);
    assert.equal(
      parse(String.raw`text: "\a\b\f\n\r\t\v\\\'\"\?\101\x42\u00e9\U0001f600"`).text,
      '\x07\b\f\n\r\t\v\\\'"?ABé😀',
    );
    assert.equal(parse('text: "größer"').text, 'größer');
    assert.deepEqual([...parse(String.raw`data: "\377\x00\1"`).data], [255, 0, 1]);
  });

  it('reads a string of a million escapes', () => {
    assert.equal(parse(`data: "${'\\000'.repeat(1e6)}"`).data.length, 1e6);
  });

  it('takes an expanded Any of a known type', () => {
    const { any } = parse('any { [type.googleapis.com/test.Sample] { int32: 7 } }', { anyTypes: [Sample] });
    assert.equal(any?.type_url, 'type.googleapis.com/test.Sample');
    assert.equal(decodeMessage(Sample, any.value).int32, 7);
  });

  it('takes an Any that is written as its fields', () => {
    assert.equal(parse(`any { type_url: "x/y.Z" value: "abc" }`).any?.type_url, 'x/y.Z');
  });

  it('passes over unknown fields where that is asked for', () => {
    const text = 'a: 1 b { c: "x" "y" [p.q]: 1 } d: [1, E] f: -1.5 g < h {} >; [i.j] { k: 1 } l [{}, {}] int32: 9';
    assert.equal(parse(text, { skipUnknownFields: true }).int32, 9);
  });

  it('takes a whole ModelServerConfig', () => {
    const text = `
      model_config_list: {
        config: {
          name: "my_model", base_path: "/models/my_model"  # trailing comment
          model_platform: 'tensorflow'
          model_version_policy { specific { versions: 42 versions: [43, 44] } }
          version_labels { key: 'stable' value: 42 }
        }
      }`;
    const [config] = parseTextProto(ModelServerConfig, text).model_config_list?.config ?? [];
    assert.equal(config?.base_path, '/models/my_model');
    assert.deepEqual(config.model_version_policy?.specific?.versions, [42n, 43n, 44n]);
    assert.deepEqual([...config.version_labels], [['stable', 42n]]);
  });

  it('a bare value for a wrapped one is an error that tells how to write it', () => {
    assert.throws(() => parseTextProto(BatchingParameters, 'max_batch_size: 32'), {
      message:
        'Error parsing text-format tensorflow.serving.BatchingParameters: 1:17: Expected "{", found "32". Write the value as ' +
        '{ value: 32 }.',
    });
  });
});

describe('An error in the text format says where and what, in protobuf’s words', () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['an unknown field', 'x: 1', '1:2: Message type "test.Sample" has no field named "x".'],
    [
      'an unknown field on the third line',
      '\n\n  child { y {} }',
      '3:13: Message type "test.Sample" has no field named "y".',
    ],
    ['a name of Object.prototype', 'toString: 1', '1:9: Message type "test.Sample" has no field named "toString".'],
    ['no colon before a scalar', 'text "x"', '1:6: Expected ":", found ""x"".'],
    ['no value', 'text:', '1:6: Expected string, got: '],
    ['an unclosed message', 'child {', '1:8: Expected identifier, got: '],
    ['the wrong bracket', 'child < }', '1:9: Expected ">", found "}".'],
    ['a bracket too many', '}', '1:1: Expected identifier, got: }'],
    ['text for an integer', 'int32: "1"', '1:8: Expected integer, got: "1"'],
    ['a sign before an unsigned integer', 'uint32: -1', '1:9: Expected integer, got: -'],
    ['too large an integer', 'int32: 2147483648', '1:8: Integer out of range (2147483648)'],
    ['a fraction for an integer', 'int32: 1.5', '1:8: Expected integer, got: 1.5'],
    ['text for a number', 'double: abc', '1:9: Expected double, got: abc'],
    ['a word for a boolean', 'flag: yes', '1:10: Invalid value for boolean field "flag". Value: "yes".'],
    ['two for a boolean', 'flag: 2', '1:7: Integer out of range (2)'],
    ['an unknown enum name', 'colour: PINK ', '1:14: Unknown enumeration value of "PINK" for field "colour".'],
    ['a string for an enum', 'colour: "RED"', '1:9: Expected integer or identifier, got: "RED"'],
    ['a field that comes twice', 'text: "a" text: "b"', '1:15: Non-repeated field "text" is specified multiple times.'],
    [
      'two members of a oneof',
      'left: "a" right {}',
      '1:17: Field "right" is specified along with field "left", another member of oneof "side".',
    ],
    ['a list without commas', 'numbers: [1 2]', '1:13: Expected ",", found "2".'],
    ['a list for a single field', 'int32: [1]', '1:8: Expected integer, got: ['],
    ['a string without an end', 'text: "abc', '1:11: Unexpected end of string.'],
    ['a string over two lines', 'text: "abc\n"', '1:11: String literals cannot cross line boundaries.'],
    ['an escape that there is not', String.raw`text: "a\q"`, '1:10: Invalid escape sequence in string literal.'],
    ['hex without digits', String.raw`text: "\xg"`, '1:9: Expected hex digits for escape sequence.'],
    ['a word glued to a number', 'int32: 1abc', '1:9: Need space between number and identifier.'],
    ['two points', 'double: 1.2.3', "1:12: Already saw decimal point or exponent; can't have another one."],
    ['a control character', 'int32: \u0001', '1:8: Invalid control characters encountered in text.'],
    ['a letter that is not ASCII', 'größe: 1', '1:3: Interpreting non ascii codepoint 195.'],
    [
      'a tab, which counts to the next eighth column',
      '\tx: 1',
      '1:10: Message type "test.Sample" has no field named "x".',
    ],
    ['an unknown Any', 'any { [a.b/c.D] {} }', '1:17: Could not find type "a.b/c.D" stored in google.protobuf.Any.'],
    ['an extension', '[a.b]: 1', '1:6: Extension "a.b" is not defined or is not an extension of "test.Sample".'],
  ];
  for (const [what, text, expected] of cases) it(`for ${what}`, () => assertRefused(text, expected));

  it('for messages nested too deep, without overflowing the stack', () => {
    assertRefused(
      'child {'.repeat(1e5),
      '1:707: Message is too deep, the parser exceeded the configured recursion limit of 100.',
    );
  });

  it('for deep unknown fields, too', () => {
    assert.throws(() => parse('u {'.repeat(1e5), { skipUnknownFields: true }), { code: Code.INVALID_ARGUMENT });
  });
});

describe('A text-format file', () => {
  it('that is bad is named in the error', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'text-proto-'));
    try {
      const path = join(folder, 'models.config');
      writeFileSync(path, 'model_config_list {\n  conf {}\n}');
      await assert.rejects(readTextProtoFile(ModelServerConfig, path), {
        code: Code.INVALID_ARGUMENT,
        message:
          `Invalid protobuf file: '${path}'. Error parsing text-format tensorflow.serving.ModelServerConfig: 2:8: ` +
          'Message type "tensorflow.serving.ModelConfigList" has no field named "conf".',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('that is not there is named in the error', async () => {
    await assert.rejects(readTextProtoFile(ModelServerConfig, '/no/such/file'), {
      code: Code.NOT_FOUND,
      message: 'The file /no/such/file cannot be read (ENOENT). Check that it exists and that the server may read it.',
    });
  });
});
