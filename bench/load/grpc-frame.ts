/** Before each gRPC message: whether it is compressed, and its length. */
export const FRAME_HEADER_BYTES = 5;

/** An uncompressed message as it goes over the wire. */
export function frame(message: Uint8Array): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([header, message]);
}
