/** TF Serving's REST API, and a list of all models. Routes are in decode.ts, layouts in encode.ts and encode-results.ts. */
import type { Api } from '../../api/api.js';
import { Code, invalidArgument, type ServingError, toServingError } from '../../errors.js';
import { PAUSE_BYTES } from '../../formats/json-reader.js';
import { countRefused, metrics, requestSource } from '../../metrics/metrics.js';
import { bodyTooLarge } from '../../ports/body-too-large.js';
import { type UnpackedBody, Unpacker } from '../../ports/unpacker.js';
import type { ExampleRequest } from '../../tensor/inference.js';
import type { ModelSpec } from '../../tensor/predict-request.js';
import { PRIORITY_HEADER, parsePriority } from '../../tensor/priority.js';
import type { Door } from '../door.js';
import {
  createHttpDoor,
  deadlineOf,
  type HttpExchange,
  ReusedBuffer,
  retryAfterHeaders,
  TIMEOUT_HEADERS,
} from '../http.js';
import { isPacked, parseRoute, type Route } from './decode.js';
import { decodeExampleBody } from './decode-examples.js';
import {
  encodeConfig,
  encodeError,
  encodeModelList,
  encodeModelMetadata,
  encodeModelStatus,
  encodePredictReply,
  encodeReadiness,
} from './encode.js';
import { encodeClassifyReply, encodeRegressReply } from './encode-results.js';
import { encodeModelStatistics } from './encode-statistics.js';
import { inTurns } from './in-turns.js';
import { httpStatusOf } from './status.js';

const JSON_TYPE = 'application/json';
const NOT_FOUND_HTML = '<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n';

/** What runs a model, as metrics know it. */
const SOURCES = {
  predict: requestSource('rest', 'Predict'),
  classify: requestSource('rest', 'Classify'),
  regress: requestSource('rest', 'Regress'),
} as const;
type Verb = keyof typeof SOURCES;

const COUNTED_HERE: ReadonlySet<Route['kind']> = new Set(['status', 'metadata', 'versionOutOfRange', 'malformed']);

export interface RestOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Longest request body, as sent and again as unpacked; beyond it the answer is 413. */
  readonly maxBodyBytes: number;
  /** Longest body that a packed one may unpack to; default and upper bound: maxBodyBytes. */
  readonly maxUnpackedBytes?: number;
  /** Default: one of its own, without a memory budget. */
  readonly unpacker?: Unpacker;
  /** How long a request may take in milliseconds, from its body's arrival on, whatever it allows itself; none if 0 or less. */
  readonly timeoutMillis: number;
  /** Whether pages of other origins may read the answers; default false. */
  readonly cors?: boolean;
  /** Where GET answers with the metrics. Like TF Serving's, the path is compared before any route is looked for. */
  readonly metricsPaths?: readonly string[];
}

type Headers = [string, string][];

/** Of every answer where CORS is on (TF Serving's --rest_api_enable_cors_support). */
const CORS_HEADERS: Headers = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Allow-Methods', 'POST, GET'],
  ['Access-Control-Allow-Headers', `Content-Type, ${PRIORITY_HEADER}, ${TIMEOUT_HEADERS[0]}`],
];

const NO_HEADERS: Headers = [];

export function createRestDoor(api: Api, options: RestOptions): Door {
  const routes = new RestRoutes(api, options);
  return createHttpDoor({
    name: 'REST',
    host: options.host,
    port: options.port,
    maxBodyBytes: options.maxBodyBytes,
    keepHeaders: ['content-encoding', 'origin', PRIORITY_HEADER, ...TIMEOUT_HEADERS],
    handler: (exchange, body) => routes.handle(exchange, body),
    onError: (exchange, error) => routes.fail(exchange, error),
  });
}

class RestRoutes {
  readonly #api: Api;
  readonly #options: RestOptions;
  readonly #headers: Headers;
  readonly #maxUnpackedBytes: number;
  readonly #unpacker: Unpacker;
  readonly #limitMillis: number;
  readonly #replyBuffer = new ReusedBuffer();

  constructor(api: Api, options: RestOptions) {
    this.#api = api;
    this.#options = options;
    this.#headers = options.cors ? CORS_HEADERS : NO_HEADERS;
    this.#unpacker = options.unpacker ?? new Unpacker();
    this.#maxUnpackedBytes = Math.min(options.maxUnpackedBytes ?? options.maxBodyBytes, options.maxBodyBytes);
    this.#limitMillis = options.timeoutMillis > 0 ? options.timeoutMillis : Number.POSITIVE_INFINITY;
  }

  handle(exchange: HttpExchange, body: Uint8Array): void | Promise<void> {
    if (exchange.method === 'GET' && this.#options.metricsPaths?.includes(exchange.path)) {
      return exchange.reply(200, 'text/plain', metrics.render());
    }
    const target = exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`;
    const route = parseRoute(exchange.method, target);
    // Requests that run a model are counted where they run, and what is not of this API nowhere, as in TF Serving.
    if (!COUNTED_HERE.has(route.kind)) return this.#answer(exchange, route, target, body);
    const model = 'modelSpec' in route ? route.modelSpec.name : '';
    try {
      void this.#answer(exchange, route, target, body);
      metrics.requests.countOther(model, Code.OK);
    } catch (error) {
      metrics.requests.countOther(model, toServingError(error).code);
      throw error;
    }
  }

  #answer(exchange: HttpExchange, route: Route, target: string, body: Uint8Array): void | Promise<void> {
    switch (route.kind) {
      case 'predict':
      case 'classify':
      case 'regress':
        return this.#unpackAndRun(exchange, route.kind, route.modelSpec, body);
      case 'status':
        return this.#json(exchange, encodeModelStatus(this.#api.modelStatus(route.modelSpec)));
      case 'metadata':
        return this.#json(exchange, encodeModelMetadata(this.#api.modelMetadata(route.modelSpec)));
      case 'statistics':
        return this.#json(exchange, encodeModelStatistics(this.#api.modelStatistics(route.modelSpec)));
      case 'config':
        return this.#json(exchange, encodeConfig(this.#api.effectiveConfig()));
      case 'models':
        return this.#json(exchange, encodeModelList(this.#api.models()));
      case 'live':
        return this.#json(exchange, encodeReadiness([]));
      case 'ready':
        return this.#tellReadiness(exchange, this.#api.obstacles());
      case 'preflight':
        return this.#reply(exchange, /^https?:\/\//i.test(exchange.header('origin')) ? 200 : 400, '', '');
      case 'versionOutOfRange':
        return this.#reply(exchange, 400, JSON_TYPE, '');
      case 'malformed':
        throw invalidArgument(`Malformed request: ${exchange.method} ${target}`);
      case 'elsewhere':
        return this.#reply(exchange, 404, 'text/html', NOT_FOUND_HTML);
    }
  }

  #tellReadiness(exchange: HttpExchange, obstacles: readonly string[]): void {
    this.#reply(exchange, obstacles.length === 0 ? 200 : 503, JSON_TYPE, encodeReadiness(obstacles));
  }

  fail(exchange: HttpExchange, thrown: unknown): void {
    const error = toServingError(thrown);
    const headers = [...this.#headers, ...retryAfterHeaders(error)];
    exchange.reply(httpStatusOf(error), JSON_TYPE, encodeError(error.message), headers);
  }

  #json(exchange: HttpExchange, text: string | Uint8Array): void {
    this.#reply(exchange, 200, JSON_TYPE, text);
  }

  #reply(exchange: HttpExchange, status: number, contentType: string, body: string | Uint8Array): void {
    exchange.reply(status, contentType, body, this.#headers);
  }

  /** What has not been taken of the body when it returns is lost. */
  #unpackAndRun(exchange: HttpExchange, verb: Verb, modelSpec: ModelSpec, body: Uint8Array): Promise<void> {
    let deadlineMillis: number;
    let packed: boolean;
    try {
      deadlineMillis = deadlineOf(exchange, this.#limitMillis);
      packed = isPacked(exchange.header('content-encoding'));
    } catch (error) {
      throw countRefused(SOURCES[verb], modelSpec.name, error);
    }
    if (!packed) return this.#run(exchange, verb, modelSpec, body, deadlineMillis);
    return this.#unpack(body)
      .catch((error: unknown) => {
        throw countRefused(SOURCES[verb], modelSpec.name, error);
      })
      .then(async (unpacked) => {
        const running = this.#run(exchange, verb, modelSpec, unpacked.bytes, deadlineMillis);
        if (verb === 'predict') unpacked.release(); // it has been copied; the others read it in turns
        await running.finally(() => unpacked.release());
      });
  }

  #unpack(body: Uint8Array): Promise<UnpackedBody> {
    const maxBytes = this.#maxUnpackedBytes;
    const tooLong = () => bodyTooLarge(maxBytes, 'unpacked');
    return this.#unpacker.unpack(body, { packing: 'gzip', maxBytes, tooLong, malformed: notGzip });
  }

  #run(exchange: HttpExchange, verb: Verb, modelSpec: ModelSpec, body: Uint8Array, deadlineMillis: number) {
    if (verb === 'predict') return this.#predict(exchange, modelSpec, body, deadlineMillis);
    if (verb === 'classify') return this.#classify(exchange, modelSpec, body, deadlineMillis);
    return this.#regress(exchange, modelSpec, body, deadlineMillis);
  }

  /** The body has been taken when this returns: it may be the network's own buffer. */
  #predict(exchange: HttpExchange, modelSpec: ModelSpec, body: Uint8Array, deadlineMillis: number): Promise<void> {
    const { cancellation } = exchange;
    const priority = parsePriority(exchange.header(PRIORITY_HEADER));
    return this.#api.predict({ kind: 'json', modelSpec, body, deadlineMillis, cancellation, priority }, (outputs) => {
      // Replying here, while the outputs are ours, spares a copy that would outlive them.
      if (!cancellation.cancelled) this.#json(exchange, encodePredictReply(outputs, this.#replyBuffer));
    });
  }

  async #classify(exchange: HttpExchange, modelSpec: ModelSpec, body: Uint8Array, deadlineMillis: number) {
    const request = await this.#readExamples(exchange, 'classify', modelSpec, body, deadlineMillis);
    const result = await this.#api.classify(request);
    this.#json(exchange, encodeClassifyReply(result));
  }

  async #regress(exchange: HttpExchange, modelSpec: ModelSpec, body: Uint8Array, deadlineMillis: number) {
    const request = await this.#readExamples(exchange, 'regress', modelSpec, body, deadlineMillis);
    const result = await this.#api.regress(request);
    this.#json(exchange, encodeRegressReply(result));
  }

  /** A short body is parsed at once, where it lies; a long one is copied and parsed in turns. Counts what it refuses. */
  async #readExamples(
    exchange: HttpExchange,
    verb: Verb,
    modelSpec: ModelSpec,
    body: Uint8Array,
    deadlineMillis: number,
  ): Promise<ExampleRequest> {
    try {
      if (body.byteLength === 0) throw invalidArgument(NO_EXAMPLES);
      const { cancellation } = exchange;
      const priority = parsePriority(exchange.header(PRIORITY_HEADER));
      const text = body.byteLength > PAUSE_BYTES ? Buffer.from(body) : body;
      const decoded = await inTurns(decodeExampleBody(text), cancellation, deadlineMillis);
      return { modelSpec, ...decoded, deadlineMillis, cancellation, priority };
    } catch (error) {
      throw countRefused(SOURCES[verb], modelSpec.name, error);
    }
  }
}

function notGzip(reason: string): ServingError {
  return invalidArgument(`The request says Content-Encoding: gzip, but its body cannot be unpacked: ${reason}.`);
}

const NO_EXAMPLES = 'The request has no body; send the examples as JSON, for example {"examples": [{"x": 1.0}]}.';
