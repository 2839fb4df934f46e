/** The trials of `--preset targets` that give one figure by themselves. */
import { median } from '../src/report/median.js';
import { POLL_NEEDS, poll } from './load/poll.js';
import { type MeasureOptions, measure, type Side } from './measure.js';
import { measureModelFloor } from './model-floor.js';
import { benchModelPath } from './model-folders.js';
import { missingPackages } from './packages.js';
import { treeRssMiB } from './process-memory.js';
import { createSides, OURS, ourServer } from './sides.js';
import type { Outcome, SpecialTrial } from './targets.js';
import { runTfserverTrial } from './trials/tfserver.js';

export type TrialOptions = Pick<MeasureOptions, 'rounds' | 'durationSeconds' | 'signal' | 'onStep'>;

export const SPECIAL_TRIALS: Readonly<Record<SpecialTrial, (options: TrialOptions) => Promise<Outcome>>> = {
  tfserver,
  idle,
  memory,
};

async function tfserver({ onStep }: TrialOptions): Promise<Outcome> {
  onStep('tfserver trial');
  const { seconds } = await runTfserverTrial({ modelDirectory: await benchModelPath('spectra') });
  return { figure: seconds.rest / seconds.grpc };
}

/**
 * Our p50 with one request in flight, less that of TF_SessionRun in a bare loop: medians of rounds in turns. The client
 * polls: what a client's own thread needs to wake up is not the server's.
 */
async function idle(options: TrialOptions): Promise<Outcome> {
  const missing = await missingPackages(POLL_NEEDS);
  if (missing.length > 0) return { skipped: `The polling client needs the Debian packages ${missing.join(', ')}.` };
  const micros: { ours: number[]; floor: number[] } = { ours: [], floor: [] };
  return withSmallSide(async (small) => {
    const side = { ...small, generator: poll };
    for (let round = 0; round < options.rounds; round++) {
      const floor = await measureModelFloor('half_plus_two', 1, options.durationSeconds);
      if ('skipped' in floor) return floor;
      micros.floor.push(floor.microsP50);
      const load = { ...options, rounds: 1, concurrency: 1, connections: 1, rate: undefined };
      const [ours] = await measure([side], load);
      micros.ours.push(ours?.median.p50Micros ?? Number.NaN);
    }
    return { figure: median(micros.ours) - median(micros.floor) };
  });
}

const EARLY_ANSWERS = 100_000;
const LATE_ANSWERS = 1_000_000;

/** Resident memory after a million requests to that after the first hundred thousand. */
async function memory({ signal, onStep }: TrialOptions): Promise<Outcome> {
  return withSmallSide(async (side) => {
    const load = { ...side, concurrency: 16, connections: 1, durationSeconds: 1, rate: undefined };
    let answers = 0;
    const memoryAfter = async (count: number) => {
      while (answers < count) {
        signal.throwIfAborted();
        onStep(`memory: ${answers} of ${LATE_ANSWERS} requests`);
        const { goodAnswers } = await side.generator.run(load);
        if (goodAnswers === 0) throw new Error('The server gave no right answer for a second.');
        answers += goodAnswers;
      }
      return treeRssMiB(side.pid as number);
    };
    const early = await memoryAfter(EARLY_ANSWERS);
    return { figure: (await memoryAfter(LATE_ANSWERS)) / early };
  });
}

/** Our GraphPipe door with a server to itself. */
function withSmallSide(fn: (side: Side) => Promise<Outcome>): Promise<Outcome> {
  const start = ourServer(['graphpipe'], OURS);
  return start('half_plus_two', async (endpoints) => {
    const [side] = await createSides(endpoints, { model: 'half_plus_two', batch: 1, encoding: 'float_val' });
    return fn(side as Side);
  });
}
