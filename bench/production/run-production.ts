/** `--preset production`: one scenario after the other. */
import { failureOf } from '../run-targets.js';
import type { TargetResult } from '../targets-table.js';
import { batching } from './batching.js';
import { burst } from './burst.js';
import { deadlines } from './deadlines.js';
import { devices } from './devices.js';
import { firstRequests } from './first-requests.js';
import { loadCycles } from './load-cycles.js';
import { loadsBeside } from './loads-beside.js';
import type { ScenarioName } from './names.js';
import type { Scenario, ScenarioOptions, ScenarioResult } from './scenario.js';

const SCENARIOS: Readonly<Record<ScenarioName, Scenario>> = {
  batching,
  devices,
  burst,
  deadlines,
  'first-requests': firstRequests,
  'load-cycles': loadCycles,
  'loads-beside': loadsBeside,
};

/** A scenario that fails is skipped with its error's first lines. Rejects with the signal's reason. */
export async function runProduction(
  names: readonly ScenarioName[],
  options: ScenarioOptions,
  onScenario: (name: string) => void,
): Promise<ScenarioResult> {
  const results: TargetResult[] = [];
  const notes: string[] = [];
  for (const name of names) {
    onScenario(name);
    const scenario = SCENARIOS[name];
    const result = await scenario.run(options).catch((error: unknown) => {
      const skipped = failureOf(error, options);
      return { results: scenario.bars.map((target) => ({ target, outcome: { skipped } })), notes: [] };
    });
    results.push(...result.results);
    notes.push(...result.notes);
  }
  return { results, notes };
}
