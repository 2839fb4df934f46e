// Generated from protos/graphpipe/graphpipe.fbs by scripts/generate-graphpipe.mjs (flatc 2.0.8); never edited.

import * as flatbuffers from 'flatbuffers';

import { Error } from './error.js';
import { Tensor } from './tensor.js';


export class InferResponse {
  bb: flatbuffers.ByteBuffer|null = null;
  bb_pos = 0;
  __init(i:number, bb:flatbuffers.ByteBuffer):InferResponse {
  this.bb_pos = i;
  this.bb = bb;
  return this;
}

static getRootAsInferResponse(bb:flatbuffers.ByteBuffer, obj?:InferResponse):InferResponse {
  return (obj || new InferResponse()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
}

static getSizePrefixedRootAsInferResponse(bb:flatbuffers.ByteBuffer, obj?:InferResponse):InferResponse {
  bb.setPosition(bb.position() + flatbuffers.SIZE_PREFIX_LENGTH);
  return (obj || new InferResponse()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
}

outputTensors(index: number, obj?:Tensor):Tensor|null {
  const offset = this.bb!.__offset(this.bb_pos, 4);
  return offset ? (obj || new Tensor()).__init(this.bb!.__indirect(this.bb!.__vector(this.bb_pos + offset) + index * 4), this.bb!) : null;
}

outputTensorsLength():number {
  const offset = this.bb!.__offset(this.bb_pos, 4);
  return offset ? this.bb!.__vector_len(this.bb_pos + offset) : 0;
}

errors(index: number, obj?:Error):Error|null {
  const offset = this.bb!.__offset(this.bb_pos, 6);
  return offset ? (obj || new Error()).__init(this.bb!.__indirect(this.bb!.__vector(this.bb_pos + offset) + index * 4), this.bb!) : null;
}

errorsLength():number {
  const offset = this.bb!.__offset(this.bb_pos, 6);
  return offset ? this.bb!.__vector_len(this.bb_pos + offset) : 0;
}

static startInferResponse(builder:flatbuffers.Builder) {
  builder.startObject(2);
}

static addOutputTensors(builder:flatbuffers.Builder, outputTensorsOffset:flatbuffers.Offset) {
  builder.addFieldOffset(0, outputTensorsOffset, 0);
}

static createOutputTensorsVector(builder:flatbuffers.Builder, data:flatbuffers.Offset[]):flatbuffers.Offset {
  builder.startVector(4, data.length, 4);
  for (let i = data.length - 1; i >= 0; i--) {
    builder.addOffset(data[i]!);
  }
  return builder.endVector();
}

static startOutputTensorsVector(builder:flatbuffers.Builder, numElems:number) {
  builder.startVector(4, numElems, 4);
}

static addErrors(builder:flatbuffers.Builder, errorsOffset:flatbuffers.Offset) {
  builder.addFieldOffset(1, errorsOffset, 0);
}

static createErrorsVector(builder:flatbuffers.Builder, data:flatbuffers.Offset[]):flatbuffers.Offset {
  builder.startVector(4, data.length, 4);
  for (let i = data.length - 1; i >= 0; i--) {
    builder.addOffset(data[i]!);
  }
  return builder.endVector();
}

static startErrorsVector(builder:flatbuffers.Builder, numElems:number) {
  builder.startVector(4, numElems, 4);
}

static endInferResponse(builder:flatbuffers.Builder):flatbuffers.Offset {
  const offset = builder.endObject();
  return offset;
}

static createInferResponse(builder:flatbuffers.Builder, outputTensorsOffset:flatbuffers.Offset, errorsOffset:flatbuffers.Offset):flatbuffers.Offset {
  InferResponse.startInferResponse(builder);
  InferResponse.addOutputTensors(builder, outputTensorsOffset);
  InferResponse.addErrors(builder, errorsOffset);
  return InferResponse.endInferResponse(builder);
}
}
