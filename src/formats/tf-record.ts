/** TFRecord files (tensorflow/core/lib/io/record_writer.h): records framed by their length and two checksums. */
import { type FileHandle, open } from 'node:fs/promises';
import { Code, ServingError } from '../errors.js';

const POLYNOMIAL = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;
const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;
/** What is read, and put to the checksum, in one go: about half a millisecond of the event loop. */
const CHUNK_BYTES = 128 * 1024;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli), as an unsigned number; `before` is that of the bytes that come before these. */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let crc = before ^ 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum as TFRecord stores it: a checksum of bytes that hold their own checksum would be a weak one. */
export function maskedCrc32c(bytes: Uint8Array): number {
  return mask(crc32c(bytes));
}

function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0;
}

/** One record: length (8 bytes, little-endian), its masked checksum, the data, their masked checksum. */
export function frameTfRecord(data: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(HEADER_BYTES + data.length + FOOTER_BYTES);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, HEADER_BYTES);
  record.writeUInt32LE(maskedCrc32c(data), HEADER_BYTES + data.length);
  return record;
}

/**
 * The data of a file's records, one after the other, each in memory of its own. Throws DATA_LOSS, with the file's name and
 * the record's number, for a checksum that is wrong and a record that is cut short; the file system's error as it is.
 */
export async function* readTfRecords(path: string): AsyncGenerator<Buffer, void, void> {
  const file = await open(path);
  try {
    const reader = new RecordReader(file, path, (await file.stat()).size);
    for (let data = await reader.next(); data !== undefined; data = await reader.next()) yield data;
  } finally {
    await file.close();
  }
}

class RecordReader {
  readonly #file: FileHandle;
  readonly #path: string;
  readonly #size: number;
  #pos = 0;
  #record = 0;

  constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.#size = size;
  }

  /** Undefined at the end of the file. */
  async next(): Promise<Buffer | undefined> {
    if (this.#pos >= this.#size) return undefined;
    this.#record += 1;
    const header = await this.#read(HEADER_BYTES);
    this.#check(header.readUInt32LE(8), crc32c(header.subarray(0, 8)), 'length');
    const { bytes, crc } = await this.#readWithChecksum(Number(header.readBigUInt64LE(0)));
    const footer = await this.#read(FOOTER_BYTES);
    this.#check(footer.readUInt32LE(0), crc, 'data');
    return bytes;
  }

  #check(stored: number, crc: number, what: string): void {
    if (stored === mask(crc)) return;
    throw this.#broken(`has a wrong checksum of its ${what}`);
  }

  async #read(length: number): Promise<Buffer> {
    return (await this.#readWithChecksum(length)).bytes;
  }

  /** In pieces, so that a large record does not hold up whatever else the thread does. */
  async #readWithChecksum(length: number): Promise<{ readonly bytes: Buffer; readonly crc: number }> {
    if (length > this.#size - this.#pos) throw this.#broken('is cut short');
    const bytes = Buffer.allocUnsafe(length);
    let crc = 0;
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#file.read(bytes, at, Math.min(CHUNK_BYTES, length - at), this.#pos);
      if (bytesRead === 0) throw this.#broken('is cut short');
      crc = crc32c(bytes.subarray(at, at + bytesRead), crc);
      at += bytesRead;
      this.#pos += bytesRead;
    }
    return { bytes, crc };
  }

  #broken(how: string): ServingError {
    return new ServingError(Code.DATA_LOSS, `Record ${this.#record} of ${this.#path} ${how} (at byte ${this.#pos}).`);
  }
}
