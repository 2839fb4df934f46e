/** What a session on another TensorFlow server (session_target) fails with, and what is to be done about it. */
import { Code, ServingError, toServingError } from '../errors.js';

/** How that server words it when it has been started anew since the session was made (master.cc of its runtime). */
const LOST = /^Session [0-9a-f]+ is not found/;

/** Whether the server has lost the session, so that no request can be answered until the model is loaded there again. */
export function isLostSession(error: unknown): boolean {
  const { code, message } = toServingError(error);
  return code === Code.ABORTED && LOST.test(message);
}

/** The error of a run, as clients are told it: with the server that it comes from where it says nothing of the request. */
export function remoteRunError(target: string, error: unknown): ServingError {
  const told = toServingError(error);
  const server = `The TensorFlow server ${target} (session_target)`;
  if (isLostSession(told))
    return new ServingError(
      Code.UNAVAILABLE,
      `${server} was started anew and has lost the model, which is being loaded there again. Try again in a moment.`,
      { cause: error },
    );
  if (told.message === 'Deadline Exceeded')
    return new ServingError(told.code, `${server} has not answered before the deadline.`, { cause: error });
  return told;
}

export function remoteLoadError(target: string, error: unknown): ServingError {
  const { code, message } = toServingError(error);
  return new ServingError(
    code,
    `The TensorFlow server ${target} (session_target) has not loaded the model: ${message}. It must run and be reached at ` +
      'that address, with all the servers of its cluster, and see the same files under the same path.',
  );
}
