/** TF Serving's REST API: predict, model status and model metadata. Routes are in decode.ts, layouts in encode.ts. */
import type { Api } from '../../api/api.js';
import { Code, invalidArgument, ServingError, toServingError } from '../../errors.js';
import type { ModelSpec } from '../../tensor/predict-request.js';
import type { Door } from '../door.js';
import { createHttpDoor, type HttpExchange, ReusedBuffer } from '../http.js';
import { isPacked, parseRoute, unpackBody } from './decode.js';
import { encodeConfig, encodeError, encodeModelMetadata, encodeModelStatus, encodePredictReply } from './encode.js';
import { httpStatusOf } from './status.js';

const JSON_TYPE = 'application/json';
const NOT_FOUND_HTML = '<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n';

export interface RestOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Longest request body, as sent and again as unpacked; beyond it the answer is 413. */
  readonly maxBodyBytes: number;
  /** How long a predict may take in milliseconds, from its body's arrival on; none if 0 or less. */
  readonly timeoutMillis: number;
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
    const target = exchange.query === '' ? exchange.path : `${exchange.path}?${exchange.query}`;
    const route = parseRoute(exchange.method, target);
    switch (route.kind) {
      case 'predict':
        return this.#predict(exchange, route.modelSpec, body);
      case 'status':
        return exchange.reply(200, JSON_TYPE, encodeModelStatus(this.#api.modelStatus(route.modelSpec)));
      case 'metadata':
        return exchange.reply(200, JSON_TYPE, encodeModelMetadata(this.#api.modelMetadata(route.modelSpec)));
      case 'config':
        return exchange.reply(200, JSON_TYPE, encodeConfig(this.#api.effectiveConfig()));
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
    if (!isPacked(exchange.header('content-encoding'))) return this.#run(exchange, modelSpec, body, deadlineMillis);
    return unpackBody(body, maxBodyBytes).then((unpacked) => this.#run(exchange, modelSpec, unpacked, deadlineMillis));
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
