/** The servers of others that the bench can start by itself, by the names that --rival takes. */
import { buildCppGrpcServer, CPP_GRPC_SERVER, withCppGrpcServer } from './cpp-grpc-server.js';
import { buildFastapi, FASTAPI, withFastapi } from './fastapi.js';
import { buildNodeJson, NODE_JSON, withNodeJson } from './node-json.js';
import { createRival, type Rival } from './rival.js';

export const RIVALS = {
  cpp: createRival(CPP_GRPC_SERVER, 'grpc', buildCppGrpcServer, withCppGrpcServer),
  'node-json': createRival(NODE_JSON, 'rest', buildNodeJson, withNodeJson),
  fastapi: createRival(FASTAPI, 'rest', buildFastapi, withFastapi),
} as const satisfies Readonly<Record<string, Rival>>;

export type RivalName = keyof typeof RIVALS;
export const RIVAL_NAMES = Object.keys(RIVALS) as RivalName[];
