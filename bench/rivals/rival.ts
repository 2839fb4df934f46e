/**
 * How a server of others takes part in a run. A rival is a module of this folder with two functions: one builds or installs
 * what the server needs, the other starts the server for a function's duration. rivals.ts lists them with their names and
 * doors; --rival chooses them.
 *
 * What a rival must understand is what requests.ts sends. Over gRPC: PredictionService/Predict. Over REST: POST
 * /v1/models/NAME:predict with {"instances": rows of the only input}, answered by {"predictions": rows}; a row of a model
 * with several outputs is an object by output name. Its answers are compared with those of the other sides beforehand.
 */
import type { DoorName } from '../../test/support/door-clients.js';
import type { RivalModel, RivalServer } from './rival-model.js';

/** For its duration the server is up, on 127.0.0.1. All processes below its pid count as the server too. */
export type WithRival = <T>(model: RivalModel, fn: (server: RivalServer) => Promise<T>) => Promise<T>;

export interface Rival {
  /** As tables show it. */
  readonly name: string;
  /** What it speaks. */
  readonly door: DoorName;
  /** Called once, before anything is measured. `skipped`: why it cannot take part on this machine, in a sentence. */
  prepare(): Promise<WithRival | { readonly skipped: string }>;
}

/** A rival of a module's two functions. */
export function createRival<Build extends object>(
  name: string,
  door: DoorName,
  build: () => Promise<Build | { readonly skipped: string }>,
  serve: <T>(build: Build, model: RivalModel, fn: (server: RivalServer) => Promise<T>) => Promise<T>,
): Rival {
  const prepare = async () => {
    const built = await build();
    if ('skipped' in built) return built;
    const withRival: WithRival = (model, fn) => serve(built as Build, model, fn);
    return withRival;
  };
  return { name, door, prepare };
}
