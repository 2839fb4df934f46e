/** Which load generator is used for what. */
import type { DoorName } from '../../test/support/door-clients.js';
import { missingPackages } from '../packages.js';
import { h2load } from './h2load.js';
import type { LoadGenerator } from './load.js';
import { nodeClient } from './node-client.js';
import { wrk } from './wrk.js';

/** Those that cost the least CPU. */
const BEST: Readonly<Record<DoorName, LoadGenerator>> = { grpc: h2load, rest: wrk, graphpipe: wrk };

/** Node where the open loop is wanted, and where the better one is not installed. */
export async function chooseGenerator(door: DoorName, rate: number | undefined): Promise<LoadGenerator> {
  const { name, package: packageName = name } = BEST[door];
  if (rate !== undefined) return nodeClient;
  const missing = await missingPackages([{ check: ['which', name], package: packageName }]);
  return missing.length === 0 ? BEST[door] : nodeClient;
}
