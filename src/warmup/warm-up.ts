/**
 * What a version does between being loaded and being available: the requests of its warm-up file are replayed, through the code
 * that answers live ones, or, where there is no file, each signature is run with ones. One request at a time, through the
 * device's queue, as those of clients: other models wait for one run at the most.
 */
import type { ApiOptions } from '../api/api.js';
import { createInferenceApi } from '../api/create-api.js';
import { formatServableId } from '../core/servable-id.js';
import { Code, ServingError, toServingError } from '../errors.js';
import { log } from '../log.js';
import type { SavedModel } from '../servables/saved-model.js';
import type { WarmUp } from '../servables/saved-model-loader.js';
import type { Cancellation, OutputFormat } from '../tensor/predict-request.js';
import { RecordedRows } from './recorded-rows.js';
import { createReplay, type Replay } from './replay.js';
import { checkRows } from './row-check.js';
import { warmUpWithOnes } from './synthetic-warm-up.js';
import {
  hasWarmUpFile,
  misnamedWarmUpFiles,
  readWarmUpFile,
  replayError,
  WARM_UP_FILE,
  type WarmUpRecord,
  warmUpFileOf,
} from './warm-up-file.js';
import type { WarmUpMetrics } from './warm-up-metrics.js';

export interface WarmUpOptions extends ApiOptions {
  /** --enable_model_warmup: whether there is any warm-up at all. */
  readonly enabled: boolean;
  /** --synthetic_warmup. */
  readonly synthetic: boolean;
  /** --num_request_iterations_for_warmup: times that each record is replayed; 0 or less: once. */
  readonly iterations: number;
  /** Of Predict over gRPC. */
  readonly outputFormat: OutputFormat;
  readonly metrics: WarmUpMetrics;
}

/** For SavedModelLoader; undefined if nothing is to be done. */
export function createWarmUp(options: WarmUpOptions): WarmUp | undefined {
  if (!options.enabled) return undefined;
  return async (model, directory, cancellation) => {
    const recorded = new RecordedRows();
    await run(model, directory, cancellation, recorded);
    await checkRows(model, { cancellation, recorded: recorded.sets, madeUp: options.synthetic });
  };

  async function run(model: SavedModel, directory: string, cancellation: Cancellation, recorded: RecordedRows) {
    if (hasWarmUpFile(directory)) return replayFile(model, directory, { ...options, cancellation, recorded });
    for (const name of misnamedWarmUpFiles(directory))
      log.warn(`assets.extra/${name} warms nothing up: the file must be named ${WARM_UP_FILE}.`, {
        servable: formatServableId(model.id),
      });
    if (options.synthetic) await runOnes(model, cancellation);
  }
}

interface ReplayFileOptions extends WarmUpOptions {
  readonly cancellation: Cancellation;
  readonly recorded: RecordedRows;
}

async function replayFile(model: SavedModel, directory: string, options: ReplayFileOptions): Promise<void> {
  const { cancellation } = options;
  const path = warmUpFileOf(directory);
  const replay = createReplay({
    api: apiOf(model, options),
    modelName: model.id.name,
    outputFormat: options.outputFormat,
    cancellation,
  });
  const start = performance.now();
  const counts = { records: 0, runs: 0 };
  let status: Code = Code.OK;
  try {
    for await (const record of readWarmUpFile(path)) {
      counts.runs += await replayRecord(record, replay, path, { cancellation, iterations: options.iterations });
      counts.records += 1;
    }
  } catch (thrown) {
    status = toServingError(thrown).code;
    throw thrown;
  } finally {
    options.metrics.observe(directory, status, (performance.now() - start) * 1000, counts.records);
  }
  log.info(`Warmed up servable ${formatServableId(model.id)}.`, { file: path, ...counts, millis: millisSince(start) });
}

/** Gives the number of runs: none for a record that has no log, which TensorFlow Serving passes over. */
async function replayRecord(
  { method, request, number }: WarmUpRecord,
  replay: Replay,
  path: string,
  { cancellation, iterations }: { readonly cancellation: Cancellation; readonly iterations: number },
): Promise<number> {
  if (method === undefined) return 0;
  const times = Math.max(1, iterations);
  try {
    for (let i = 0; i < times; i++) {
      if (cancellation.cancelled) break;
      await replay(method, request);
    }
  } catch (thrown) {
    if (!cancellation.cancelled) throw replayError(thrown, number, path);
  }
  if (cancellation.cancelled) throw notWanted();
  return times;
}

async function runOnes(model: SavedModel, cancellation: Cancellation): Promise<void> {
  const start = performance.now();
  const { signatures, runs, skipped } = await warmUpWithOnes(model, { cancellation });
  const name = formatServableId(model.id);
  for (const [signature, reason] of skipped) {
    const text = `Signature '${signature}' of servable ${name} is not warmed up: ${reason}`;
    if (model.lastingEffect(signature) === undefined) log.debug(text);
    else log.info(`${text}. ${REMEDY}`);
  }
  const left = skipped.size === 0 ? undefined : [...skipped.keys()].join(', ');
  const isLeftAlone = [...skipped.keys()].every((signature) => model.lastingEffect(signature) !== undefined);
  const none = `Servable ${name} is not warmed up.${isLeftAlone ? '' : ` ${ADVICE}`}`;
  const text = runs > 0 ? `Warmed up servable ${name} with ones.` : none;
  log.info(text, { signatures, runs, millis: millisSince(start), skipped: left });
}

const REMEDY = 'If that does no harm, give it requests with tensorgate record-warmup.';
const ADVICE = 'Nothing can be made up that it would run: give it requests with tensorgate record-warmup.';

/** The version that is being loaded, whatever version a request asks for, as in TensorFlow Serving. */
function apiOf(model: SavedModel, { checkMethodNames, recorded }: ReplayFileOptions) {
  const handle = { id: model.id, servable: recorded.watch(model), release: () => {} };
  return createInferenceApi({ acquire: () => handle }, { checkMethodNames }, 'warmup');
}

function notWanted(): ServingError {
  return new ServingError(Code.CANCELLED, 'The version is not wanted any more: its warm-up has ended.');
}

function millisSince(start: number): number {
  return Math.round(performance.now() - start);
}
