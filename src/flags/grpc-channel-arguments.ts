/** --grpc_channel_arguments: `key=value,key=value`, as tensorflow_model_server reads it. */
import { invalidArgument } from '../errors.js';

const INT32 = /^[+-]?\d+$/;
const MAX_INT32 = 2 ** 31 - 1;

/**
 * A value that is an int32 becomes a number, any other stays a string. Empty parts are skipped. Throws INVALID_ARGUMENT for a
 * part without `=` or without a key.
 */
export function parseGrpcChannelArguments(text: string): Record<string, number | string> {
  const parsed: Record<string, number | string> = {};
  for (const part of text.split(',')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    if (equals <= 0) throw notKeyValue(part);
    parsed[part.slice(0, equals)] = parseValue(part.slice(equals + 1));
  }
  return parsed;
}

function parseValue(text: string): number | string {
  const value = INT32.test(text) ? Number(text) : Number.NaN;
  return value >= -MAX_INT32 - 1 && value <= MAX_INT32 ? value : text;
}

function notKeyValue(part: string): Error {
  return invalidArgument(
    `--grpc_channel_arguments has "${part}", which is not of the form key=value. Write it as ` +
      '--grpc_channel_arguments=key=value,key=value.',
  );
}
