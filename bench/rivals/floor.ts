/** The floor of floor/: what a run of the model costs with nothing around it, so the least that any server can take. */
import { join } from 'node:path';
import { leanSessionConfig } from '../../src/servables/session-config.js';
import { DataType } from '../../src/tensor/dtype.js';
import { PROJECT_ROOT } from '../../test/support/project-root.js';
import { runProcess } from '../../test/support/run-process.js';
import { missingPackages } from '../packages.js';
import { servingSignature } from '../serving-signature.js';
import { findLibtensorflowWithHeaders } from './libtensorflow.js';

export interface FloorModel {
  /** A version's folder. */
  readonly directory: string;
  /** Shapes of all inputs of serving_default, which are DT_FLOAT, by alias. */
  readonly inputShapes: Readonly<Record<string, readonly number[]>>;
}

export interface FloorOptions {
  /** Of measuring; a tenth of that comes before. */
  readonly seconds: number;
  /** `lean` (default): the session as tensorgate makes it; `default`: as TensorFlow makes it. */
  readonly session?: 'lean' | 'default';
}

export interface Floor {
  readonly microsP50: number;
  /** CPU time of the whole process for each run. */
  readonly cpuMicros: number;
}

const SOURCE = join(PROJECT_ROOT, 'bench/rivals/floor');
const BUILD = join(PROJECT_ROOT, 'build/bench/floor');
const NEEDED = [
  { check: ['cmake', '--version'], package: 'cmake' },
  { check: ['g++', '--version'], package: 'g++' },
] as const;
const LOAD_MILLIS = 120_000;

/** Compiles the program if it has changed, and lets it run. `skipped` says in a sentence why it cannot. */
export async function measureFloor(
  { directory, inputShapes }: FloorModel,
  { seconds, session = 'lean' }: FloorOptions,
): Promise<Floor | { readonly skipped: string }> {
  const missing = await missingPackages(NEEDED);
  if (missing.length > 0)
    return { skipped: `The floor is skipped: it cannot be built without the Debian packages ${missing.join(', ')}.` };
  const tensorflow = await findLibtensorflowWithHeaders();
  if (tensorflow === undefined)
    return {
      skipped: 'The floor is skipped: the C headers of libtensorflow are missing, which `npm run install` fetches.',
    };
  await runProcess('cmake', ['-S', SOURCE, '-B', BUILD, `-DTF_INCLUDE_DIR=${tensorflow.includeDirectory}`]);
  await runProcess('cmake', ['--build', BUILD]);
  const config = session === 'lean' ? Buffer.from(leanSessionConfig({ intraOp: 0, interOp: 0 })).toString('hex') : '';
  const flags = [`--tensorflow_dir=${tensorflow.directory}`, `--model=${directory}`, `--seconds=${seconds}`];
  const args = [...flags, `--config=${config}`, ...tensorFlags(directory, inputShapes)];
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  const output = await runProcess(join(BUILD, 'floor'), args, { env, timeoutMillis: seconds * 2000 + LOAD_MILLIS });
  return JSON.parse(output) as Floor;
}

/** The signature's tensors by their names in the graph. Throws an Error for inputs that the program cannot make. */
export function tensorFlags(directory: string, inputShapes: FloorModel['inputShapes']): string[] {
  const { inputs, outputs } = servingSignature(directory);
  const inputFlags = inputs.map(({ alias, dtype, tensorName }) => {
    const shape = inputShapes[alias];
    if (shape === undefined || dtype !== DataType.FLOAT)
      throw new Error(`The floor needs a shape for the input ${alias}, and it has to be one of floats.`);
    return `--input=${tensorName}=${shape.join('x')}`;
  });
  return [...inputFlags, ...outputs.map(({ tensorName }) => `--output=${tensorName}`)];
}
