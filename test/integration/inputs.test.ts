/** Requests without inputs, and outputs that are inputs: at each door of a real server. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Code } from '../../src/errors.js';
import {
  type Answers,
  createGraphPipeClient,
  createGrpcClient,
  createRestClient,
  type DoorClient,
  DoorError,
  type PredictCall,
  type TensorValue,
} from '../support/door-clients.js';
import { freePorts } from '../support/free-port.js';
import { withInProcessServer } from '../support/in-process-server.js';

const LIMIT = { timeout: 120_000 };
const FLAGS = ['--log_level=error', '--enable_batching=true'];

interface Doors {
  readonly clients: readonly DoorClient[];
  readonly graphpipe: DoorClient;
  /** Posts a body, as it is, to `:predict`. */
  readonly rest: (model: string, body: string) => Promise<{ status: number; reply: Record<string, unknown> }>;
}

async function withDoors(use: (doors: Doors) => Promise<void>): Promise<void> {
  const [graphPipePort] = await freePorts(1);
  return withInProcessServer(
    ['no_inputs', 'pass_through', 'half_plus_two'],
    async (ports) => {
      const graphpipe = createGraphPipeClient(ports.graphpipe, 32);
      const clients = [createGrpcClient(ports.grpc), createRestClient(ports.rest, 32), graphpipe];
      const rest: Doors['rest'] = async (model, body) => {
        const url = `http://127.0.0.1:${ports.rest}/v1/models/${model}:predict`;
        const answer = await fetch(url, { method: 'POST', body });
        return { status: answer.status, reply: (await answer.json()) as Record<string, unknown> };
      };
      try {
        await use({ clients, graphpipe, rest });
      } finally {
        for (const client of clients) client.close();
      }
    },
    [...FLAGS, `--graphpipe_port=${graphPipePort}`],
  );
}

const float = (shape: readonly number[], ...values: number[]): TensorValue => ({ dtype: 'float', shape, values });
const text = (...values: string[]): TensorValue => ({ dtype: 'string', shape: [values.length], values });

/** The answers in the order of the signature's outputs, which is all that GraphPipe's answers, and REST's of one, tell. */
const inOrder = (answers: Answers) => Object.values(answers).map(({ shape, values }) => ({ shape, values }));

async function assertAnswers(
  clients: readonly DoorClient[],
  call: PredictCall,
  expected: readonly Omit<TensorValue, 'dtype'>[],
): Promise<void> {
  const wanted = expected.map(({ shape, values }) => ({ shape, values }));
  for (const client of clients) assert.deepEqual(inOrder(await client.predict(call)), wanted, client.door);
}

describe('A signature without inputs, or whose inputs all have defaults', () => {
  it('answers a request that sends none', LIMIT, () =>
    withDoors(async ({ clients }) => {
      const call = { model: 'no_inputs', inputs: {} };
      await assertAnswers(clients, { ...call, signature: 'info' }, [float([2], 3, 4), text('a', 'b', 'c')]);
      await assertAnswers(clients, { ...call, signature: 'version' }, [float([], 7)]);
      await assertAnswers(clients, call, [float([2], 2, 4)]);
      await assertAnswers(clients, { ...call, inputs: { scale: float([], 10) } }, [float([2], 10, 20)]);
    }),
  );

  it('needs neither "inputs" nor "instances" over REST, nor a body, and is answered in column form', LIMIT, () =>
    withDoors(async ({ rest }) => {
      const info = { outputs: { sizes: [3, 4], vocabulary: ['a', 'b', 'c'] } };
      assert.deepEqual(await rest('no_inputs', '{"signature_name": "info"}'), { status: 200, reply: info });
      for (const body of ['', ' \n', '{}', '{"inputs": {}}', '{"signature_name": "", "id": 5}'])
        assert.deepEqual(await rest('no_inputs', body), { status: 200, reply: { outputs: [2, 4] } }, body);
    }),
  );

  it('has no rows to answer', LIMIT, () =>
    withDoors(async ({ rest }) => {
      for (const body of ['{"instances": [{}, {}, {}]}', '{"signature_name": "info", "instances": [{}]}']) {
        const { status, reply } = await rest('no_inputs', body);
        assert.equal(status, 400);
        assert.match(String(reply.error), /"instances" holds no input.*leave it out, or send "inputs"/);
      }
      const { status, reply } = await rest('no_inputs', '{"signature_name": "info", "instances": [1]}');
      assert.equal(status, 400);
      assert.match(
        String(reply.error),
        /instances\[0\] is a number, but must be an empty object, since the signature has/,
      );
    }),
  );

  it('is told from one that needs inputs, which are named', LIMIT, () =>
    withDoors(async ({ rest, clients: [grpc] }) => {
      for (const [body, words] of [
        ['', /The request has no body: send the inputs \("x"\) as JSON/],
        ['{}', /neither "instances" nor "inputs": send exactly one of them, with the inputs \("x"\)/],
      ] as const) {
        const { status, reply } = await rest('half_plus_two', body);
        assert.equal(status, 400);
        assert.match(String(reply.error), words);
      }
      await assert.rejects(grpc?.predict({ model: 'half_plus_two', inputs: {} }) as Promise<Answers>, (error) => {
        assert.ok(error instanceof DoorError);
        assert.equal(error.status, Code.INVALID_ARGUMENT);
        return /Input 'x' .* is missing/.test(error.message);
      });
    }),
  );
});

describe('An output that is an input', () => {
  const rows = { key: text('a', 'long enough to need memory of its own'), x: float([2], 1, 2) };

  it('is what the request sent', LIMIT, () =>
    withDoors(async ({ clients }) => {
      const call = { model: 'pass_through', inputs: rows };
      await assertAnswers(clients, call, [rows.key, rows.x, float([2], 2.5, 3)]);
      const n = { dtype: 'int32', shape: [], values: [5] } as const;
      await assertAnswers(clients, { ...call, signature: 'scalar', inputs: { n } }, [n, n, { ...n, values: [10] }]);
      const none = { key: text(), x: float([0]) };
      await assertAnswers(clients, { ...call, inputs: none }, [none.key, none.x, none.x]);
    }),
  );

  it('needs no run where it is all that is wanted', LIMIT, () =>
    withDoors(async ({ clients, rest }) => {
      const keys = { model: 'pass_through', signature: 'keys', inputs: { key: rows.key } };
      await assertAnswers(clients, keys, [rows.key]);
      assert.deepEqual(await rest('pass_through', '{"signature_name": "keys", "instances": ["b", {"b64": "YQ"}]}'), {
        status: 200,
        reply: { predictions: ['b', 'a'] },
      });
    }),
  );

  it('can be left out, or asked for by the graph’s own names', LIMIT, () =>
    withDoors(async ({ clients: [grpc], graphpipe }) => {
      const call = { model: 'pass_through', inputs: rows };
      await assertAnswers([grpc as DoorClient, graphpipe], { ...call, outputs: ['y', 'key'] }, [
        float([2], 2.5, 3),
        rows.key,
      ]);
      await assertAnswers([graphpipe], { ...call, outputs: ['key:0'] }, [rows.key]);
    }),
  );

  it('is each request’s own where requests share a run', LIMIT, () =>
    withDoors(async ({ clients, rest }) => {
      const calls = Array.from({ length: 96 }, async (_, i) => {
        const client = clients[i % 3] as DoorClient;
        const inputs = { key: text(`key ${i}`, 'é'.repeat(i)), x: float([2], i, -i) };
        const expected = [inputs.key, inputs.x, float([2], i / 2 + 2, 2 - i / 2)];
        await assertAnswers([client], { model: 'pass_through', inputs }, expected);
      });
      await Promise.all(calls);
      const row = await rest('pass_through', '{"instances": [{"key": "k", "x": 1}, {"x": 2, "key": "l"}]}');
      assert.deepEqual(row.reply.predictions, [
        { key: 'k', x: 1, y: 2.5 },
        { key: 'l', x: 2, y: 3 },
      ]);
    }),
  );
});

describe('An empty output name over GraphPipe', () => {
  it('means the output at its place', LIMIT, () =>
    withDoors(async ({ graphpipe }) => {
      const inputs = { key: text('a'), x: float([1], 1) };
      const call = { model: 'pass_through', inputs };
      const asked = async (...outputs: string[]) => {
        // The client tells answers by the names that were asked for; these must not be equal.
        const reply = await graphpipe.predict({ ...call, outputs });
        return Object.values(reply).map(({ values }) => values[0]);
      };
      assert.deepEqual(await asked(''), ['a']);
      assert.deepEqual(await asked('y', ''), [2.5, 1]);
      await assert.rejects(asked('key', 'x', 'y', ''), /no default output number 4/);
      await assert.rejects(asked('x', ''), /An output is asked for twice: x, x/);
    }),
  );
});
