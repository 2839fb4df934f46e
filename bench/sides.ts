/** Who takes part in a run: our doors, rivals that the bench starts, and servers that run already. */
import type { Answers, DoorName, PredictCall } from '../test/support/door-clients.js';
import { withServer } from '../test/support/with-server.js';
import { differenceOf } from './answers.js';
import { chooseGenerator } from './load/choose.js';
import { createTransport } from './load/transport.js';
import type { Side } from './measure.js';
import { benchModelPath } from './model-folders.js';
import { createCall, expectedAnswers } from './models.js';
import { createRequest, type Encoding } from './requests.js';
import type { Rival, WithRival } from './rivals/rival.js';

/** One door of one server that is up. */
export type Endpoint = Pick<Side, 'server' | 'door' | 'host' | 'port' | 'pid'>;

/** What starts servers of one kind for a function's duration. */
export type Starter = <T>(model: string, fn: (endpoints: readonly Endpoint[]) => Promise<T>) => Promise<T>;

export interface Workload {
  readonly model: string;
  /** Rows of each request. */
  readonly batch: number;
  readonly encoding: Encoding;
}

export const OURS = 'tensorgate';
const LOOPBACK = '127.0.0.1';

/** Our server, with these flags beside those that name the model. */
export function ourServer(doors: readonly DoorName[], name: string = OURS, flags: readonly string[] = []): Starter {
  return async (model, fn) => {
    const modelFlags = [`--model_base_path=${await benchModelPath(model)}`, `--model_name=${model}`];
    return withServer([...modelFlags, ...flags], ({ pid, ports }) =>
      fn(doors.map((door) => ({ server: name, door, host: LOOPBACK, port: ports[door], pid }))),
    );
  };
}

/** What starts the rivals that can take part here; of the other ones a sentence each. */
export async function prepareRivals(rivals: readonly Rival[]): Promise<{ starters: Starter[]; skipped: string[] }> {
  const starters: Starter[] = [];
  const skipped: string[] = [];
  for (const rival of rivals) {
    const prepared = await rival.prepare();
    if ('skipped' in prepared) skipped.push(prepared.skipped);
    else starters.push(rivalServer(rival, prepared));
  }
  return { starters, skipped };
}

export function rivalServer({ name, door }: Rival, withRival: WithRival): Starter {
  return async (model, fn) => {
    const basePath = await benchModelPath(model);
    return withRival({ name: model, basePath }, ({ pid, port }) =>
      fn([{ server: name, door, host: LOOPBACK, port, pid }]),
    );
  };
}

/** Runs `fn` with all servers up, each serving the model, and ends them afterwards. */
export async function withEndpoints<T>(
  model: string,
  [starter, ...others]: readonly Starter[],
  fn: (endpoints: readonly Endpoint[]) => Promise<T>,
): Promise<T> {
  if (starter === undefined) return fn([]);
  return starter(model, (first) => withEndpoints(model, others, (rest) => fn([...first, ...rest])));
}

/**
 * The endpoints as sides of a measurement. Each is asked once: the first one's answer is what all must say, besides what
 * is known of the model. Rejects with a sentence if one answers something else: nothing is measured that is not right.
 */
export async function createSides(
  endpoints: readonly Endpoint[],
  { model, batch, encoding }: Workload,
  rate?: number,
): Promise<Side[]> {
  const call = createCall(model, batch);
  let expected = expectedAnswers(call);
  const sides: Side[] = [];
  for (const endpoint of endpoints) {
    const { side, answers } = await createSide(endpoint, call, encoding, rate);
    expected ??= answers;
    const difference = differenceOf(answers, expected);
    if (difference !== undefined) {
      throw new Error(`The answer of ${endpoint.server} over ${endpoint.door} is wrong: ${difference}.`);
    }
    sides.push(side);
  }
  return sides;
}

async function createSide(
  endpoint: Endpoint,
  call: PredictCall,
  encoding: Encoding,
  rate: number | undefined,
): Promise<{ side: Side; answers: Answers }> {
  const { server, door } = endpoint;
  const request = createRequest(door, call, encoding);
  const transport = createTransport(endpoint, request, 1);
  try {
    const reply = await transport.send();
    const generator = await chooseGenerator(door, rate);
    return {
      side: { ...endpoint, request, replyBytes: reply.byteLength, generator },
      answers: request.answersIn(reply),
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${server} gives no answer to ${call.model} over ${door}: ${reason}`, { cause });
  } finally {
    transport.close();
  }
}
