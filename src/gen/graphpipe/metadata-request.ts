// Generated from protos/graphpipe/graphpipe.fbs by scripts/generate-graphpipe.mjs (flatc 2.0.8); never edited.

import * as flatbuffers from 'flatbuffers';

export class MetadataRequest {
  bb: flatbuffers.ByteBuffer|null = null;
  bb_pos = 0;
  __init(i:number, bb:flatbuffers.ByteBuffer):MetadataRequest {
  this.bb_pos = i;
  this.bb = bb;
  return this;
}

static getRootAsMetadataRequest(bb:flatbuffers.ByteBuffer, obj?:MetadataRequest):MetadataRequest {
  return (obj || new MetadataRequest()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
}

static getSizePrefixedRootAsMetadataRequest(bb:flatbuffers.ByteBuffer, obj?:MetadataRequest):MetadataRequest {
  bb.setPosition(bb.position() + flatbuffers.SIZE_PREFIX_LENGTH);
  return (obj || new MetadataRequest()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
}

static startMetadataRequest(builder:flatbuffers.Builder) {
  builder.startObject(0);
}

static endMetadataRequest(builder:flatbuffers.Builder):flatbuffers.Offset {
  const offset = builder.endObject();
  return offset;
}

static createMetadataRequest(builder:flatbuffers.Builder):flatbuffers.Offset {
  MetadataRequest.startMetadataRequest(builder);
  return MetadataRequest.endMetadataRequest(builder);
}
}
