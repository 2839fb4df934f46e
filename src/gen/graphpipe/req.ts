// Generated from protos/graphpipe/graphpipe.fbs by scripts/generate-graphpipe.mjs (flatc 2.0.8); never edited.

import { InferRequest } from './infer-request.js';
import { MetadataRequest } from './metadata-request.js';


export enum Req {
  NONE = 0,
  InferRequest = 1,
  MetadataRequest = 2
}

export function unionToReq(
  type: Req,
  accessor: (obj:InferRequest|MetadataRequest) => InferRequest|MetadataRequest|null
): InferRequest|MetadataRequest|null {
  switch(Req[type]) {
    case 'NONE': return null; 
    case 'InferRequest': return accessor(new InferRequest())! as InferRequest;
    case 'MetadataRequest': return accessor(new MetadataRequest())! as MetadataRequest;
    default: return null;
  }
}

export function unionListToReq(
  type: Req, 
  accessor: (index: number, obj:InferRequest|MetadataRequest) => InferRequest|MetadataRequest|null, 
  index: number
): InferRequest|MetadataRequest|null {
  switch(Req[type]) {
    case 'NONE': return null; 
    case 'InferRequest': return accessor(index, new InferRequest())! as InferRequest;
    case 'MetadataRequest': return accessor(index, new MetadataRequest())! as MetadataRequest;
    default: return null;
  }
}
