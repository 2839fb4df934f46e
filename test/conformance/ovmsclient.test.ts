import { test } from 'node:test';
import { withServer } from '../support/with-server.js';
import { testWithPython } from './python-checks.js';

test('ovmsclient, over gRPC and REST', { timeout: 120_000 }, async (t) => {
  await withServer([], (server) => testWithPython(t, 'clients', 'check_ovmsclient.py', server));
});
