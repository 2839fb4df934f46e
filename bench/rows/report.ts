/** The table of `--preset rows`. */
import { join } from 'node:path';
import { type Column, fixed, layOut } from '../../src/report/text-table.js';
import { PROJECT_ROOT } from '../../test/support/project-root.js';
import type { ProvenSignature, RowResult } from './run-rows.js';

const MOST_SHARE = 0.05;

type Row = RowResult & ProvenSignature;

const COLUMNS: readonly Column<Row>[] = [
  { head: 'model', cell: ({ model }) => model, isText: true },
  { head: 'signature', cell: ({ signature }) => signature, isText: true },
  { head: 'load ms', cell: ({ loadMillis }) => fixed(loadMillis, 1) },
  { head: 'proof ms', cell: ({ proofMillis }) => fixed(proofMillis, 2) },
  { head: 'share', cell: (row) => `${fixed(100 * share(row), 1)} %` },
  { head: 'rows', cell: ({ proven, reason }) => (proven ? 'proven' : reason), isText: true },
];

const share = ({ proofMillis, loadMillis }: RowResult) => proofMillis / loadMillis;

export function formatRows(machine: string, results: readonly RowResult[]): string {
  const rows = results.flatMap((result) => result.signatures.map((signature) => ({ ...result, ...signature })));
  const reached = (isIndependent: boolean) => {
    const some = rows.filter((row) => row.isIndependent === isIndependent);
    return `${some.filter(({ proven }) => proven === isIndependent).length} of ${some.length}`;
  };
  return `# Rows that are proven independent, ${machine.slice(0, 10)}

\`npm run bench -- --preset rows\`

${machine}

${reached(true)} signatures whose rows are independent are proven, ${reached(false)} of the others are refused. The proof takes at
most ${fixed(100 * Math.max(...results.map(share)), 1)} % of a load. Loads: the quickest of three, the proof in it; proofs: medians of five,
of all signatures of a model together.

${layOut(COLUMNS, rows)}`;
}

/** Whether each model is judged right, and quickly. */
export function areAsExpected(results: readonly RowResult[]): boolean {
  return results.every(
    (result) => share(result) < MOST_SHARE && result.signatures.every(({ proven }) => proven === result.isIndependent),
  );
}

export function resultsFile(name: string): string {
  return join(PROJECT_ROOT, 'bench/results', name);
}
