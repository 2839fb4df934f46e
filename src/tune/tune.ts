/** `tensorgate tune DIR`: which settings of threads and batching suit a model on this machine. */
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { failedPrecondition } from '../errors.js';
import { createProgress } from '../report/progress.js';
import { findSavedModelFolder } from '../servables/saved-model-folder.js';
import { isBatchable } from '../servables/signature-info.js';
import { bestLatency, bestThroughput } from './choose.js';
import type { Measured } from './figures.js';
import { formatTuneReport } from './html.js';
import type { LoadRequest } from './load.js';
import { parseTuneOptions, TUNE_USAGE, type TuneOptions } from './options.js';
import { formatTuneResult, type TuneResult } from './report.js';
import { MODEL_NAME, madeUpRequest, requestsFrom, servedSignatures } from './requests.js';
import { batchingSettings, DEFAULTS, type Settings, threadSettings } from './settings.js';
import { measure, secondsFor, type TrialOptions } from './trials.js';
import { withTunedServer } from './tuned-server.js';

const REPLY_CHARS = 500;

/**
 * Prints what it will do and for how long, then the results. Throws INVALID_ARGUMENT or NOT_FOUND for arguments that do not
 * fit, FAILED_PRECONDITION for a model that cannot be loaded or asked, and the signal's reason.
 */
export async function tune(args: readonly string[], signal: AbortSignal, print: (text: string) => void): Promise<void> {
  if (args.length === 0 || args.includes('--help')) return print(TUNE_USAGE);
  const options = parseTuneOptions(args);
  const folder = await mkdtemp(join(tmpdir(), 'tensorgate-tune-'));
  try {
    await tuneWithin(folder, options, signal, print);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function tuneWithin(folder: string, options: TuneOptions, signal: AbortSignal, print: (text: string) => void) {
  if (options.html !== undefined) await checkMayWrite(options.html);
  const version = await findSavedModelFolder(resolve(options.directory));
  const signatures = servedSignatures(version);
  const { requests, origin, madeUpFor } =
    options.requests === undefined ? madeUpRequest(signatures) : await requestsFrom(options.requests, signatures);
  // A base folder with that version only, wherever it is.
  await symlink(version, join(folder, '1'));
  const modelFlags = [`--model_base_path=${folder}`, `--model_name=${MODEL_NAME}`];
  const cores = availableParallelism();
  const threads = threadSettings(cores);
  const trying = { ...options, modelFlags, requests, folder, signal };
  const { startSeconds, sharing } = await tryDefaults(trying, madeUpFor);
  const batchable = signatures.filter((signature) => !signature.isInternal && isBatchable(signature));
  const unproven = options.trustsShapes
    ? undefined
    : batchable.find(({ name }) => sharing[name]?.batching !== 'proven');
  const isBatched = batchable.length > 0 && unproven === undefined;
  const count = threads.length + (isBatched ? batchingSettings(DEFAULTS).length : 0);
  const progress = createProgress(count * options.rounds);
  const trial: TrialOptions = { ...trying, onStep: progress.step };
  const about = [
    `Model ${version}; requests: ${origin}.`,
    `${cores} cores, which the load generator (one thread of Node, over REST) shares with the server; ` +
      `medians of ${options.rounds} rounds of ${options.seconds} s, in turns, with a fresh server each time.`,
  ];
  if (unproven !== undefined) about.push(batchingNotTried(unproven.name, sharing));
  print(`${about.join('\n')}\n${count} settings take about ${duration(secondsFor(count, startSeconds, trial))}.\n\n`);

  const measured = await measureInStages(threads, isBatched, trial).finally(progress.clear);
  const result: TuneResult = {
    measured,
    throughput: bestThroughput(measured, options.maxP99Micros),
    latency: bestLatency(measured),
  };
  print(formatTuneResult(result));
  if (options.html === undefined) return;
  await writeFile(options.html, formatTuneReport(result, about));
  print(`\nThe report is in ${options.html}.\n`);
}

/** Now, not when the measurements are done. Leaves no file that was not there. */
async function checkMayWrite(path: string): Promise<void> {
  const isNew = !existsSync(path);
  try {
    await (await open(path, 'a')).close();
    if (isNew) await rm(path);
  } catch (error) {
    throw failedPrecondition(`--html=${path} cannot be written: ${(error as Error).message}.`);
  }
}

/** What GET /v1/config says of each signature. */
type Sharing = Readonly<Record<string, { readonly batching: string; readonly changes_state?: string }>>;

function batchingNotTried(name: string, sharing: Sharing): string {
  return (
    `Ways of batching are not tried, since requests for signature ${name} do not share runs: ${sharing[name]?.batching}. If its ` +
    'rows are independent all the same, give --enable_batching=true.'
  );
}

/** Whether the model loads and answers, and the seconds that a server takes to start and to end. */
async function tryDefaults({ modelFlags, requests, signal }: Omit<TrialOptions, 'onStep'>, madeUpFor?: string) {
  const start = performance.now();
  let asking = 0;
  let sharing: Sharing = {};
  await withTunedServer(modelFlags, signal, async (port) => {
    const ready = performance.now();
    sharing = await sharingOf(port, signal);
    const change = madeUpFor === undefined ? undefined : sharing[madeUpFor]?.changes_state;
    if (change !== undefined)
      throw failedPrecondition(
        `No request is made up for signature ${madeUpFor}: its operation ${change} changes what outlasts a run. Give requests ` +
          'that may do so with --requests=FILE.',
      );
    for (const [i, request] of requests.entries()) await ask(port, request, i + 1, signal);
    asking = performance.now() - ready;
  });
  return { startSeconds: (performance.now() - start - asking) / 1000, sharing };
}

async function sharingOf(port: number, signal: AbortSignal): Promise<Sharing> {
  const reply = await fetch(`http://127.0.0.1:${port}/v1/config`, { signal });
  const { loaded_models: models } = (await reply.json()) as {
    loaded_models: { versions: { signatures: Sharing }[] }[];
  };
  return models[0]?.versions[0]?.signatures ?? {};
}

async function ask(port: number, { path, body }: LoadRequest, number: number, signal: AbortSignal): Promise<void> {
  const reply = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', body: Buffer.from(body), signal });
  const text = await reply.text();
  if (reply.ok) return;
  throw failedPrecondition(
    `The model refuses request ${number}, so there is nothing to measure: ${text.slice(0, REPLY_CHARS)}. ` +
      'Give requests that it answers with --requests=FILE.',
  );
}

/** First threads, with the server's own way of batching; then ways of batching, with the threads that gave the most. */
async function measureInStages(
  threads: readonly Settings[],
  isBatched: boolean,
  trial: TrialOptions,
): Promise<Measured[]> {
  const first = await measure(threads, trial);
  if (!isBatched) return first;
  const best = bestThroughput(first, Number.POSITIVE_INFINITY)?.measured.settings ?? DEFAULTS;
  const second = await measure(batchingSettings(best), trial);
  // The best threads were measured twice: what counts is the figure beside those that it is compared with.
  const kept = first.map((measured) => second.find(({ settings }) => settings === measured.settings) ?? measured);
  return [...kept, ...second.filter(({ settings }) => settings !== best)];
}

function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
