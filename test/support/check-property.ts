/**
 * The one way in which tests check a property: it repeats itself. Seeds are fixed, so that `npm test` does the same each time;
 * `npm run test:long` sets FUZZ_SEED=random. A failure ends with a command that repeats it.
 */
import { relative } from 'node:path';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { PROJECT_ROOT } from './project-root.js';

export interface PropertyOptions {
  /** Default: FUZZ_RUNS, or 2000. */
  readonly numRuns?: number;
  /** Checks for so long, however many runs that are. */
  readonly forMillis?: number;
  /** Whether a run depends on those before it: a failure is then repeated from the first one on. Default false. */
  readonly hasState?: boolean;
  /** In place of the usual seed, where it finds more. FUZZ_SEED wins over it. */
  readonly seed?: number;
}

const FIXED_SEED = 1;
const DEFAULT_RUNS = 2000;
const NO_END = 1_000_000_000;

/** The number of runs that FUZZ_RUNS asks for, or what is usual. */
export function fuzzRuns(usual = DEFAULT_RUNS): number {
  return Number(process.env.FUZZ_RUNS ?? usual);
}

/** Rejects, with the smallest failing example that was found and a command that repeats it, if the property does not hold. */
export async function checkProperty<T extends unknown[]>(
  test: Pick<TestContext, 'name'>,
  property: fc.IProperty<T> | fc.IAsyncProperty<T>,
  options: PropertyOptions = {},
): Promise<void> {
  const { numRuns = fuzzRuns(), forMillis, hasState = false } = options;
  const { seed, isRandom } = chooseSeed(options.seed);
  // Before the first run, which may end the process.
  if (isRandom) console.log(`Seed of "${test.name}": ${seed}. To repeat it: ${commandFor(test, seed)}`);
  const path = process.env.FUZZ_PATH;
  const details = await fc.check<T>(property as fc.IAsyncProperty<T>, {
    seed,
    numRuns: forMillis === undefined ? numRuns : NO_END,
    ...(path === undefined ? {} : { path }),
    ...(forMillis === undefined ? {} : { interruptAfterTimeLimit: forMillis, markInterruptAsFailure: false }),
  });
  if (!details.failed) return;
  const report = await fc.asyncDefaultReportMessage(details as fc.RunDetails<T>);
  const command = commandFor(test, seed, hasState ? undefined : (details.counterexamplePath ?? undefined));
  const reason = describeError(details.errorInstance);
  throw new Error(`${reason}\n${report}\nTo repeat it, after npm run build:\n  ${command}`, {
    cause: details.errorInstance,
  });
}

function chooseSeed(preferred = FIXED_SEED): { readonly seed: number; readonly isRandom: boolean } {
  const given = process.env.FUZZ_SEED;
  if (given === undefined || given === '') return { seed: preferred, isRandom: false };
  if (given === 'random') return { seed: Math.floor(Math.random() * 2 ** 31), isRandom: true };
  return { seed: Number(given), isRandom: false };
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For a shell, in the repository's root. */
function commandFor(test: Pick<TestContext, 'name'>, seed: number, path?: string): string {
  const given = ['FUZZ_RUNS', 'FUZZ_SECONDS'].flatMap((name) =>
    process.env[name] === undefined ? [] : [`${name}=${process.env[name]}`],
  );
  const settings = [`FUZZ_SEED=${seed}`, ...(path === undefined ? given : [`FUZZ_PATH=${path}`])];
  const pattern = test.name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&').replaceAll("'", "'\\''");
  const file = relative(PROJECT_ROOT, process.argv[1] ?? '');
  return `${settings.join(' ')} node --test --test-name-pattern='${pattern}' ${file}`;
}
