/** The GraphPipe door: POST anywhere runs the model, GET describes it, /control/ is for those who run the server. */
import type { Api } from '../../api/api.js';
import { countRefused, requestSource } from '../../metrics/metrics.js';
import type { TensorPredictRequest } from '../../tensor/predict-request.js';
import { PRIORITY_HEADER } from '../../tensor/priority.js';
import type { Door } from '../door.js';
import { createHttpDoor, deadlineOf, type HttpExchange, TIMEOUT_HEADERS } from '../http.js';
import { CONTROL_PREFIX, replyControl } from './control.js';
import { decodeRequest } from './decode.js';
import { InferResponseEncoder } from './encode.js';
import { describeModel, encodeMetadataJson, encodeMetadataResponse, type GraphPipeMetadata } from './metadata.js';
import { replyError } from './status.js';

export interface GraphPipeDoorOptions {
  readonly host: string;
  /** 0: any free port. GraphPipe's usual one is 9000. */
  readonly port: number;
  /** Longest request accepted. */
  readonly maxBodyBytes: number;
  /** The model that is described, and run for requests that name none; empty: the only model there is. */
  readonly defaultModelName: string;
  /** Told to clients as `tensorgate <version>`. */
  readonly serverVersion: string;
  /** How long a request may take from here on, whatever it allows itself; Infinity for any time. */
  readonly timeoutMillis: number;
}

const PREDICT = requestSource('graphpipe', 'Predict');
const FLATBUFFER = 'application/octet-stream';
const JSON_TYPE = 'application/json';

export function createGraphPipeDoor(api: Api, options: GraphPipeDoorOptions): Door {
  const service = new GraphPipeService(api, options);
  return createHttpDoor({
    name: 'GraphPipe',
    host: options.host,
    port: options.port,
    maxBodyBytes: options.maxBodyBytes,
    keepHeaders: [PRIORITY_HEADER, ...TIMEOUT_HEADERS],
    handler: (exchange, body) => service.handle(exchange, body),
    onError: replyError,
  });
}

class GraphPipeService {
  readonly #api: Api;
  readonly #options: GraphPipeDoorOptions;
  readonly #encoder = new InferResponseEncoder();
  #openRequests = 0;

  constructor(api: Api, options: GraphPipeDoorOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** Takes what it needs of the body before its first await. */
  async handle(exchange: HttpExchange, body: Uint8Array): Promise<void> {
    this.#openRequests += 1;
    try {
      await this.#dispatch(exchange, body);
    } finally {
      this.#openRequests -= 1;
    }
  }

  #dispatch(exchange: HttpExchange, body: Uint8Array): void | Promise<void> {
    if (exchange.path.startsWith(CONTROL_PREFIX)) {
      replyControl(exchange, { ready: this.#api.ready(), openRequests: this.#openRequests });
    } else if (exchange.method === 'GET') {
      exchange.reply(200, JSON_TYPE, encodeMetadataJson(this.#describe()));
    } else {
      return this.#answer(exchange, this.#decode(exchange, body));
    }
  }

  #decode(exchange: HttpExchange, body: Uint8Array): TensorPredictRequest | 'metadata' {
    const { defaultModelName, maxBodyBytes, timeoutMillis } = this.#options;
    const { cancellation } = exchange;
    const priority = exchange.header(PRIORITY_HEADER);
    try {
      const deadlineMillis = deadlineOf(exchange, timeoutMillis);
      return decodeRequest(body, { defaultModelName, maxBodyBytes, deadlineMillis, cancellation, priority });
    } catch (error) {
      throw countRefused(PREDICT, '', error);
    }
  }

  #answer(exchange: HttpExchange, request: TensorPredictRequest | 'metadata'): void | Promise<void> {
    if (request === 'metadata') {
      exchange.reply(200, FLATBUFFER, encodeMetadataResponse(this.#describe()));
    } else {
      return this.#api.predict(request, (outputs) => exchange.reply(200, FLATBUFFER, this.#encoder.encode(outputs)));
    }
  }

  #describe(): GraphPipeMetadata {
    const model = this.#api.modelMetadata({ name: this.#options.defaultModelName });
    return describeModel(model, this.#options.serverVersion);
  }
}
