/** What is asked of each model, and what it must answer. */
import { halfPlusTwoCall, type KnownCall } from '../test/support/bundled-calls.js';

/** By the model's folder in test/models. */
export const MODELS: Readonly<Record<string, KnownCall>> = {
  half_plus_two: halfPlusTwoCall([1, 2, 5]),
};
