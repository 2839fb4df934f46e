/**
 * The benchmark in the README of tfserver (PyPI): 16 clients of 100 requests each, spectra of 50 to 300 rows, the same
 * over gRPC, JSON and GraphPipe. It gives the seconds of all requests together, so that the wire's share can be seen.
 */
import { fileURLToPath } from 'node:url';
import type { DoorName } from '../../test/support/door-clients.js';
import { runProcess } from '../../test/support/run-process.js';
import { withServer } from '../../test/support/with-server.js';
import { newestVersionFolder } from '../rivals/rival-model.js';
import { servingSignature } from '../serving-signature.js';
import { isClose } from './is-close.js';
import type { ClientArguments, ClientResult } from './tfserver-client.js';

export interface TfserverOptions {
  /** Folder of the numbered version folders of spectra, whose rows are 1025 floats. */
  readonly modelDirectory: string;
  /** Of each of the 16 clients; default 100. */
  readonly requestsPerClient?: number;
}

export interface TfserverResult {
  /** From the first request to the last answer. */
  readonly seconds: Readonly<Record<DoorName, number>>;
}

const CLIENT = fileURLToPath(new URL('tfserver-client.js', import.meta.url));
const MODEL = 'spectra';
const DOORS = ['grpc', 'rest', 'graphpipe'] as const;
const TIMEOUT_MILLIS = 10 * 60_000;

/** Rejects with a sentence if a request fails, or if the doors do not answer the same. */
export async function runTfserverTrial(options: TfserverOptions): Promise<TfserverResult> {
  const { modelDirectory, requestsPerClient = 100 } = options;
  const names = await tensorNames(modelDirectory);
  const flags = [`--model_base_path=${modelDirectory}`, `--model_name=${MODEL}`];
  return withServer(flags, async ({ ports }) => {
    const results = {} as Record<DoorName, ClientResult>;
    for (const door of DOORS) {
      const args = { ...names, door, port: ports[door], model: MODEL, requestsPerClient };
      results[door] = await runClient(args);
      checkSame(results[door].answers, results.grpc.answers, door);
    }
    const { grpc, rest, graphpipe } = results;
    return { seconds: { grpc: grpc.seconds, rest: rest.seconds, graphpipe: graphpipe.seconds } };
  });
}

/** What JSON takes for each second that gRPC takes; 1 : 19 in tfserver's README. */
export function jsonToGrpc({ seconds }: TfserverResult): number {
  return seconds.rest / seconds.grpc;
}

/** One line. */
export function formatTfserver(result: TfserverResult): string {
  const { grpc, rest, graphpipe } = result.seconds;
  const times = `gRPC ${grpc.toFixed(2)} s, JSON ${rest.toFixed(2)} s, GraphPipe ${graphpipe.toFixed(2)} s`;
  return `tfserver's benchmark: ${times}; JSON : gRPC = ${jsonToGrpc(result).toFixed(1)} : 1`;
}

async function tensorNames(modelDirectory: string): Promise<Pick<ClientArguments, 'input' | 'output'>> {
  const { inputs, outputs } = servingSignature(await newestVersionFolder(modelDirectory));
  const [input, output] = [inputs[0], outputs[0]];
  if (input === undefined || output === undefined)
    throw new Error(`The model in ${modelDirectory} needs an input and an output.`);
  return { input: input.alias, output: output.alias };
}

/** In a process of its own, as users' clients are. */
async function runClient(args: ClientArguments): Promise<ClientResult> {
  const output = await runProcess(process.execPath, [CLIENT, JSON.stringify(args)], { timeoutMillis: TIMEOUT_MILLIS });
  return JSON.parse(output) as ClientResult;
}

function checkSame(answers: ClientResult['answers'], expected: ClientResult['answers'], door: DoorName): void {
  const difference = answers.findIndex((answer, i) => !isClose(answer, expected[i] ?? []));
  if (difference >= 0) throw new Error(`The answer to request ${difference} over ${door} is not the one over gRPC.`);
}
