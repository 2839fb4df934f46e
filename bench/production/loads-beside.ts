/** Latency of a small model while a large one is loaded and unloaded beside it, in turns with quiet windows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../../src/report/median.js';
import { modelPath } from '../../test/support/models.js';
import { withServer } from '../../test/support/with-server.js';
import { buildPaced, type PacedResult, runPaced } from '../load/paced.js';
import { benchModelPath } from '../model-folders.js';
import { createCall } from '../models.js';
import { createRequest } from '../requests.js';
import { type Connection, connect } from '../trials/connection.js';
import { reload } from './reload.js';
import { atMost, type Scenario } from './scenario.js';
import { clientNote } from './slow-model.js';

const RATE = 500;
const WINDOW_SECONDS = 3;
const SMALL = 'half_plus_two';
const LARGE = 'mobilenet';
/** Until the loads are in full swing, and until the last unload has left nothing to do. */
const PAUSE_MILLIS = 300;
const BETWEEN_LOADS_MILLIS = 50;

const BAR = { path: `${SMALL} while ${LARGE} is loaded, to quiet`, measure: 'p99', ...atMost(1.2) };

export const loadsBeside: Scenario = {
  bars: [BAR],
  run: async ({ rounds, signal, onStep }) => {
    await buildPaced();
    const small = { name: SMALL, basePath: modelPath(SMALL) };
    const both = [small, { name: LARGE, basePath: await benchModelPath(LARGE) }];
    const flags = [`--model_base_path=${small.basePath}`, `--model_name=${small.name}`];
    return withServer(flags, async ({ ports }) => {
      const request = createRequest('rest', createCall(SMALL, 1), 'tensor_content');
      const to = { host: '127.0.0.1', port: ports.rest, request, mostConnections: 16 };
      const window = () => runPaced({ ...to, rate: RATE, durationSeconds: WINDOW_SECONDS });
      const grpc = connect('grpc', ports.grpc);
      const [quiet, busy]: [PacedResult[], PacedResult[]] = [[], []];
      let loads = 0;
      try {
        await reload(grpc, both);
        await reload(grpc, [small]);
        await window(); // both sides of the wire are warm after it
        for (let round = 1; round <= rounds; round++) {
          signal.throwIfAborted();
          onStep(`loads beside requests: round ${round} of ${rounds}`);
          quiet.push(await window());
          const loading = loadAgainAndAgain(grpc, both);
          await sleep(PAUSE_MILLIS);
          busy.push(await window());
          loads += await loading.stop();
          await sleep(PAUSE_MILLIS);
        }
      } finally {
        grpc.close();
      }
      const p99 = (windows: readonly PacedResult[]) => median(windows.map(({ good }) => good.p99Micros));
      const failed = [...quiet, ...busy].reduce((sum, result) => sum + result.failed + result.refused.count, 0);
      return {
        results: [{ target: BAR, outcome: { figure: p99(busy) / p99(quiet) } }],
        notes: [
          `Loads beside requests: REST, ${RATE} requests/s, ${rounds} windows of ${WINDOW_SECONDS} s each, in turns; ${loads} loads; ` +
            `p99 ${p99(quiet).toFixed(0)} µs quiet, ${p99(busy).toFixed(0)} µs beside loads; ${failed} failed. ${clientNote(quiet[0] as PacedResult)}`,
        ],
      };
    });
  },
};

/** The first of the models stays. stop() resolves with the number of loads once the last one is unloaded. */
function loadAgainAndAgain(grpc: Connection, models: Parameters<typeof reload>[1]): { stop(): Promise<number> } {
  let wanted = true;
  const loop = async () => {
    let loads = 0;
    for (; wanted; loads++) {
      await reload(grpc, models);
      await reload(grpc, models.slice(0, 1));
      await sleep(BETWEEN_LOADS_MILLIS);
    }
    return loads;
  };
  const running = loop();
  running.catch(() => {}); // stop() says it
  return {
    stop: () => {
      wanted = false;
      return running;
    },
  };
}
