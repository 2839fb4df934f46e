/** Libraries of operations that tests build from source, and models that run their operations. */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findLibtensorflow } from '../../src/libtensorflow.js';
import { PROJECT_ROOT } from './project-root.js';
import { runProcess } from './run-process.js';
import { node, writeTextModel } from './text-models.js';

const COMPILER = process.env.CXX || 'c++';

/** ZeroOut keeps the first of a list of int32 and makes zeros of the others. */
export const ZERO_OUT = join(PROJECT_ROOT, 'test/native/zero_out_op.cc');

/** Why none can be built here, if so. */
export const cannotBuild =
  process.platform !== 'linux'
    ? 'the test builds its library of operations for Linux only'
    : spawnSync(COMPILER, ['--version']).status === 0
      ? false
      : `there is no compiler ${COMPILER} to build a library of operations with`;

/** Builds a shared library as tf.sysconfig says, beside what `link` names; resolves with its path. */
export async function buildLibrary(folder: string, source: string, link: readonly string[] = []): Promise<string> {
  const tensorflow = await findLibtensorflow('');
  const library = join(folder, `${basename(source, '.cc')}.so`);
  const framework = ['-L', tensorflow, '-l:libtensorflow_framework.so.2'];
  const flags = ['-shared', '-fPIC', `-I${tensorflow}/include`];
  await runProcess(COMPILER, [...flags, source, '-o', library, ...link, ...framework]);
  return library;
}

/** Builds a library from C++ text. */
export async function buildText(folder: string, name: string, text: string, link?: readonly string[]): Promise<string> {
  const source = join(folder, `${name}.cc`);
  await writeFile(source, text);
  return buildLibrary(folder, source, link);
}

/** ZeroOut without a shape function. */
export async function buildShapeless(folder: string): Promise<string> {
  const source = await readFile(ZERO_OUT, 'utf8');
  return buildText(folder, 'shapeless', source.replace(/^.*SetShapeInferenceFunction\(op,.*$/m, ''));
}

/** A model y = ZeroOut(x). */
export function writeZeroOut(basePath: string): Promise<string> {
  return writeTextModel(basePath, {
    inputs: [{ name: 'x', dtype: 'DT_INT32' }],
    outputs: [{ name: 'y', dtype: 'DT_INT32' }],
    nodes: node('y', 'ZeroOut', '', ['x']),
  });
}

/** A model y = ZeroOut(x) + ZeroOut(x), one of which stands in a function, as TF2 has them. */
export function writeZeroOutTwice(basePath: string): Promise<string> {
  const types = (name: string) => `attr { key: "${name}" value { list { type: DT_INT32 } } }`;
  return writeTextModel(basePath, {
    inputs: [{ name: 'x', dtype: 'DT_INT32' }],
    outputs: [{ name: 'y', dtype: 'DT_INT32' }],
    nodes: `${node('zeroed', 'ZeroOut', '', ['x'])}
      node { name: "called" op: "PartitionedCall" input: "x" ${types('Tin')} ${types('Tout')}
        attr { key: "f" value { func { name: "zero_out" } } } }
      ${node('y', 'AddV2', 'DT_INT32', ['zeroed', 'called'])}`,
    library: `function {
      signature { name: "zero_out" input_arg { name: "a" type: DT_INT32 } output_arg { name: "b" type: DT_INT32 } }
      node_def { name: "inner" op: "ZeroOut" input: "a" } ret { key: "b" value: "inner:zeroed:0" } }`,
  });
}
