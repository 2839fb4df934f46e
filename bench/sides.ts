/** Who takes part in a run. */
import type { DoorName } from '../test/support/door-clients.js';
import { modelPath } from '../test/support/models.js';
import { withServer } from '../test/support/with-server.js';
import { GENERATORS, type Side } from './measure.js';
import { MODELS } from './models.js';
import { missingPackages } from './packages.js';
import { checkAnswer, createRequest } from './requests.js';
import {
  buildCppGrpcServer,
  CPP_GRPC_SERVER,
  type CppGrpcServerBuild,
  cppGrpcServerProblem,
  withCppGrpcServer,
} from './rivals/cpp-grpc-server.js';

export interface Prepared {
  readonly doors: readonly DoorName[];
  /** Undefined: it does not take part. */
  readonly rival: CppGrpcServerBuild | undefined;
  /** A sentence for each part that does not take part. */
  readonly skipped: readonly string[];
}

/** Builds the rival, and leaves out what this machine has no load generator for. */
export async function prepare(wanted: readonly DoorName[]): Promise<Prepared> {
  const skipped: string[] = [];
  const doors: DoorName[] = [];
  for (const door of wanted) {
    const problem = await doorProblem(door);
    if (problem === undefined) doors.push(door);
    else skipped.push(problem);
  }
  // It is compared with all doors, so it takes part whatever doors are wanted.
  const problem = (await doorProblem('grpc')) ?? (await cppGrpcServerProblem());
  if (problem !== undefined && !skipped.includes(problem)) skipped.push(problem);
  return { doors, rival: problem === undefined ? await buildCppGrpcServer() : undefined, skipped };
}

async function doorProblem(door: DoorName): Promise<string | undefined> {
  const { name, package: packageName } = GENERATORS[door];
  const missing = await missingPackages([{ check: ['which', name], package: packageName }]);
  if (missing.length === 0) return undefined;
  return `Load over ${door} is skipped: ${name} is missing, which is in the Debian package ${packageName}.`;
}

/** Runs `fn` with all servers up, each serving the model and checked to answer rightly, and ends them afterwards. */
export async function withSides<T>(
  model: string,
  { doors, rival }: Prepared,
  fn: (sides: readonly Side[]) => Promise<T>,
): Promise<T> {
  const flags = [`--model_base_path=${modelPath(model)}`, `--model_name=${model}`];
  return withServer(flags, async ({ pid, ports }) => {
    const ours = await Promise.all(doors.map((door) => createSide('tensorgate', door, pid, ports[door], model)));
    if (rival === undefined) return fn(ours);
    return withCppGrpcServer(rival, model, async ({ pid: rivalPid, port }) =>
      fn([...ours, await createSide(CPP_GRPC_SERVER, 'grpc', rivalPid, port, model)]),
    );
  });
}

async function createSide(server: string, door: DoorName, pid: number, port: number, model: string): Promise<Side> {
  const known = MODELS[model];
  if (known === undefined) throw new Error(`The bench does not know what ${model} must answer.`);
  const request = createRequest(door, known);
  return { server, door, pid, port, request, replyBytes: await checkAnswer(server, door, port, request) };
}
