/** `npm run bench`: servers up → right answers → bursts in turns → tables. `--help` says what can be chosen. */
import { writeFile } from 'node:fs/promises';
import { createProgress } from '../src/report/progress.js';
import { formatReport } from './html.js';
import { describeMachine, machineLine } from './machine.js';
import { benchModelPath } from './model-folders.js';
import { type BenchOptions, HELP, parseOptions } from './options.js';
import { runProduction } from './production/run-production.js';
import { CPP_GRPC_SERVER } from './rivals/cpp-grpc-server.js';
import { areAsExpected, formatRows, resultsFile } from './rows/report.js';
import { runRows } from './rows/run-rows.js';
import { countSteps, type Result, resultTitle, runBench } from './run-bench.js';
import { countTargetSteps, runTargets } from './run-targets.js';
import { formatTable } from './table.js';
import { isReached } from './targets.js';
import { formatTargets } from './targets-table.js';
import { formatTfserver, runTfserverTrial } from './trials/tfserver.js';

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options === undefined) return print(HELP);
  if (options.preset === 'targets') return targets(options);
  if (options.preset === 'production') return production(options);
  if (options.preset === 'rows') return rows(options);
  return options.preset === 'tfserver' ? tfserver(options) : bench(options);
}

async function bench(options: BenchOptions): Promise<void> {
  const progress = createProgress(countSteps(options));
  const machine = await describeMachine();
  const { results, skipped } = await runBench(options, abortOnSignals(), progress).finally(progress.clear);
  print(`${machineLine(machine)}\n${results.map((result) => formatResult(result, options)).join('')}`);
  for (const sentence of skipped) print(`\n${sentence}\n`);
  if (options.json !== undefined) await writeJson(options.json, { machine, options, skipped, results });
  if (options.html !== undefined) await writeFile(options.html, formatReport(machineLine(machine), results, options));
}

async function targets({ rounds, durationSeconds, json }: BenchOptions): Promise<void> {
  const progress = createProgress(countTargetSteps(rounds));
  const machine = await describeMachine();
  const options = { rounds, durationSeconds, signal: abortOnSignals(), onStep: progress.step };
  progress.note('building');
  const { results, trials } = await runTargets(options).finally(progress.clear);
  print(`${machineLine(machine)}\nMedians of ${rounds} rounds of ${durationSeconds} s\n\n${formatTargets(results)}`);
  if (json !== undefined) await writeJson(json, { machine, results, trials });
  if (!results.every(({ target, outcome }) => isReached(target, outcome))) process.exitCode = 1;
}

async function production({ scenarios, rounds, durationSeconds, long, json }: BenchOptions): Promise<void> {
  const progress = createProgress(scenarios.length);
  const machine = await describeMachine();
  const options = { rounds, durationSeconds, long, signal: abortOnSignals(), onStep: progress.note };
  const { results, notes } = await runProduction(scenarios, options, progress.step).finally(progress.clear);
  print(`${machineLine(machine)}\n\n${formatTargets(results)}\n${notes.map((note) => `${note}\n`).join('')}`);
  if (json !== undefined) await writeJson(json, { machine, long, results, notes });
  if (!results.every(({ target, outcome }) => isReached(target, outcome))) process.exitCode = 1;
}

async function tfserver({ json }: BenchOptions): Promise<void> {
  const machine = await describeMachine();
  const result = await runTfserverTrial({ modelDirectory: await benchModelPath('spectra') });
  print(`${machineLine(machine)}\n${formatTfserver(result)}\n`);
  if (json !== undefined) await writeJson(json, { machine, ...result });
}

async function rows({ json }: BenchOptions): Promise<void> {
  const machine = await describeMachine();
  const results = await runRows();
  const report = formatRows(machineLine(machine), results);
  print(report);
  await writeFile(resultsFile(`${machine.date.slice(0, 10)}-rows.md`), report);
  if (json !== undefined) await writeJson(json, { machine, results });
  if (!areAsExpected(results)) process.exitCode = 1;
}

function formatResult(result: Result, options: BenchOptions): string {
  const table = formatTable(result.sides, CPP_GRPC_SERVER);
  return `\n${resultTitle(result, options)}\n\n${table}${result.floor === undefined ? '' : `\n${result.floor}\n`}`;
}

async function writeJson(path: string, value: object): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** So that an interrupted run still ends its servers and removes its files. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`The bench was ended by ${name}.`)));
  }
  return controller.signal;
}

function print(text: string): void {
  process.stdout.write(text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
