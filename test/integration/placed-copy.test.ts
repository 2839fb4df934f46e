/** Copies of SavedModels that are made for devices, seen where they are kept: TensorFlow itself has no GPU here. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { decodeMessage, encodeMessage, type MessageType } from '../../src/formats/protobuf.js';
import { binding } from '../../src/native/binding.js';
import { generalSessionConfig } from '../../src/servables/session-config.js';
import { runProgram } from '../support/child-program.js';
import { openLibrary } from '../support/in-process-model.js';
import { withTempDir } from '../support/models.js';

interface Node {
  readonly name: string;
  readonly op: string;
  readonly device: string;
}
interface Graph {
  readonly node: readonly Node[];
  readonly library?: {
    readonly function: readonly { readonly signature: unknown; readonly node_def: readonly Node[] }[];
  };
}
interface Model {
  readonly saved_model_schema_version: bigint;
  readonly meta_graphs: readonly { readonly meta_info_def?: unknown; readonly graph_def: Graph }[];
}

const table = (name: string, fields: MessageType<object>['fields']): MessageType<object> => ({ name, fields });
const NODE = table('NodeDef', [
  { name: 'name', number: 1, type: 'string' },
  { name: 'op', number: 2, type: 'string' },
  { name: 'device', number: 4, type: 'string' },
]);
const FUNCTION = table('FunctionDef', [
  { name: 'signature', number: 1, type: () => table('OpDef', [{ name: 'name', number: 1, type: 'string' }]) },
  { name: 'node_def', number: 3, type: () => NODE, rule: 'repeated' },
]);
const LIBRARY = table('FunctionDefLibrary', [{ name: 'function', number: 1, type: () => FUNCTION, rule: 'repeated' }]);
const GRAPH = table('GraphDef', [
  { name: 'node', number: 1, type: () => NODE, rule: 'repeated' },
  { name: 'library', number: 2, type: () => LIBRARY },
]);
const META_GRAPH = table('MetaGraphDef', [
  {
    name: 'meta_info_def',
    number: 1,
    type: () => table('MetaInfoDef', [{ name: 'tags', number: 4, type: 'string', rule: 'repeated' }]),
  },
  { name: 'graph_def', number: 2, type: () => GRAPH },
]);
const MODEL = table('SavedModel', [
  { name: 'saved_model_schema_version', number: 1, type: 'int64' },
  { name: 'meta_graphs', number: 2, type: () => META_GRAPH, rule: 'repeated' },
]) as MessageType<Model>;

const nodesOn = (prefix: string, devices: readonly string[]): Node[] =>
  devices.map((device, index) => ({ name: `${prefix}${index}`, op: 'NoOp', device }));

/** A SavedModel whose graph, and a function of it, have a node on each of the devices. */
function modelOn(devices: readonly string[]): Uint8Array {
  const library = { function: [{ signature: { name: 'f' }, node_def: nodesOn('g', devices) }] };
  const graph_def = { node: nodesOn('n', devices), library };
  return encodeMessage(
    MODEL as MessageType<object>,
    {
      saved_model_schema_version: 1n,
      meta_graphs: [{ meta_info_def: { tags: ['serve'] }, graph_def }],
    } as object,
  );
}

async function withTmpdir<T>(folder: string, use: () => Promise<T>): Promise<T> {
  const before = process.env.TMPDIR;
  process.env.TMPDIR = folder;
  try {
    return await use();
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

/** The devices that the copy for `device` has in their place: of the graph's nodes, and of its function's. */
async function placedOn(device: string, devices: readonly string[]): Promise<{ graph: string[]; body: string[] }> {
  return withTempDir(async (folder) => {
    const directory = join(folder, 'model');
    const temporary = join(folder, 'tmp');
    await mkdir(temporary);
    await mkdir(join(directory, 'assets'), { recursive: true }); // for their sake the copy is kept
    await writeFile(join(directory, 'saved_model.pb'), modelOn(devices));
    await openLibrary();
    const config = generalSessionConfig({ intraOp: 0, interOp: 0 });
    const { id } = await withTmpdir(temporary, () =>
      binding.loadSession({ directory, tags: ['serve'], config, interruptible: false, device }),
    );
    const [copy] = await readdir(temporary);
    const { meta_graphs } = decodeMessage(MODEL, await readFile(join(temporary, copy as string, 'saved_model.pb')));
    await binding.releaseSession(id);
    assert.deepEqual(await readdir(temporary), []);
    const graph = meta_graphs[0]?.graph_def;
    const names = (nodes: readonly Node[] = []) => nodes.map((node) => node.device);
    return { graph: names(graph?.node), body: names(graph?.library?.function[0]?.node_def) };
  });
}

const CPUS = [
  '/device:CPU:0',
  '/cpu:0',
  '/CPU:0',
  '/device:CPU',
  '/device:cpu:*',
  '/job:localhost/replica:0/task:0/device:CPU:1',
  '/job:localhost/device:CPU',
];
const OTHERS = ['', '/device:GPU:0', '/gpu:0', '/device:GPU', '/job:localhost/replica:0/task:0', '/job:cpu/task:0'];

describe('The copy of a SavedModel for a GPU', () => {
  it('has all nodes there, in functions too, but those that ask for the CPU, however they write it', async () => {
    const expected = [...CPUS, ...OTHERS.map(() => '/device:GPU:1')];
    assert.deepEqual(await placedOn('/device:GPU:1', [...CPUS, ...OTHERS]), { graph: expected, body: expected });
  });
});

describe('The copy of a SavedModel for a CPU device', () => {
  it('has all nodes there, whatever they ask for', async () => {
    const expected = [...CPUS, ...OTHERS].map(() => '/device:CPU:0');
    assert.deepEqual(await placedOn('/device:CPU:0', [...CPUS, ...OTHERS]), { graph: expected, body: expected });
  });
});

describe('A SavedModel that is cut short while it is copied', () => {
  it('is a load error, and the process lives on', async () => {
    await withTempDir(async (folder) => {
      const { status, stdout, stderr } = await runProgram(
        ['openLibrary'],
        `import { truncateSync, writeFileSync } from 'node:fs';
        await openLibrary();
        const directory = ${JSON.stringify(folder)};
        const file = directory + '/saved_model.pb';
        writeFileSync(file, '');
        truncateSync(file, 2 ** 25);
        const options = { directory, tags: ['serve'], config: new Uint8Array(), interruptible: false, device: '/device:CPU:0' };
        const load = binding.loadSession(options);
        await sleep(50);
        truncateSync(file, 0);
        await load.then(() => console.log('loaded'), () => console.log('refused'));`,
        { env: { TMPDIR: folder } },
      );
      assert.equal(stdout.trim(), 'refused', stderr);
      assert.equal(status, 0);
    });
  });
});
