import { fileURLToPath } from 'node:url';
import { MODELS_DIR } from './models.js';
import { type TestServer, type WithServerOptions, withServer } from './with-server.js';

const ENTRY = fileURLToPath(new URL('./serve-all-models.js', import.meta.url));

/**
 * withServer(), with all of test/models on one server: sixteen dtypes would else need sixteen servers, since the
 * command line names one model. GraphPipe's clients get half_plus_two unless they name another one in `config`.
 */
export function withAllModels<T>(
  fn: (server: TestServer) => Promise<T>,
  flags: readonly string[] = [],
  options: Omit<WithServerOptions, 'entry'> = {},
): Promise<T> {
  const models = [`--model_base_path=${MODELS_DIR}`, '--graphpipe_model=half_plus_two'];
  return withServer([...models, ...flags], fn, { ...options, entry: ENTRY });
}
