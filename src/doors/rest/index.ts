/** TF Serving's REST API: predict, model status and model metadata. Routes are in decode.ts, layouts in encode.ts. */
import type { Api } from '../../api/api.js';
import { Code, invalidArgument, ServingError, toServingError } from '../../errors.js';
import { metrics, requestSource } from '../../metrics.js';
import type { ModelSpec } from '../../tensor/predict-request.js';
import type { Door } from '../door.js';
import { createHttpDoor, type HttpExchange, ReusedBuffer } from '../http.js';
import { isPacked, parseRoute, type Route, unpackBody } from './decode.js';
import { encodeError, encodeModelMetadata, encodeModelStatus, encodePredictReply } from './encode.js';
import { httpStatusOf } from './status.js';

const JSON_TYPE = 'application/json';
const NOT_FOUND_HTML = '<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n';

const PREDICT = requestSource('rest', 'Predict');
const COUNTED_HERE: ReadonlySet<Route['kind']> = new Set(['status', 'metadata', 'versionOutOfRange', 'malformed']);

export interface RestOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Longest request body, as sent and again as unpacked; beyond it the answer is 413. */
  readonly maxBodyBytes: number;
  /** How long a predict may take in milliseconds, from its body's arrival on; none if 0 or less. */
  readonly timeoutMillis: number;
  /** Where GET answers with the metrics. Like TF Serving's, the path is compared before any route is looked for. */
  readonly metricsPaths?: readonly string[];
}

export function createRestDoor(api: Api, options: RestOptions): Door {
  const routes = new RestRoutes(api, options);
  return createHttpDoor({
    name: 'REST',
    host: options.host,
    port: options.port,
    maxBodyBytes: options.maxBodyBytes,
    keepHeaders: ['content-encoding', 'origin'],
    handler: (exchange, body) => routes.handle(exchange, body),
    onError: replyError,
  });
}

class RestRoutes {
  readonly #api: Api;
  readonly #options: RestOptions;
  readonly #replyBuffer = new ReusedBuffer();

  constructor(api: Api, options: RestOptions) {
    this.#api = api;
    this.#options = options;
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
        return this.#predict(exchange, route.modelSpec, body);
      case 'status':
        return exchange.reply(200, JSON_TYPE, encodeModelStatus(this.#api.modelStatus(route.modelSpec)));
      case 'metadata':
        return exchange.reply(200, JSON_TYPE, encodeModelMetadata(this.#api.modelMetadata(route.modelSpec)));
      case 'preflight':
        return exchange.reply(/^https?:\/\//i.test(exchange.header('origin')) ? 200 : 400, '', '');
      case 'versionOutOfRange':
        return exchange.reply(400, JSON_TYPE, '');
      case 'malformed':
        throw invalidArgument(`Malformed request: ${exchange.method} ${target}`);
      case 'elsewhere':
        return exchange.reply(404, 'text/html', NOT_FOUND_HTML);
      default:
        throw notImplemented(route.kind);
    }
  }

  #predict(exchange: HttpExchange, modelSpec: ModelSpec, body: Uint8Array): Promise<void> {
    const { timeoutMillis, maxBodyBytes } = this.#options;
    const deadlineMillis = timeoutMillis > 0 ? Date.now() + timeoutMillis : Number.POSITIVE_INFINITY;
    try {
      if (!isPacked(exchange.header('content-encoding'))) return this.#run(exchange, modelSpec, body, deadlineMillis);
    } catch (error) {
      throw countRefused(modelSpec, error);
    }
    return unpackBody(body, maxBodyBytes)
      .catch((error: unknown) => {
        throw countRefused(modelSpec, error);
      })
      .then((unpacked) => this.#run(exchange, modelSpec, unpacked, deadlineMillis));
  }

  /** The body has been taken when this returns: it may be the network's own buffer. */
  #run(exchange: HttpExchange, modelSpec: ModelSpec, body: Uint8Array, deadlineMillis: number): Promise<void> {
    if (body.byteLength === 0) throw emptyBody();
    const { cancellation } = exchange;
    return this.#api.predict({ kind: 'json', modelSpec, body, deadlineMillis, cancellation }, (outputs) => {
      // Replying here, while the outputs are ours, spares a copy that would outlive them.
      if (!cancellation.cancelled) exchange.reply(200, JSON_TYPE, encodePredictReply(outputs, this.#replyBuffer));
    });
  }
}

/** Counts a predict that failed before it came to the Api, and hands its error on. */
function countRefused({ name }: ModelSpec, error: unknown): unknown {
  metrics.requests.countRefused(PREDICT, name, toServingError(error).code);
  return error;
}

function replyError(exchange: HttpExchange, thrown: unknown): void {
  const error = toServingError(thrown);
  exchange.reply(httpStatusOf(error), JSON_TYPE, encodeError(error.message));
}

function emptyBody(): ServingError {
  return invalidArgument(
    'The request has no body; send the inputs as JSON, for example {"instances": [1.0, 2.0]} or {"inputs": {"x": [1.0, 2.0]}}.',
  );
}

function notImplemented(verb: string): ServingError {
  return new ServingError(
    Code.UNIMPLEMENTED,
    `The method :${verb} is not implemented by this server; use :predict instead.`,
  );
}
