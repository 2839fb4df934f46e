/** Programs and libraries of the distribution that parts of the bench need. */
import { runProcess } from '../test/support/run-process.js';

export interface Needed {
  /** A command that ends with status 0 where it is installed. */
  readonly check: readonly [string, ...string[]];
  /** Debian's name. */
  readonly package: string;
}

/** Those packages of which the check fails. */
export async function missingPackages(needed: readonly Needed[]): Promise<string[]> {
  const missing = await Promise.all(needed.map(async (item) => ((await works(item)) ? [] : [item.package])));
  return missing.flat();
}

async function works({ check: [command, ...args] }: Needed): Promise<boolean> {
  return runProcess(command, args).then(
    () => true,
    () => false,
  );
}
