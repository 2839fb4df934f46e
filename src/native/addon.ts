/** Loads the addon. Its parts are declared by the files that give them types: binding.ts, grpc-binding.ts. */
import { createRequire } from 'node:module';

/** TENSORGATE_ADDON names another build of the addon, e.g. one with sanitizers. */
function load(): unknown {
  const path =
    process.env.TENSORGATE_ADDON ?? new URL('../../../build/Release/tensorgate.node', import.meta.url).pathname;
  return createRequire(import.meta.url)(path);
}

export const addon: unknown = load();
