/** Which models' rows are proven independent, and how long the proof takes beside the load that it is part of. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { decodeMessage } from '../../src/formats/protobuf.js';
import { binding } from '../../src/native/binding.js';
import { median } from '../../src/report/median.js';
import type { WorkerPool } from '../../src/workers/pool.js';
import { SavedModelBytes } from '../../test/support/graph-messages.js';
import { loaderOf, withPool } from '../../test/support/in-process-model.js';
import { modelPath } from '../../test/support/models.js';
import { rowModelsPath } from '../model-folders.js';

/** What the proof says of a signature. */
export interface ProvenSignature {
  readonly signature: string;
  readonly proven: boolean;
  readonly reason: string;
}

export interface RowResult {
  readonly model: string;
  /** Whether its rows are independent. */
  readonly isIndependent: boolean;
  readonly signatures: readonly ProvenSignature[];
  /** Of the model, with the proof; the quickest of a few. */
  readonly loadMillis: number;
  /** Of all its signatures together. */
  readonly proofMillis: number;
}

const LOADS = 3;
const PROOFS = 5;

interface Candidate {
  readonly model: string;
  readonly folder: string;
  readonly isIndependent: boolean;
}

/** Makes the models of full size if need be, and looks at each, and at the small ones of the tests. */
export async function runRows(): Promise<RowResult[]> {
  const candidates = [
    ...modelsIn(await rowModelsPath(), '', true),
    ...modelsIn(modelPath('rows/independent'), 'test ', true),
    ...modelsIn(modelPath('rows/dependent'), 'test ', false),
  ];
  return withPool(1, async (pool) => {
    const results: RowResult[] = [];
    await load(join(modelPath('half_plus_two'), '1'), pool); // TensorFlow sets itself up with the first load
    for (const candidate of candidates) results.push(await look(candidate, pool));
    return results;
  });
}

function modelsIn(path: string, prefix: string, isIndependent: boolean): Candidate[] {
  const names = readdirSync(path).sort();
  return names.map((name) => ({ model: `${prefix}${name}`, folder: join(path, name, '1'), isIndependent }));
}

async function look({ model, folder, isIndependent }: Candidate, pool: WorkerPool): Promise<RowResult> {
  const loads: number[] = [];
  for (let i = 0; i < LOADS; i++) loads.push(await load(folder, pool));
  const { meta_graphs } = decodeMessage(SavedModelBytes, readFileSync(join(folder, 'saved_model.pb')));
  const [metaGraph] = meta_graphs as [Uint8Array];
  const proofs = binding.proveRows(metaGraph);
  return {
    model,
    isIndependent,
    signatures: proofs.filter(({ signature }) => !signature.startsWith('__')),
    loadMillis: Math.min(...loads),
    proofMillis: median(Array.from({ length: PROOFS }, () => millisOf(() => binding.proveRows(metaGraph)))),
  };
}

function millisOf(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

async function load(folder: string, pool: WorkerPool): Promise<number> {
  const loader = loaderOf(folder, pool);
  const start = performance.now();
  await loader.load();
  const millis = performance.now() - start;
  await loader.unload();
  return millis;
}
