/** What can be told of a shared library before it is opened: the linker's own words mislead, or it ends the process. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { toServingError } from '../errors.js';

/** Of a 64-bit ELF file: where its header has what, in bytes (System V ABI, chapter 4 and 5). */
const MAGIC = 0x7f454c46;
const HEADER_BYTES = 64;
const MACHINE = 18;
const SEGMENTS_OFFSET = 32;
const SEGMENT_BYTES = 54;
const SEGMENT_COUNT = 56;
/** Of an entry of its table of segments, which has so many bytes. */
const ENTRY_BYTES = 56;
const OFFSET = 8;
const FILE_BYTES = 32;

/** ELFCLASS64, little-endian. */
const CLASS_AND_ORDER = 0x0201;
const MACHINES: Readonly<Partial<Record<NodeJS.Architecture, number>>> = { x64: 62, arm64: 183 };

/** What is wrong with a library for Linux, as the end of a sentence; undefined if nothing is that can be seen from outside. */
export function findFault(path: string): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // a pipe nobody writes to would block
    try {
      return faultOf(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return toServingError(error).message;
  }
}

function faultOf(file: number): string | undefined {
  const stat = fstatSync(file);
  if (!stat.isFile()) return 'it is no file';
  const header = read(file, 0, HEADER_BYTES);
  if (header.length < HEADER_BYTES || header.readUInt32BE(0) !== MAGIC) return 'it is no shared library';
  if (header.readUInt16BE(4) !== CLASS_AND_ORDER || header.readUInt16LE(MACHINE) !== MACHINES[process.arch])
    return `it was built for another machine than this one (${process.arch})`;
  if (header.readUInt16LE(SEGMENT_BYTES) !== ENTRY_BYTES) return 'it is no shared library';
  if (stat.size < endOfSegments(file, header)) return `it is cut short, at ${stat.size} bytes`;
  return undefined;
}

/** How long the file must be: the linker maps its segments, and what lies behind the file's end ends the process. */
function endOfSegments(file: number, header: Buffer): number {
  const start = Number(header.readBigUInt64LE(SEGMENTS_OFFSET));
  const tableBytes = ENTRY_BYTES * header.readUInt16LE(SEGMENT_COUNT);
  const table = read(file, start, tableBytes);
  let end = start + tableBytes;
  for (let at = 0; at + ENTRY_BYTES <= table.length; at += ENTRY_BYTES)
    end = Math.max(end, Number(table.readBigUInt64LE(at + OFFSET) + table.readBigUInt64LE(at + FILE_BYTES)));
  return end;
}

function read(file: number, position: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  return buffer.subarray(0, readSync(file, buffer, 0, bytes, position));
}
