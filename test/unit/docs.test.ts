/** docs/tensorflow-serving.md against the code. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FLAGS, type Flag } from '../../src/flags/flags.js';
import { PROJECT_ROOT } from '../support/project-root.js';

const TEXT = readFileSync(join(PROJECT_ROOT, 'docs/tensorflow-serving.md'), 'utf8');
/** Flags that TensorFlow Serving does not have. */
const OURS = new Set([
  'aspired_version_policy',
  'strict',
  'synthetic_warmup',
  'max_unpack_ratio',
  'max_unpacked_request_bytes',
  'graphpipe_model',
  'custom_op_paths',
  'host',
  'graphpipe_port',
  'max_request_bytes',
  'num_workers',
  'devices',
  'model_devices',
  'gpu_memory_limit_mb',
  'gpu_memory_growth',
  'session_target',
  'max_queued_requests_per_model',
  'max_queue_wait_in_ms',
  'max_concurrent_runs_per_model',
  'max_run_time_in_ms',
  'libtensorflow_dir',
  'libtensorflowlite_dir',
  'metrics_path',
  'drain_timeout_seconds',
  'log_level',
  'help',
]);

/** Verdicts of the table of flags. */
const verdicts = new Map(
  [...TEXT.matchAll(/^\| `([a-z_]+)` \| (same|better|not) \|/gm)].map(([, name, verdict]) => [
    name as string,
    verdict as string,
  ]),
);

describe('docs/grafana-dashboard.json', () => {
  it('asks for metrics only that the server has', () => {
    const board = JSON.parse(readFileSync(join(PROJECT_ROOT, 'docs/grafana-dashboard.json'), 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const names = board.panels.flatMap(({ targets }) =>
      targets.flatMap(({ expr }) => expr.match(/\b(?:tensorgate|process)_\w+/g) ?? []),
    );
    assert.ok(names.length >= board.panels.length);
    for (const name of names) assert.ok(TEXT.includes(`\`${name.replace(/_bucket$/, '')}\``), name);
  });
});

describe('docs/tensorflow-serving.md', () => {
  it('has a row for each flag of tensorflow_model_server, and one line for ours', () => {
    const servings = FLAGS.map(({ name }) => name).filter((name) => !OURS.has(name));
    assert.deepEqual([...verdicts.keys()].sort(), [...servings].sort());
    for (const name of OURS) assert.ok(TEXT.includes(`\`--${name}\``), name);
  });

  it('calls no flag the same that has no effect, unless what it asks for is so anyway', () => {
    const anyway = new Set(['remove_unused_fields_from_bundle_metagraph', 'enable_grpc_healthcheck_service']);
    const rows: readonly Flag[] = FLAGS;
    for (const { name, noEffect } of rows) {
      if (noEffect !== undefined && !OURS.has(name) && !anyway.has(name)) assert.equal(verdicts.get(name), 'not', name);
    }
  });

  it('says same, better or not, and why not', () => {
    for (const [row, verdict, why] of TEXT.matchAll(
      /^\| (?:`|PredictionService|ModelService)[^|]*\| (same|better|not) \| (.*)\|$/gm,
    )) {
      if (verdict === 'not') assert.ok((why ?? '').trim().length > 5, row);
    }
    for (const verdict of verdicts.values()) assert.match(verdict, /^(same|better|not)$/);
  });
});
