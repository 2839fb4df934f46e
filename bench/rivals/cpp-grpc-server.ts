/** The rival of cpp-grpc-server/, built when it is needed, with TensorFlow Serving's defaults. */
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.js';
import { PROJECT_ROOT } from '../../test/support/project-root.js';
import { runProcess } from '../../test/support/run-process.js';
import { missingPackages } from '../packages.js';
import { withChildServer } from './child-server.js';
import { findLibtensorflowWithHeaders } from './libtensorflow.js';
import type { RivalModel, RivalServer } from './rival-model.js';

export const CPP_GRPC_SERVER = 'C++ gRPC';

/** A program that is ready to be started. */
export interface CppGrpcServerBuild {
  readonly program: string;
  readonly tensorflowDirectory: string;
}

const SOURCE = join(PROJECT_ROOT, 'bench/rivals/cpp-grpc-server');
const BUILD = join(PROJECT_ROOT, 'build/bench/cpp-grpc-server');
/** Some thirty files, for the first time. */
const BUILD_TIMEOUT_MILLIS = 15 * 60_000;

const NEEDED = [
  { check: ['pkg-config', '--exists', 'grpc++'], package: 'libgrpc++-dev' },
  { check: ['pkg-config', '--exists', 'protobuf'], package: 'libprotobuf-dev' },
  { check: ['protoc', '--version'], package: 'protobuf-compiler' },
  { check: ['which', 'grpc_cpp_plugin'], package: 'protobuf-compiler-grpc' },
] as const;

async function problem(): Promise<string | undefined> {
  const missing = await missingPackages(NEEDED);
  if (missing.length > 0) {
    return `The C++ gRPC server is skipped: it cannot be built without the Debian packages ${missing.join(', ')}.`;
  }
  if ((await findLibtensorflowWithHeaders()) !== undefined) return undefined;
  return 'The C++ gRPC server is skipped: the C headers of libtensorflow are missing, which `npm run install` fetches.';
}

/** Compiles what has changed; a minute or more for the first time. */
export async function buildCppGrpcServer(): Promise<CppGrpcServerBuild | { readonly skipped: string }> {
  const skipped = await problem();
  if (skipped !== undefined) return { skipped };
  const tensorflow = await findLibtensorflowWithHeaders();
  const define = `-DTF_INCLUDE_DIR=${tensorflow?.includeDirectory}`;
  await runProcess('cmake', ['-S', SOURCE, '-B', BUILD, define], { timeoutMillis: BUILD_TIMEOUT_MILLIS });
  await runProcess('cmake', ['--build', BUILD, '--parallel', '2'], { timeoutMillis: BUILD_TIMEOUT_MILLIS });
  return { program: join(BUILD, 'cpp-grpc-server'), tensorflowDirectory: tensorflow?.directory ?? '' };
}

/** Runs `fn` with the server up, and ends it afterwards. */
export async function withCppGrpcServer<T>(
  { program, tensorflowDirectory }: CppGrpcServerBuild,
  { name, basePath }: RivalModel,
  fn: (server: RivalServer) => Promise<T>,
): Promise<T> {
  const port = await freePort();
  const args = [
    `--port=${port}`,
    `--model_name=${name}`,
    `--model_base_path=${basePath}`,
    `--tensorflow_dir=${tensorflowDirectory}`,
    // TensorFlow Serving's 4 × CPUs would refuse calls at this many in flight.
    '--grpc_max_threads=64',
  ];
  return withChildServer({ command: program, args, readyText: 'is ready' }, (pid) => fn({ pid, port }));
}
