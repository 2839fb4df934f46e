/** From an HTTP request to what it asks for: TF Serving's routes (its REST API page) and whether bodies are packed. */
import { invalidArgument } from '../../errors.js';
import type { ModelSpec } from '../../tensor/predict-request.js';

/** What a request asks for, and of which model. */
export type Route =
  | { readonly kind: 'predict' | 'classify' | 'regress' | 'status' | 'metadata'; readonly modelSpec: ModelSpec }
  /** What requests have cost so far; ours. */
  | { readonly kind: 'statistics'; readonly modelSpec: ModelSpec }
  /** The configuration in force; not of TF Serving's API. */
  | { readonly kind: 'config' }
  /** All models; ours, where TF Serving misses a name. */
  | { readonly kind: 'models' }
  /** Whether the process is alive, and whether it is ready for requests, for those who run it; ours. */
  | { readonly kind: 'live' | 'ready' }
  /** A browser's question whether it may ask (OPTIONS). */
  | { readonly kind: 'preflight' }
  /** A model's route with a version that no int64 holds. */
  | { readonly kind: 'versionOutOfRange' }
  /** Under /v1/, but none of its routes. */
  | { readonly kind: 'malformed' }
  /** Not of this API. */
  | { readonly kind: 'elsewhere' };

// TF Serving matches the raw target, its query string included, and ignores the case of letters.
const API_PATH = /^\/v1\//i;
const MODEL = String.raw`^/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?`;
const POST_PATH = new RegExp(`${MODEL}:(predict|classify|regress)$`, 'i');
const GET_PATH = new RegExp(`${MODEL}(?:/(metadata|stats))?$`, 'i');

const CONFIG_PATH = /^\/v1\/config$/i;
const LIST_PATH = /^\/v1\/models$/i;

const MAX_INT64 = 2n ** 63n - 1n;

/** Routes of POST, which come again and again: parsing one costs more than finding it. */
const knownPosts = new Map<string, Route>();
const MAX_KNOWN_POSTS = 256;
const MAX_KNOWN_LENGTH = 256;

function knownPost(target: string): Route {
  const known = knownPosts.get(target);
  if (known !== undefined) return known;
  if (knownPosts.size >= MAX_KNOWN_POSTS) knownPosts.clear();
  const route = parsePost(target);
  if (target.length <= MAX_KNOWN_LENGTH) knownPosts.set(target, route);
  return route;
}

/** Finds the route of a request; `target` is the raw path with its query string, as it stands in the request line. */
export function parseRoute(method: string, target: string): Route {
  if (method === 'POST') return knownPost(target);
  if (!API_PATH.test(target)) return method === 'GET' ? parseProbe(target) : { kind: 'elsewhere' };
  if (method === 'OPTIONS') return { kind: 'preflight' };
  if (method === 'GET') return parseGet(target);
  return { kind: 'malformed' };
}

/** As Kubernetes' own servers call them; what stands in the query does not matter. */
function parseProbe(target: string): Route {
  const [, path] = /^\/(livez|readyz)(?:\?|$)/.exec(target) ?? [];
  if (path === undefined) return { kind: 'elsewhere' };
  return { kind: path === 'livez' ? 'live' : 'ready' };
}

function parsePost(target: string): Route {
  if (!API_PATH.test(target)) return { kind: 'elsewhere' };
  const match = POST_PATH.exec(target);
  const verb = match?.[4];
  if (match === null || (verb !== 'predict' && verb !== 'classify' && verb !== 'regress')) return { kind: 'malformed' };
  return modelRoute(verb, match);
}

function parseGet(target: string): Route {
  if (CONFIG_PATH.test(target)) return { kind: 'config' };
  if (LIST_PATH.test(target)) return { kind: 'models' };
  const match = GET_PATH.exec(target);
  if (match === null) return { kind: 'malformed' };
  return modelRoute(GET_KINDS.get(match[4]?.toLowerCase()) ?? 'status', match);
}

type ModelRoute = Extract<Route, { readonly modelSpec: ModelSpec }>['kind'];

/** By what follows the model. */
const GET_KINDS: ReadonlyMap<string | undefined, ModelRoute> = new Map([
  ['metadata', 'metadata'],
  ['stats', 'statistics'],
]);

function modelRoute(kind: ModelRoute, match: RegExpExecArray): Route {
  const name = percentDecode(match[1] ?? '');
  const versionLabel = percentDecode(match[3] ?? '');
  if (name === undefined || versionLabel === undefined) return { kind: 'malformed' };
  if (match[2] !== undefined) {
    const version = BigInt(match[2]);
    return version > MAX_INT64 ? { kind: 'versionOutOfRange' } : { kind, modelSpec: { name, version } };
  }
  return { kind, modelSpec: versionLabel === '' ? { name } : { name, versionLabel } };
}

/** Undefined where the escapes do not make UTF-8. */
function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether a body with this Content-Encoding has to be unpacked. Throws INVALID_ARGUMENT for packings other than gzip. */
export function isPacked(contentEncoding: string): boolean {
  const encoding = contentEncoding.trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return false;
  if (encoding === 'gzip' || encoding === 'x-gzip') return true;
  throw invalidArgument(
    `Content-Encoding ${contentEncoding} is not supported; send the body as it is, or packed with gzip.`,
  );
}
