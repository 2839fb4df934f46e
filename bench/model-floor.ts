/** The floor of a model of the bench: what TF_SessionRun alone takes, in a bare loop. */
import { benchModelPath } from './model-folders.js';
import { createCall } from './models.js';
import { type Floor, measureFloor } from './rivals/floor.js';
import { newestVersionFolder } from './rivals/rival-model.js';

export async function measureModelFloor(
  model: string,
  batch: number,
  seconds: number,
): Promise<Floor | { readonly skipped: string }> {
  const inputs = Object.entries(createCall(model, batch).inputs);
  const inputShapes = Object.fromEntries(inputs.map(([alias, { shape }]) => [alias, shape]));
  return measureFloor({ directory: await newestVersionFolder(await benchModelPath(model)), inputShapes }, { seconds });
}

/** A line for below a table. */
export function floorLine(floor: Floor | { readonly skipped: string }): string {
  if ('skipped' in floor) return floor.skipped;
  const { microsP50, cpuMicros } = floor;
  return `TF_SessionRun in a bare loop: p50 ${microsP50.toFixed(1)} µs, CPU ${cpuMicros.toFixed(1)} µs for each run.`;
}
