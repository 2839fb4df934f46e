/**
 * The `config` of an InferRequest. GraphPipe leaves its text to the application, and graphpipe-tf ignores it; here a JSON
 * object may say which model, version and signature is meant, which GraphPipe has no other place for.
 */
import { invalidArgument } from '../../errors.js';

export interface RequestConfig {
  readonly model?: string;
  readonly version?: bigint;
  readonly signature?: string;
}

/** A name, a number and a name fit easily; parsing more would only hold up other requests. */
const MAX_CONFIG_LENGTH = 4096;

const NO_CONFIG: RequestConfig = {};
const MAX_VERSION = 2n ** 63n - 1n;

/**
 * Parses `{"model": string, "version": integer or its digits, "signature": string}`; other keys are ignored, and so is
 * text that is no JSON object. Throws INVALID_ARGUMENT for a field of the wrong type and for an object that is too long.
 */
export function parseRequestConfig(text: string): RequestConfig {
  if (!text.trimStart().startsWith('{')) return NO_CONFIG;
  if (text.length > MAX_CONFIG_LENGTH) {
    throw invalidArgument(`config is ${text.length} characters long; at most ${MAX_CONFIG_LENGTH} are read as JSON.`);
  }
  const fields = parseObject(text);
  if (fields === undefined) return NO_CONFIG;
  const { model, version, signature } = fields;
  return {
    ...(model === undefined ? {} : { model: stringField('model', model) }),
    ...(version === undefined ? {} : { version: versionField(version) }),
    ...(signature === undefined ? {} : { signature: stringField('signature', signature) }),
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

function stringField(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalidArgument(`"${name}" in config must be a string, not ${JSON.stringify(value)}.`);
}

function versionField(value: unknown): bigint {
  const digits = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value;
  if (typeof digits === 'string' && /^\d{1,19}$/.test(digits)) {
    const version = BigInt(digits);
    if (version <= MAX_VERSION) return version;
  }
  throw invalidArgument(
    `"version" in config must be an integer from 0 to 2^63-1, or a string of its digits, not ${JSON.stringify(value)}.`,
  );
}
