/** The first requests to a fresh server, at a steady pace, against all that follow. */

import { median } from '../../src/report/median.js';
import { withServer } from '../../test/support/with-server.js';
import { buildPaced, runPaced } from '../load/paced.js';
import { benchModelPath } from '../model-folders.js';
import { createCall } from '../models.js';
import { createRequest } from '../requests.js';
import type { TargetResult } from '../targets-table.js';
import { atMost, type Scenario } from './scenario.js';

const BARS = ['half_plus_two', 'mlp', 'mobilenet'].map((model) => {
  return { model, path: `${model}, first 10 after AVAILABLE`, measure: 'p50 to steady p50', ...atMost(2) };
});
/** So slow that no request waits for the one before it, with any of the models. */
const RATE = 25;
const SECONDS = 4;

export const firstRequests: Scenario = {
  bars: BARS,
  run: async ({ rounds, signal, onStep }) => {
    await buildPaced();
    const ratios = BARS.map((): number[] => []);
    for (let round = 1; round <= rounds; round++) {
      for (const [i, { model }] of BARS.entries()) {
        signal.throwIfAborted();
        onStep(`first requests: ${model}, round ${round} of ${rounds}`);
        ratios[i]?.push(await firstToSteady(model));
      }
    }
    const results = BARS.map((target, i): TargetResult => ({ target, outcome: { figure: median(ratios[i] ?? []) } }));
    return {
      results,
      notes: [
        `First requests: GraphPipe, ${RATE} requests/s for ${SECONDS} s; medians of ${rounds} fresh servers each.`,
      ],
    };
  },
};

async function firstToSteady(model: string): Promise<number> {
  const flags = [`--model_base_path=${await benchModelPath(model)}`, `--model_name=${model}`];
  return withServer(flags, async ({ ports }) => {
    const request = createRequest('graphpipe', createCall(model, 1), 'tensor_content');
    const load = { host: '127.0.0.1', port: ports.graphpipe, request, mostConnections: 4 };
    const { firstP50Micros, good, failed } = await runPaced({ ...load, rate: RATE, durationSeconds: SECONDS });
    if (failed > 0) throw new Error(`${failed} of the first requests to ${model} failed.`);
    return firstP50Micros / good.p50Micros;
  });
}
