import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { withTempDir } from '../support/models.js';
import { withServer } from '../support/with-server.js';
import { testWithPython } from './python-checks.js';

test('prometheus_client reads the metrics', { timeout: 120_000 }, async (t) => {
  await withTempDir(async (folder) => {
    const config = join(folder, 'monitoring.config');
    await writeFile(config, 'prometheus_config { enable: true path: "/stats/of/mine" }');
    await withServer([`--monitoring_config_file=${config}`], (server) =>
      testWithPython(t, 'clients', 'check_prometheus.py', server),
    );
  });
});
