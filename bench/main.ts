/** `npm run bench`: servers up → right answers → bursts in turns → tables. `--help` says what can be chosen. */
import { writeFile } from 'node:fs/promises';
import { describeMachine, machineLine } from './machine.js';
import { measure, type SideResult } from './measure.js';
import { type BenchOptions, HELP, parseOptions } from './options.js';
import { CPP_GRPC_SERVER } from './rivals/cpp-grpc-server.js';
import { prepare, withSides } from './sides.js';
import { formatTable } from './table.js';

interface Result {
  readonly model: string;
  readonly concurrency: number;
  readonly sides: readonly SideResult[];
}

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  if (options === undefined) return print(HELP);
  const signal = abortOnSignals();
  showStep('building');
  const prepared = await prepare(options.doors);
  const machine = await describeMachine();
  const results: Result[] = [];
  for (const model of options.models) results.push(...(await benchModel(model, options, prepared, signal)));
  showStep('');
  print(`${machineLine(machine)}\n${results.map((result) => formatResult(result, options)).join('')}`);
  for (const sentence of prepared.skipped) print(`\n${sentence}\n`);
  if (options.json === undefined) return;
  const { skipped } = prepared;
  await writeFile(options.json, `${JSON.stringify({ machine, options, skipped, results }, null, 2)}\n`);
}

async function benchModel(
  model: string,
  { concurrencies, durationSeconds, rounds }: BenchOptions,
  prepared: Awaited<ReturnType<typeof prepare>>,
  signal: AbortSignal,
): Promise<Result[]> {
  return withSides(model, prepared, async (sides) => {
    const results: Result[] = [];
    for (const concurrency of concurrencies) {
      const onStep = (step: string) => showStep(`${model}, ${step}`);
      const measured = await measure(sides, { concurrency, durationSeconds, rounds, signal, onStep });
      results.push({ model, concurrency, sides: measured });
    }
    return results;
  });
}

function formatResult({ model, concurrency, sides }: Result, { rounds, durationSeconds }: BenchOptions): string {
  const head = `${model}, ${concurrency} in flight, medians of ${rounds} rounds of ${durationSeconds} s`;
  return `\n${head}\n\n${formatTable(sides, CPP_GRPC_SERVER)}`;
}

/** So that an interrupted run still ends its servers and removes its files. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`The bench was ended by ${name}.`)));
  }
  return controller.signal;
}

/** On a terminal: one line, rewritten. */
function showStep(step: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${step}`);
}

function print(text: string): void {
  process.stdout.write(text);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  showStep('');
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
