import type { Api } from '../../src/api/api.js';
import { Code, ServingError } from '../../src/errors.js';

const unexpected = (method: string) => new ServingError(Code.INTERNAL, `${method} was not expected`);

const refuse = (method: string) => (): never => {
  throw unexpected(method);
};

/** An Api that is ready, and fails at whatever it is asked: tests put their own methods over it. */
export const UNEXPECTED_API: Api = {
  predict: () => Promise.reject(unexpected('predict')),
  classify: () => Promise.reject(unexpected('classify')),
  regress: () => Promise.reject(unexpected('regress')),
  multiInference: () => Promise.reject(unexpected('multiInference')),
  modelMetadata: refuse('modelMetadata'),
  modelStatus: refuse('modelStatus'),
  modelStatistics: refuse('modelStatistics'),
  models: refuse('models'),
  reloadConfig: () => Promise.reject(unexpected('reloadConfig')),
  effectiveConfig: refuse('effectiveConfig'),
  ready: () => true,
  obstacles: () => [],
};
