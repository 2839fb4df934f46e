/**
 * Request logging: a share of the requests of a model, with their answers, as PredictionLog records in TFRecord files, which
 * warm-up can replay. A request never fails or waits over it. Sampled ones cost the event loop a copy of their bytes; all
 * else is done by the thread of request-log-writer.ts. What cannot be written is dropped and counted in TF Serving's
 * request_log_count, and an outage is one line in the log.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Code, codeName } from '../errors.js';
import { log } from '../log.js';
import { metrics, type PrometheusText } from '../metrics/metrics.js';
import type { LoggedMethod } from './prediction-log.js';
import type { OutcomeMessage, RecordMessage } from './request-log-writer.js';

export interface RequestLogOptions {
  /** Folder, which must exist, and beginning of the files' names. */
  readonly filenamePrefix: string;
  /** Share of the requests that are logged, from 0 to 1. */
  readonly samplingRate: number;
  /** Tags of the meta graph, for the records' metadata. */
  readonly savedModelTags: readonly string[];
  /** A new file is begun when one has this many bytes; default 256 MiB. */
  readonly maxFileBytes?: number;
}

const DEFAULT_MAX_FILE_BYTES = 256 * 1024 * 1024;
/** Bytes that may wait to be written, of all logs together; more are dropped. */
const MOST_WAITING_BYTES = 64 * 1024 * 1024;
const TOO_MUCH_WAITS = `more than ${MOST_WAITING_BYTES} bytes wait to be written`;
const METRIC = ':tensorflow:serving:request_log_count';

/** Errors of the file system as the status_code of request_log_count. */
const CODE_OF_ERRNO: Readonly<Record<string, Code>> = {
  ENOSPC: Code.RESOURCE_EXHAUSTED,
  EDQUOT: Code.RESOURCE_EXHAUSTED,
  EFBIG: Code.RESOURCE_EXHAUSTED,
  EMFILE: Code.RESOURCE_EXHAUSTED,
  ENOENT: Code.NOT_FOUND,
  ENOTDIR: Code.NOT_FOUND,
  EACCES: Code.PERMISSION_DENIED,
  EPERM: Code.PERMISSION_DENIED,
  EROFS: Code.PERMISSION_DENIED,
};

const REMEDIES: Partial<Record<Code, string>> = {
  [Code.RESOURCE_EXHAUSTED]: 'Make room on the disk, or log less with a smaller sampling_rate',
  [Code.NOT_FOUND]: 'Make the folder, or choose another filename_prefix',
  [Code.PERMISSION_DENIED]: 'Let the server write there, or choose another filename_prefix',
};

/** The log of one model. */
export class ModelRequestLog {
  readonly options: RequestLogOptions;
  readonly #logs: RequestLogs;
  readonly #model: string;
  readonly #number: number;
  #failing = false;
  #dropped = 0;

  constructor(logs: RequestLogs, model: string, number: number, options: RequestLogOptions) {
    this.#logs = logs;
    this.#model = model;
    this.#number = number;
    this.options = options;
  }

  /** Whether the next request is to be logged. */
  sample(): boolean {
    return Math.random() < this.options.samplingRate;
  }

  /** Whether a record of so many bytes can be taken now: if not, it is dropped, and need not be made. */
  hasRoom(bytes: number): boolean {
    if (this.#logs.hasRoom(bytes)) return true;
    this.#drop(Code.RESOURCE_EXHAUSTED, TOO_MUCH_WAITS);
    return false;
  }

  /** Takes a request and its answer: `request` must be a copy, in memory of its own; `response` is copied. Never throws. */
  record(method: LoggedMethod, request: Uint8Array<ArrayBuffer>, response: Uint8Array): void {
    const { filenamePrefix, samplingRate, savedModelTags, maxFileBytes = DEFAULT_MAX_FILE_BYTES } = this.options;
    const taken = this.#logs.post({
      log: this.#number,
      prefix: filenamePrefix,
      maxFileBytes,
      method,
      request,
      response,
      timestampSeconds: Math.floor(Date.now() / 1000),
      samplingRate,
      savedModelTags,
    });
    if (!taken) this.#drop(Code.RESOURCE_EXHAUSTED, TOO_MUCH_WAITS);
  }

  /** What became of a record. */
  settle(error: OutcomeMessage['error']): void {
    if (error !== undefined) {
      this.#drop(CODE_OF_ERRNO[error.code] ?? Code.INTERNAL, error.message);
      return;
    }
    this.#logs.count(this.#model, Code.OK);
    if (!this.#failing) return;
    this.#failing = false;
    log.info(`The request log of model ${this.#model} is written again.`, { dropped: this.#dropped });
    this.#dropped = 0;
  }

  /** Said once for as long as it lasts. */
  #drop(code: Code, reason: string): void {
    this.#logs.count(this.#model, code);
    this.#dropped += 1;
    if (this.#failing) return;
    this.#failing = true;
    const remedy = REMEDIES[code] ?? 'Check filename_prefix in logging_config';
    log.error(
      `The request log of model ${this.#model} at ${this.options.filenamePrefix} cannot be written (${reason}): requests ` +
        `are answered all the same, their records are dropped. ${remedy}.`,
    );
  }
}

/** The request logs of all models, and the thread that writes them. */
export class RequestLogs {
  readonly #byModel = new Map<string, ModelRequestLog>();
  readonly #byNumber: ModelRequestLog[] = [];
  readonly #counts = new Map<string, Map<Code, number>>();
  readonly #hideMetrics: () => void;
  readonly #mostWaitingBytes: number;
  #writer: Worker | undefined;
  #waitingBytes = 0;

  constructor(mostWaitingBytes = MOST_WAITING_BYTES) {
    this.#mostWaitingBytes = mostWaitingBytes;
    this.#hideMetrics = metrics.register((text) => this.#write(text));
  }

  /** Logs the requests of exactly these models from now on, by name. A log whose options are the same goes on. */
  configure(models: ReadonlyMap<string, RequestLogOptions>): void {
    for (const name of this.#byModel.keys()) {
      if (!models.has(name)) this.#byModel.delete(name);
    }
    for (const [name, options] of models) {
      const known = this.#byModel.get(name);
      if (known !== undefined && JSON.stringify(known.options) === JSON.stringify(options)) continue;
      const made = new ModelRequestLog(this, name, this.#byNumber.length, options);
      this.#byNumber.push(made);
      this.#byModel.set(name, made);
    }
  }

  /** Whether there is any log at all: most servers have none, and then requests need not be looked at. */
  get active(): boolean {
    return this.#byModel.size > 0;
  }

  /** The log of the model if it has one and its next request is to be logged. */
  sample(model: string): ModelRequestLog | undefined {
    const found = this.#byModel.get(model);
    return found?.sample() ? found : undefined;
  }

  /** For ModelRequestLog. */
  hasRoom(bytes: number): boolean {
    return this.#waitingBytes + bytes <= this.#mostWaitingBytes;
  }

  /** For ModelRequestLog: hands a record to the thread; false if too much waits there already. */
  post(message: RecordMessage): boolean {
    const { request, response } = message;
    const bytes = request.length + response.length;
    if (!this.hasRoom(bytes)) return false;
    this.#waitingBytes += bytes;
    this.#writer ??= this.#startWriter();
    // Exact copies: posting a view would copy all of the memory that it is a view of.
    const copy = new Uint8Array(response);
    this.#writer.postMessage({ ...message, response: copy }, [request.buffer as ArrayBuffer, copy.buffer]);
    return true;
  }

  /** For ModelRequestLog. */
  count(model: string, code: Code): void {
    const counts = this.#counts.get(model) ?? new Map<Code, number>();
    counts.set(code, (counts.get(code) ?? 0) + 1);
    this.#counts.set(model, counts);
  }

  /** Resolves when all that was handed over has been written. */
  async close(): Promise<void> {
    this.#byModel.clear();
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer !== undefined) {
      writer.ref();
      const ended = once(writer, 'exit');
      writer.postMessage(undefined);
      await ended;
    }
    this.#hideMetrics();
  }

  #startWriter(): Worker {
    const writer = new Worker(new URL('./request-log-writer.js', import.meta.url));
    writer.unref();
    writer.on('message', ({ log: number, bytes, error }: OutcomeMessage) => {
      this.#waitingBytes -= bytes;
      this.#byNumber[number]?.settle(error);
    });
    writer.on('error', (error) => {
      log.error(`The thread that writes request logs died and is replaced: ${error.message}`);
      this.#writer = undefined;
      this.#waitingBytes = 0;
    });
    return writer;
  }

  #write(text: PrometheusText): void {
    text.family(METRIC, 'counter');
    for (const [model, counts] of this.#counts) {
      for (const [code, count] of counts)
        text.sample(METRIC, { model_name: model, status_code: codeName(code) }, count);
    }
  }
}
