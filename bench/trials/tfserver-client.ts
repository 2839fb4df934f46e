/**
 * `node tfserver-client.js JSON`: the 16 clients of tfserver's benchmark as 16 connections of one process, each of
 * which sends its next request when the one before it was answered. Requests are made beforehand, so that nearly all of
 * the time is the wire's and the server's. Prints a ClientResult.
 */
import type { DoorName, PredictCall } from '../../test/support/door-clients.js';
import { frame } from '../load/grpc-frame.js';
import { createRandom } from '../random.js';
import { type BenchRequest, createRequest } from '../requests.js';
import { type Connection, connect, type WireRequest } from './connection.js';
import { isClose } from './is-close.js';
import { rowCounts } from './row-counts.js';

export interface ClientArguments {
  readonly door: DoorName;
  readonly port: number;
  readonly model: string;
  /** Aliases of the only input and the only output. */
  readonly input: string;
  readonly output: string;
  readonly requestsPerClient: number;
}

export interface ClientResult {
  readonly seconds: number;
  /** Of the different requests, in their order. */
  readonly answers: readonly (readonly number[])[];
}

interface PreparedRequest {
  readonly wire: WireRequest;
  answerIn(reply: Buffer): readonly number[];
}

const CLIENTS = 16;
const ROW = 1025;
/** So many different requests are sent again and again: all 1600 as JSON would take 3 GB. */
const DIFFERENT_REQUESTS = 64;

async function main(text: string): Promise<void> {
  const args = JSON.parse(text) as ClientArguments;
  const requests = createRequests(args);
  const connections = Array.from({ length: CLIENTS }, () => connect(args.door, args.port));
  try {
    const answers = await askOnce(requests, connections);
    const start = performance.now();
    await Promise.all(
      connections.map((connection, client) => runClient(client, connection, { args, requests, answers })),
    );
    const result: ClientResult = { seconds: (performance.now() - start) / 1000, answers };
    process.stdout.write(JSON.stringify(result));
  } finally {
    for (const connection of connections) connection.close();
  }
}

function createRequests(args: ClientArguments): PreparedRequest[] {
  const random = createRandom();
  return rowCounts(DIFFERENT_REQUESTS).map((rows) => prepareRequest(args, rows, random));
}

function prepareRequest(args: ClientArguments, rows: number, random: () => number): PreparedRequest {
  const { door, model, input, output } = args;
  // The same values in decimal as in bytes.
  const values = Array.from({ length: rows * ROW }, () => Math.fround(random()));
  const tensor = { dtype: 'float', shape: [rows, ROW], values } as const;
  const call: PredictCall = { model, inputs: { [input]: tensor }, outputs: [output] };
  const request: BenchRequest = createRequest(door, call, 'tensor_content');
  const { path, contentType } = request;
  const body = door === 'grpc' ? frame(request.body) : request.body;
  return {
    wire: { path, contentType, body },
    answerIn: (reply) => (Object.values(request.answersIn(reply))[0]?.values ?? []) as readonly number[],
  };
}

/** Each of the different requests, one after the other: the warm-up, and what later answers are compared with. */
async function askOnce(
  requests: readonly PreparedRequest[],
  connections: readonly Connection[],
): Promise<(readonly number[])[]> {
  const answers: (readonly number[])[] = [];
  for (const [i, { wire, answerIn }] of requests.entries())
    answers.push(answerIn(await (connections[i % CLIENTS] as Connection).send(wire)));
  return answers;
}

interface Work {
  readonly args: ClientArguments;
  readonly requests: readonly PreparedRequest[];
  readonly answers: ClientResult['answers'];
}

async function runClient(client: number, connection: Connection, { args, requests, answers }: Work): Promise<void> {
  for (let i = 0; i < args.requestsPerClient; i++) {
    // Neighbours do not send the same request at the same time.
    const place = (client * args.requestsPerClient + i) % requests.length;
    const { wire, answerIn } = requests[place] as PreparedRequest;
    const answer = answerIn(await connection.send(wire));
    if (!isClose(answer, answers[place] ?? [])) throw new Error(`Request ${place} was answered otherwise than before.`);
  }
}

main(process.argv[2] ?? '{}').catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
