/** tensorflow.ProfilerService on a server with real models. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import * as grpc from '@grpc/grpc-js';
import { Code } from '../../src/errors.js';
import { decodeMessage, encodeMessage, type Init } from '../../src/formats/protobuf.js';
import {
  MonitorRequest,
  MonitorResponse,
  ProfileRequest,
  ProfileResponse,
  ServerReflectionRequest,
  ServerReflectionResponse,
  TerminateRequest,
  type XPlane,
  XSpace,
} from '../../src/gen/messages.js';
import { halfPlusTwoCall } from '../support/bundled-calls.js';
import { type DoorClient, withDoorClients } from '../support/door-clients.js';
import { callDialogue, callUnary } from '../support/grpc-door.js';
import { modelPath, withTempDir } from '../support/models.js';
import { type TestServer, withServer } from '../support/with-server.js';

const FLAGS = ['--model_name=half_plus_two', `--model_base_path=${modelPath('half_plus_two')}`, '--num_workers=2'];
const LIMIT = { timeout: 60_000 };

interface ProfilerClient {
  profile(request: Init<ProfileRequest>, options?: grpc.CallOptions): Promise<ProfileResponse>;
  monitor(request: Init<MonitorRequest>): Promise<string>;
  terminate(sessionId: string): Promise<Buffer>;
  readonly channel: grpc.Client;
}

function profilerClient(port: number): ProfilerClient {
  const channel = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  const call = (method: string, request: Uint8Array, options?: grpc.CallOptions) =>
    callUnary(channel, `/tensorflow.ProfilerService/${method}`, request, options);
  return {
    channel,
    profile: async (request, options) =>
      decodeMessage(ProfileResponse, await call('Profile', encodeMessage(ProfileRequest, request), options)),
    monitor: async (request) =>
      decodeMessage(MonitorResponse, await call('Monitor', encodeMessage(MonitorRequest, request))).data,
    terminate: (session_id) => call('Terminate', encodeMessage(TerminateRequest, { session_id })),
  };
}

/** A server with half_plus_two, a client of its profiler, and one of its doors. */
async function withProfiler(
  fn: (profiler: ProfilerClient, doors: Record<'grpc' | 'rest', DoorClient>, server: TestServer) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  await withServer([...FLAGS, ...flags], (server) =>
    withDoorClients(server, async (doors) => {
      const profiler = profilerClient(server.ports.grpc);
      try {
        await fn(profiler, doors, server);
      } finally {
        profiler.channel.close();
      }
    }),
  );
}

/** Asks until the promise is settled; returns how often. */
async function askUntil(done: Promise<unknown>, doors: Record<'grpc' | 'rest', DoorClient>): Promise<number> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  done.then(settle, settle);
  let asked = 0;
  while (!settled) {
    const { call } = halfPlusTwoCall([1, 2, 5]);
    await Promise.all([doors.grpc.predict(call), doors.rest.predict(call), doors.grpc.predict(call)]);
    asked += 3;
  }
  return asked;
}

function xspaceOf(response: ProfileResponse): XSpace {
  const [tool] = response.tool_data;
  assert.equal(tool?.name, 'xplane.pb');
  return decodeMessage(XSpace, tool?.data ?? new Uint8Array());
}

interface ReadEvent {
  readonly line: string;
  readonly name: string;
  readonly begin: bigint;
  readonly end: bigint;
  readonly stats: Readonly<Record<string, unknown>>;
}

function eventsOf({ lines, event_metadata, stat_metadata }: XPlane): ReadEvent[] {
  return lines.flatMap((line) =>
    line.events.map((event) => ({
      line: line.name,
      name: event_metadata.get(event.metadata_id)?.name ?? '',
      begin: event.offset_ps ?? 0n,
      end: (event.offset_ps ?? 0n) + event.duration_ps,
      stats: Object.fromEntries(
        event.stats.map((stat) => [
          stat_metadata.get(stat.metadata_id)?.name ?? '',
          stat.int64_value ?? stat.double_value ?? stat.str_value,
        ]),
      ),
    })),
  );
}

const hasCode = (code: Code, details: RegExp) => (error: grpc.ServiceError) => {
  assert.equal(error.code, code);
  assert.match(error.details, details);
  return true;
};

describe('ProfilerService', LIMIT, () => {
  it('Profile: what was served in that time, by thread, model and signature, with waits, rows and requests', () =>
    withProfiler(async (profiler, doors) => {
      const before = BigInt(Date.now());
      const profile = profiler.profile({ opts: { duration_ms: 300n }, session_id: 's' });
      const asked = await askUntil(profile, doors);
      const response = await profile;
      assert.equal(response.empty_trace, false);
      const { planes, hostnames, warnings } = xspaceOf(response);
      assert.equal(planes[0]?.name, '/host:CPU');
      assert.equal(hostnames.length, 1);
      assert.deepEqual(warnings, []);
      const events = eventsOf(planes[0] as XPlane);
      const named = (start: string) => events.filter(({ name }) => name.startsWith(start));
      const runs = named('Run half_plus_two/1 ');
      assert.ok(runs.length > 0 && runs.length <= asked);
      // Each request has three rows; those that share a run are counted together.
      const rows = runs.reduce((sum, { stats }) => sum + Number(stats.rows), 0);
      assert.equal(rows % 3, 0);
      const takes = named('Serve');
      for (const run of runs) {
        const outer = takes.find(({ line, begin, end }) => line === run.line && begin <= run.begin && run.end <= end);
        assert.ok(outer, 'a run lies within what its thread took');
      }
      const overGrpc = named('grpc Predict half_plus_two/1 serving_default');
      const overRest = named('rest Predict half_plus_two/1');
      assert.ok(overGrpc.length > 0 && overRest.length > 0);
      assert.ok(overGrpc.length + overRest.length <= asked);
      for (const { line, begin, end, stats } of [...overGrpc, ...overRest]) {
        assert.match(line, /^requests \d+$/);
        assert.ok(begin < end && end < 400_000_000_000n, 'within the profile');
        assert.ok(Number(stats.queue_us) >= 0 && Number(stats.run_us) > 0 && Number(stats.answer_bytes) > 0);
      }
      const start = (planes[0]?.lines[0]?.timestamp_ns ?? 0n) / 1_000_000n;
      assert.ok(start >= before - 5n && start <= before + 2000n, 'times since the epoch');
    }));

  it('Profile: events of one timeline lie inside each other or follow each other', () =>
    withProfiler(async (profiler, doors) => {
      const profile = profiler.profile({ duration_ms: 200n });
      await askUntil(profile, doors);
      const [plane] = xspaceOf(await profile).planes;
      for (const { name } of plane?.lines ?? []) {
        const open: bigint[] = [];
        for (const { begin, end, line } of eventsOf(plane as XPlane)) {
          if (line !== name) continue;
          while (open.length > 0 && (open.at(-1) as bigint) <= begin) open.pop();
          assert.ok(open.length === 0 || end <= (open.at(-1) as bigint), `${name} at ${begin}`);
          open.push(end);
        }
      }
    }));

  it('Profile: a request that fails has its code', () =>
    withProfiler(async (profiler, { rest }) => {
      const profile = profiler.profile({ duration_ms: 300n });
      await sleep(100);
      await assert.rejects(rest.send(Buffer.from('{"instances": "no numbers"}'), 'half_plus_two'));
      const [plane] = xspaceOf(await profile).planes;
      assert.ok(eventsOf(plane as XPlane).some(({ stats }) => stats.error === 'INVALID_ARGUMENT'));
    }));

  it('Profile: empty_trace where nothing ran, also after a profile in which something did', () =>
    withProfiler(async (profiler, doors) => {
      const empty = { tool_data: [], empty_trace: true };
      assert.deepEqual(await profiler.profile({ duration_ms: 20n }), empty);
      const profile = profiler.profile({ duration_ms: 50n });
      await askUntil(profile, doors);
      assert.equal((await profile).empty_trace, false);
      assert.deepEqual(await profiler.profile({ duration_ms: 20n }), empty);
    }));

  it('Profile: max_events bounds it, and a warning tells what is missing', () =>
    withProfiler(async (profiler, doors) => {
      const profile = profiler.profile({ duration_ms: 200n, max_events: 2n });
      await askUntil(profile, doors);
      const { planes, warnings } = xspaceOf(await profile);
      const events = eventsOf(planes[0] as XPlane);
      assert.equal(events.filter(({ name }) => / Predict /.test(name)).length, 2);
      assert.equal(events.filter(({ name }) => /^(Run|Serve)/.test(name)).length, 2);
      assert.match(warnings[0] ?? '', /^\d+ events were too many/);
    }));

  it('Profile: writes no file, wherever the client would have one', () =>
    withTempDir((folder) =>
      withProfiler(async (profiler, doors) => {
        const root = join(folder, 'plugins', 'profile');
        const profile = profiler.profile({ duration_ms: 50n, repository_root: root, session_id: 's', host_name: 'h' });
        await askUntil(profile, doors);
        assert.equal((await profile).empty_trace, false);
        assert.equal(existsSync(join(folder, 'plugins')), false);
      }),
    ));

  it('Profile: one at a time; Terminate ends it with what it has, by its session', () =>
    withProfiler(async (profiler, doors) => {
      const profile = profiler.profile({ duration_ms: 500_000n, session_id: 'long' });
      await sleep(100);
      await doors.grpc.predict(halfPlusTwoCall([1]).call);
      await assert.rejects(
        profiler.profile({ duration_ms: 1n, session_id: 'other' }),
        hasCode(Code.ALREADY_EXISTS, /The profile "long" is running.*Terminate\.$/),
      );
      assert.equal((await profiler.terminate('other')).length, 0);
      assert.equal(await Promise.race([profile.then(() => 'ended'), sleep(100, 'running')]), 'running');
      await profiler.terminate('long');
      assert.equal((await profile).empty_trace, false);
    }));

  it('Profile: a client that goes away makes room for the next one', () =>
    withProfiler(async (profiler) => {
      await assert.rejects(
        profiler.profile({ duration_ms: 500_000n }, { deadline: Date.now() + 100 }),
        hasCode(Code.DEADLINE_EXCEEDED, /./),
      );
      for (let tries = 0; ; tries++) {
        const error = await profiler.profile({ duration_ms: 1n }).then(
          () => undefined,
          (thrown: grpc.ServiceError) => thrown,
        );
        if (error === undefined) break;
        assert.ok(error.code === Code.ALREADY_EXISTS && tries < 100, error.details);
        await sleep(20);
      }
    }));

  it('Profile and Monitor refuse more than ten minutes', () =>
    withProfiler(async (profiler) => {
      const refusal = hasCode(Code.INVALID_ARGUMENT, /600001 ms are too long\. Ask for 600000 ms at the most/);
      await assert.rejects(profiler.profile({ duration_ms: 600_001n }), refusal);
      await assert.rejects(profiler.monitor({ duration_ms: 600_001n }), refusal);
    }));

  it('Monitor: requests, failures, means and the process in that time; level 2 by model, signature and method', () =>
    withProfiler(async (profiler, doors) => {
      const quiet = await profiler.monitor({ duration_ms: 20n, monitoring_level: 2, timestamp: true });
      assert.match(
        quiet,
        /^Time: \d{4}-\d\d-\d\dT.*Z\nRequests in \d+ ms: 0\.0 per second, 0 of 0 failed; 0 in flight\n/,
      );
      const monitor = profiler.monitor({ duration_ms: 200n, monitoring_level: 2 });
      await askUntil(monitor, doors);
      const text = await monitor;
      const means = /mean \d+\.\d+ ms \(waiting \d+\.\d+ ms, running \d+\.\d+ ms\)/.source;
      assert.match(
        text,
        new RegExp(`^Requests in \\d+ ms: [1-9]\\d*\\.\\d per second, 0 of [1-9]\\d* failed, ${means}`),
      );
      assert.match(text, /^Process: \d+\.\d\d CPUs, \d+ MB$/m);
      assert.match(text, new RegExp(`^grpc Predict half_plus_two/1 serving_default: .*${means}$`, 'm'));
      assert.doesNotMatch(await profiler.monitor({ duration_ms: 1n, monitoring_level: 1 }), /half_plus_two/);
    }));

  it('does not hold up a drain: a profile that runs is answered with what it has', () =>
    withProfiler(async (profiler, doors, server) => {
      const profile = profiler.profile({ duration_ms: 500_000n });
      await sleep(100);
      await doors.grpc.predict(halfPlusTwoCall([1]).call);
      const status = server.stop();
      assert.equal((await profile).empty_trace, false);
      assert.equal(await status, 0);
    }));

  it('is listed by reflection, and is UNIMPLEMENTED and not listed with --enable_profiler=false', async () => {
    const list = async (channel: grpc.Client) => {
      const call = callDialogue(channel, '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo');
      call.write(Buffer.from(encodeMessage(ServerReflectionRequest, { list_services: '' })));
      const reply = await new Promise<Buffer>((resolve, reject) => call.once('data', resolve).once('error', reject));
      call.end();
      return decodeMessage(ServerReflectionResponse, reply).list_services_response?.service.map(({ name }) => name);
    };
    await withProfiler(async ({ channel }) => {
      assert.ok((await list(channel))?.includes('tensorflow.ProfilerService'));
    });
    await withProfiler(
      async (profiler) => {
        for (const call of [profiler.profile({}), profiler.monitor({}), profiler.terminate('')])
          await assert.rejects(call, hasCode(Code.UNIMPLEMENTED, /./));
        assert.ok(!(await list(profiler.channel))?.includes('tensorflow.ProfilerService'));
      },
      ['--enable_profiler=false'],
    );
  });
});
