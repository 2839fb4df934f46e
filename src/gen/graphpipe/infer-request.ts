// Generated from protos/graphpipe/graphpipe.fbs by scripts/generate-graphpipe.mjs (flatc 2.0.8); never edited.

import * as flatbuffers from 'flatbuffers';

import { Tensor } from './tensor.js';


export class InferRequest {
  bb: flatbuffers.ByteBuffer|null = null;
  bb_pos = 0;
  __init(i:number, bb:flatbuffers.ByteBuffer):InferRequest {
  this.bb_pos = i;
  this.bb = bb;
  return this;
}

static getRootAsInferRequest(bb:flatbuffers.ByteBuffer, obj?:InferRequest):InferRequest {
  return (obj || new InferRequest()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
}

static getSizePrefixedRootAsInferRequest(bb:flatbuffers.ByteBuffer, obj?:InferRequest):InferRequest {
  bb.setPosition(bb.position() + flatbuffers.SIZE_PREFIX_LENGTH);
  return (obj || new InferRequest()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
}

/**
 * Free text for the application; tensorgate reads JSON with "model", "version" and "signature".
 */
config():string|null
config(optionalEncoding:flatbuffers.Encoding):string|Uint8Array|null
config(optionalEncoding?:any):string|Uint8Array|null {
  const offset = this.bb!.__offset(this.bb_pos, 4);
  return offset ? this.bb!.__string(this.bb_pos + offset, optionalEncoding) : null;
}

inputNames(index: number):string
inputNames(index: number,optionalEncoding:flatbuffers.Encoding):string|Uint8Array
inputNames(index: number,optionalEncoding?:any):string|Uint8Array|null {
  const offset = this.bb!.__offset(this.bb_pos, 6);
  return offset ? this.bb!.__string(this.bb!.__vector(this.bb_pos + offset) + index * 4, optionalEncoding) : null;
}

inputNamesLength():number {
  const offset = this.bb!.__offset(this.bb_pos, 6);
  return offset ? this.bb!.__vector_len(this.bb_pos + offset) : 0;
}

inputTensors(index: number, obj?:Tensor):Tensor|null {
  const offset = this.bb!.__offset(this.bb_pos, 8);
  return offset ? (obj || new Tensor()).__init(this.bb!.__indirect(this.bb!.__vector(this.bb_pos + offset) + index * 4), this.bb!) : null;
}

inputTensorsLength():number {
  const offset = this.bb!.__offset(this.bb_pos, 8);
  return offset ? this.bb!.__vector_len(this.bb_pos + offset) : 0;
}

outputNames(index: number):string
outputNames(index: number,optionalEncoding:flatbuffers.Encoding):string|Uint8Array
outputNames(index: number,optionalEncoding?:any):string|Uint8Array|null {
  const offset = this.bb!.__offset(this.bb_pos, 10);
  return offset ? this.bb!.__string(this.bb!.__vector(this.bb_pos + offset) + index * 4, optionalEncoding) : null;
}

outputNamesLength():number {
  const offset = this.bb!.__offset(this.bb_pos, 10);
  return offset ? this.bb!.__vector_len(this.bb_pos + offset) : 0;
}

static startInferRequest(builder:flatbuffers.Builder) {
  builder.startObject(4);
}

static addConfig(builder:flatbuffers.Builder, configOffset:flatbuffers.Offset) {
  builder.addFieldOffset(0, configOffset, 0);
}

static addInputNames(builder:flatbuffers.Builder, inputNamesOffset:flatbuffers.Offset) {
  builder.addFieldOffset(1, inputNamesOffset, 0);
}

static createInputNamesVector(builder:flatbuffers.Builder, data:flatbuffers.Offset[]):flatbuffers.Offset {
  builder.startVector(4, data.length, 4);
  for (let i = data.length - 1; i >= 0; i--) {
    builder.addOffset(data[i]!);
  }
  return builder.endVector();
}

static startInputNamesVector(builder:flatbuffers.Builder, numElems:number) {
  builder.startVector(4, numElems, 4);
}

static addInputTensors(builder:flatbuffers.Builder, inputTensorsOffset:flatbuffers.Offset) {
  builder.addFieldOffset(2, inputTensorsOffset, 0);
}

static createInputTensorsVector(builder:flatbuffers.Builder, data:flatbuffers.Offset[]):flatbuffers.Offset {
  builder.startVector(4, data.length, 4);
  for (let i = data.length - 1; i >= 0; i--) {
    builder.addOffset(data[i]!);
  }
  return builder.endVector();
}

static startInputTensorsVector(builder:flatbuffers.Builder, numElems:number) {
  builder.startVector(4, numElems, 4);
}

static addOutputNames(builder:flatbuffers.Builder, outputNamesOffset:flatbuffers.Offset) {
  builder.addFieldOffset(3, outputNamesOffset, 0);
}

static createOutputNamesVector(builder:flatbuffers.Builder, data:flatbuffers.Offset[]):flatbuffers.Offset {
  builder.startVector(4, data.length, 4);
  for (let i = data.length - 1; i >= 0; i--) {
    builder.addOffset(data[i]!);
  }
  return builder.endVector();
}

static startOutputNamesVector(builder:flatbuffers.Builder, numElems:number) {
  builder.startVector(4, numElems, 4);
}

static endInferRequest(builder:flatbuffers.Builder):flatbuffers.Offset {
  const offset = builder.endObject();
  return offset;
}

static createInferRequest(builder:flatbuffers.Builder, configOffset:flatbuffers.Offset, inputNamesOffset:flatbuffers.Offset, inputTensorsOffset:flatbuffers.Offset, outputNamesOffset:flatbuffers.Offset):flatbuffers.Offset {
  InferRequest.startInferRequest(builder);
  InferRequest.addConfig(builder, configOffset);
  InferRequest.addInputNames(builder, inputNamesOffset);
  InferRequest.addInputTensors(builder, inputTensorsOffset);
  InferRequest.addOutputNames(builder, outputNamesOffset);
  return InferRequest.endInferRequest(builder);
}
}
