/** The REST API's answers on real models, to the byte: clients compare texts more often than they should. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withInProcessServer } from '../support/in-process-server.js';

const LIMIT = { timeout: 120_000 };
const MODELS = [
  'no_inputs',
  'half_plus_two',
  'multi_io',
  'strings',
  'examples',
  'echo_double',
  'echo_int64',
  'echo_uint8',
];

type Ask = (path: string, body?: string) => Promise<{ status: number; type: string | null; text: string }>;

function withRest(use: (ask: Ask) => Promise<void>): Promise<void> {
  return withInProcessServer(
    MODELS,
    ({ rest }) =>
      use(async (path, body) => {
        const url = `http://127.0.0.1:${rest}/v1/models/${path}`;
        const reply = await fetch(url, body === undefined ? {} : { method: 'POST', body });
        assert.equal(reply.headers.get('content-encoding'), null, 'fetch() takes packed answers, but there are none');
        return { status: reply.status, type: reply.headers.get('content-type'), text: await reply.text() };
      }),
    ['--log_level=error'],
  );
}

/** Line of the specification, path, body (none: GET), the whole answer. All are 200 unless the answer is an error. */
const ANSWERS: readonly [line: string, path: string, body: string | undefined, answer: string][] = [
  [
    'predict in row form: one output, bare values, all items on one line',
    'half_plus_two:predict',
    '{"signature_name": "serving_default", "instances": [1.0, 2, 5e0]}',
    '{\n    "predictions": [2.5, 3.0, 4.5\n    ]\n}',
  ],
  [
    'predict in row form, items by name: several outputs, objects by name',
    'multi_io:predict',
    '{"instances": [{"a": [1, 2, 3], "b": 1, "flag": true}]}',
    `{
    "predictions": [
        {
            "count": 3,
            "label_bytes": {
                "b64": "MS90cnVl"
            },
            "sum": [2.0, 3.0, 4.0]
        }
    ]
}`,
  ],
  [
    'predict in columnar form: one element a line, outputs by name',
    'multi_io:predict',
    '{"inputs": {"a": [[1, 2, 3]], "b": [1], "flag": [true], "unknown": null}}',
    `{
    "outputs": {
        "count": [
            3
        ],
        "label_bytes": [
            {
                "b64": "MS90cnVl"
            }
        ],
        "sum": [
            [
                2.0,
                3.0,
                4.0
            ]
        ]
    }
}`,
  ],
  [
    'predict in columnar form: a scalar is rank 0, and bare',
    'multi_io:predict',
    '{"signature_name": "scalar", "inputs": {"a": 1.5, "n": -3}}',
    '{\n    "outputs": {\n        "product": -4.5,\n        "text": "-3"\n    }\n}',
  ],
  [
    'numbers: six digits if they are the number, else 17 for a double; .0 only without exponent; NaN and infinities',
    'echo_double:predict',
    '{"inputs": [0.1, 1e6, 100000, 0.00001, 0.1234567, 1e300, -0.0, NaN, Infinity, -Inf]}',
    `{\n    "outputs": [\n${[
      '0.1',
      '1e+06',
      '100000.0',
      '1e-05',
      '0.1234567',
      '1e+300',
      '-0.0',
      'NaN',
      'Infinity',
      '-Infinity',
    ]
      .map((text) => `        ${text}`)
      .join(',\n')}\n    ]\n}`,
  ],
  [
    'int64 is exact, as a number',
    'echo_int64:predict',
    '{"instances": [9223372036854775807, -9223372036854775808]}',
    '{\n    "predictions": [9223372036854775807, -9223372036854775808\n    ]\n}',
  ],
  [
    'uint8 takes any 32-bit integer, and wraps',
    'echo_uint8:predict',
    '{"instances": [[-1, 256], [2147483647, 511]]}',
    '{\n    "predictions": [[255, 0], [255, 255]\n    ]\n}',
  ],
  [
    'strings as text or b64, written as text unless the output’s name ends in _bytes, bytes unchanged',
    'strings:predict',
    '{"instances": ["\\u00e9\\n", {"b64": "/w=="}]}',
    `{
    "predictions": [
        {
            "length": 3,
            "raw_bytes": {
                "b64": "w6kK"
            },
            "upper": "\u00e9\\n"
        },
        {
            "length": 1,
            "raw_bytes": {
                "b64": "/w=="
            },
            "upper": "\ufffd"
        }
    ]
}`,
  ],
  [
    'classify: pairs of label and score; the context is merged, an example’s feature wins, an empty example is one',
    'examples:classify',
    '{"context": {"x": 1.0, "word": "all"}, "examples": [{}, {"n": [2], "word": {"b64": "b25l"}}]} and more',
    '{\n    "results": [[["all", 1.0], ["n", 0.0], ["sum", 1.0]], [["one", 1.0], ["n", 2.0], ["sum", 3.0]]\n    ]\n}',
  ],
  [
    'regress: bare values; of equal keys the first counts',
    'examples:regress',
    '{"signature_name": "regress", "examples": [{"x": 1.0}, {"x": -2.5}], "examples": []}',
    '{\n    "results": [2.5, 0.75]\n}',
  ],
  [
    'of equal features the last counts, in the context, too, and an example’s before the context’s',
    'examples:classify',
    '{"context": {"n": 5, "n": 7, "x": 9.0}, "examples": [{"x": 1.0, "x": 3.0}]}',
    '{\n    "results": [[["", 3.0], ["n", 7.0], ["sum", 10.0]]\n    ]\n}',
  ],
  [
    'predict without inputs, of a signature that needs none: in columnar form',
    'no_inputs:predict',
    '{"signature_name": "info"}',
    `{
    "outputs": {
        "sizes": [
            3,
            4
        ],
        "vocabulary": [
            "a",
            "b",
            "c"
        ]
    }
}`,
  ],
  [
    'a feature’s kind: a number with point or exponent is a float, another number or a boolean int64',
    'examples:classify',
    '{"examples": [{"x": 2e0, "n": true}]}',
    '{\n    "results": [[["", 2.0], ["n", 1.0], ["sum", 3.0]]\n    ]\n}',
  ],
  [
    'status: protobuf’s JSON with original field names, defaults printed, int64 as strings, one blank of indent',
    'strings/versions/1',
    undefined,
    `{
 "model_version_status": [
  {
   "version": "1",
   "state": "AVAILABLE",
   "status": {
    "error_code": "OK",
    "error_message": ""
   }
  }
 ]
}
`,
  ],
];

/** Line, path, body, status, and the text of the error. */
const ERRORS: readonly [line: string, path: string, body: string | undefined, status: number, text: RegExp][] = [
  [
    'Malformed request',
    'half_plus_two:explain',
    '{}',
    400,
    /^Malformed request: POST \/v1\/models\/half_plus_two:explain$/,
  ],
  ['the verb in capitals is malformed', 'half_plus_two:PREDICT', '{}', 400, /^Malformed request: POST /],
  [
    'a query string makes a POST malformed',
    'half_plus_two:predict?a=1',
    '{}',
    400,
    /^Malformed request: POST .*\?a=1$/,
  ],
  ['a query string is part of the name in a GET', 'half_plus_two?a=1', undefined, 404, /model half_plus_two\?a=1/],
  ['an unknown model', 'none:predict', '{"instances": [1]}', 404, /^Servable not found for request: Latest\(none\)/],
  [
    'an unknown version',
    'half_plus_two/versions/7:predict',
    '{"instances": [1]}',
    404,
    /^Servable not found for request: Specific\(half_plus_two, 7\)/,
  ],
  [
    'an unknown version, status',
    'half_plus_two/versions/7',
    undefined,
    404,
    /^Could not find version 7 of model half_plus_two/,
  ],
  ['an unknown model, status', 'none', undefined, 404, /^Could not find any versions of model none/],
  [
    'an unknown label',
    'half_plus_two/labels/l:predict',
    '{"instances": [1]}',
    400,
    /^Unrecognized servable version label: l/,
  ],
  [
    'an unknown signature',
    'half_plus_two:predict',
    '{"signature_name": "s", "instances": [1]}',
    400,
    /^Serving signature name: "s" not found in signature def/,
  ],
  [
    'a signature_name that is no string',
    'half_plus_two:predict',
    '{"signature_name": 1, "instances": [1]}',
    400,
    /signature_name/,
  ],
  [
    'a row of items with and without names',
    'multi_io:predict',
    '{"instances": [{"a": 1}, 2]}',
    400,
    /instances\[[01]\]/,
  ],
  ['a row without every input’s name', 'multi_io:predict', '{"instances": [{"a": [1,2,3], "b": 1}]}', 400, /flag/],
  ['a bare row for several inputs', 'multi_io:predict', '{"instances": [1]}', 400, /.{20}/],
  ['instances that are no list', 'half_plus_two:predict', '{"instances": 1}', 400, /instances/],
  ['a body that is no object', 'half_plus_two:predict', '[1]', 400, /.{20}/],
  ['no examples', 'examples:classify', '{"examples": []}', 400, /'examples' value is an empty array/],
  [
    'examples that are no objects',
    'examples:classify',
    '{"examples": [1]}',
    400,
    /^Example must be JSON object but got JSON Number/,
  ],
  [
    'a feature of two kinds',
    'examples:classify',
    '{"examples": [{"x": [1.0, 1]}]}',
    400,
    /^Unexpected element type in feature: x expecting type: float/,
  ],
  [
    'a signature that Regress cannot serve',
    'examples:regress',
    '{"examples": [{}]}',
    400,
    /^Expected one output Tensor\./,
  ],
];

describe('REST answers', LIMIT, () => {
  it('are, to the byte', (t) =>
    withRest(async (ask) => {
      for (const [line, path, body, answer] of ANSWERS) {
        await t.test(line, async () =>
          assert.deepEqual(await ask(path, body), { status: 200, type: 'application/json', text: answer }),
        );
      }
    }));

  it('that are errors hold one object with one text', (t) =>
    withRest(async (ask) => {
      for (const [line, path, body, status, message] of ERRORS) {
        await t.test(line, async () => {
          const reply = await ask(path, body);
          assert.deepEqual([reply.status, reply.type], [status, 'application/json'], reply.text);
          const { error } = JSON.parse(reply.text) as { error: string };
          assert.equal(reply.text, `{\n    "error": ${JSON.stringify(error)}\n}`);
          assert.match(error, message);
        });
      }
    }));
});
