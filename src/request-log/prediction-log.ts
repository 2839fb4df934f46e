/**
 * PredictionLog (tensorflow_serving/apis/prediction_log.proto) put together from messages as they went over the wire: they are
 * fields of it as they are, so nothing is decoded but the place of the answer's ModelSpec.
 */
import protobuf from 'protobufjs/minimal.js';
import { WireReader, WireType } from '../formats/wire-reader.js';

/** The methods that are logged. */
export type LoggedMethod = 'Classify' | 'Regress' | 'MultiInference' | 'Predict';

/** Field of the method's log in PredictionLog; each log is {request = 1, response = 2}. */
const LOG_FIELD: Readonly<Record<LoggedMethod, number>> = { Classify: 2, Regress: 3, MultiInference: 4, Predict: 6 };

const LENGTH_DELIMITED = 2;

export interface LoggedCall {
  readonly method: LoggedMethod;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  /** Since the epoch, rounded down. */
  readonly timestampSeconds: number;
  readonly samplingRate: number;
  readonly savedModelTags: readonly string[];
}

export function encodePredictionLog(call: LoggedCall): Uint8Array {
  const writer = protobuf.Writer.create();
  writeMetadata(writer.uint32(tag(1)).fork(), call);
  writer.uint32(tag(LOG_FIELD[call.method])).fork();
  writer.uint32(tag(1)).bytes(call.request);
  writer.uint32(tag(2)).bytes(call.response);
  return writer.ldelim().finish();
}

/** A PredictionLog of the request alone, as warm-up wants it. */
export function encodeRequestLog(method: LoggedMethod, request: Uint8Array): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(LOG_FIELD[method])).fork();
  writer.uint32(tag(1)).bytes(request);
  return writer.ldelim().finish();
}

/** PredictionLog's one of several logs: from classify_log to predict_streamed_log. */
const FIRST_LOG = 2;
const LAST_LOG = 7;

export interface LoggedRequest {
  /** Number of the log's field in PredictionLog; 0 if there is none. */
  readonly logType: number;
  /** Undefined for logs that are none of a method: session_run_log, predict_streamed_log. */
  readonly method: LoggedMethod | undefined;
  /** The request message; a view unless the record has it in pieces. */
  readonly request: Uint8Array;
}

/** The request in a PredictionLog. Of a oneof the last one counts, as protobuf's rules ask. Throws INVALID_ARGUMENT. */
export function decodePredictionLog(record: Uint8Array): LoggedRequest {
  const reader = new WireReader(record, 'PredictionLog');
  let logType = 0;
  let pieces: Uint8Array[] = [];
  for (const log of messagesIn(reader, record.length, 'top level')) {
    if (log.number < FIRST_LOG || log.number > LAST_LOG) continue;
    if (log.number !== logType) pieces = [];
    logType = log.number;
    for (const { number, start, end } of messagesIn(reader, log.end, 'log')) {
      if (number === 1) pieces.push(record.subarray(start, end));
    }
  }
  const [only = new Uint8Array(), ...more] = pieces;
  return { logType, method: METHODS.get(logType), request: more.length === 0 ? only : Buffer.concat(pieces) };
}

const METHODS = new Map(Object.entries(LOG_FIELD).map(([method, field]) => [field, method as LoggedMethod]));

/** The length-delimited fields up to `end`, which the reader may read before it is asked for the next one. */
function* messagesIn(reader: WireReader, end: number, what: string) {
  while (reader.pos < end) {
    const found = reader.tag(end, what);
    if ((found & 7) !== WireType.LENGTH_DELIMITED) {
      reader.skip(found, end, what);
      continue;
    }
    const stop = reader.lengthDelimited(end, what);
    yield { number: found >>> 3, start: reader.pos, end: stop };
    reader.pos = stop;
  }
}

/** LogMetadata {model_spec = 1, sampling_config = 2 {sampling_rate = 1}, saved_model_tags = 3, timestamp_secs = 4}. */
function writeMetadata(writer: ReturnType<typeof protobuf.Writer.create>, call: LoggedCall): void {
  const spec = answeredSpec(call);
  if (spec !== undefined) writer.uint32(tag(1)).bytes(spec);
  writer.uint32(tag(2)).fork().uint32(9).double(call.samplingRate).ldelim();
  for (const name of call.savedModelTags) writer.uint32(tag(3)).string(name);
  writer.uint32(4 << 3).int64(call.timestampSeconds);
  writer.ldelim();
}

/** The ModelSpec in the answer, which has the version that ran: of MultiInference that of its first result. */
function answeredSpec({ method, response }: LoggedCall): Uint8Array | undefined {
  if (method !== 'MultiInference') return findField(response, 2);
  const result = findField(response, 1);
  return result && findField(result, 1);
}

/** Serialized Examples: [start, end) in `body` for each, one pair after the other, and for the one that all share. */
interface ExampleBytes {
  readonly body: Uint8Array;
  readonly ranges: readonly number[];
  readonly context?: readonly [number, number];
}

/** A ClassificationRequest or RegressionRequest of a serialized ModelSpec and Examples, all taken as they are. */
export function encodeExampleRequest(spec: Uint8Array, { body, ranges, context }: ExampleBytes): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32(tag(1)).bytes(spec);
  // Input is one of {example_list = 1 {examples = 1}, example_list_with_context = 2 {examples = 1, context = 2}}.
  writer.uint32(tag(2)).fork();
  writer.uint32(tag(context === undefined ? 1 : 2)).fork();
  for (let i = 0; i < ranges.length; i += 2) writer.uint32(tag(1)).bytes(body.subarray(ranges[i], ranges[i + 1]));
  if (context !== undefined) writer.uint32(tag(2)).bytes(body.subarray(...context));
  return writer.ldelim().ldelim().finish();
}

/** The model's name in a request of the method; empty if there is none or the bytes are no message. */
export function requestedModelName(method: LoggedMethod, request: Uint8Array): string {
  try {
    const task = method === 'MultiInference' ? findField(request, 1) : request;
    const spec = task && findField(task, 1);
    const name = spec && findField(spec, 1);
    return name === undefined ? '' : Buffer.from(name.buffer, name.byteOffset, name.length).toString('utf8');
  } catch {
    return ''; // the request is about to be refused
  }
}

/** The first length-delimited field of that number: a view. Throws if it meets bytes that are no message. */
function findField(message: Uint8Array, number: number): Uint8Array | undefined {
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const found = reader.uint32();
    if (found === tag(number)) {
      const length = reader.uint32();
      return message.subarray(reader.pos, reader.pos + length);
    }
    reader.skipType(found & 7);
  }
  return undefined;
}

function tag(field: number): number {
  return (field << 3) | LENGTH_DELIMITED;
}
