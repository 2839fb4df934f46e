/** The TFRecord files of one request log: begun anew when one is full, and never left with half a record at the end. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

export interface RequestLogFileOptions {
  /** Folder and beginning of the files' names. */
  readonly prefix: string;
  /** A file that has reached this length is closed and the next one begun. */
  readonly maxFileBytes: number;
  /** Makes a file and opens it for writing; fails with EEXIST if it is there. For tests. */
  readonly create?: (path: string) => number;
}

export class RequestLogFile {
  readonly #options: RequestLogFileOptions;
  #file: number | undefined;
  #length = 0;
  #number = 0;

  constructor(options: RequestLogFileOptions) {
    this.#options = options;
  }

  /** Appends a record, whole or not at all. Throws the file system's error. */
  append(record: Uint8Array): void {
    this.#file ??= this.#openNext();
    try {
      let written = 0;
      while (written < record.length) written += writeSync(this.#file, record, written);
    } catch (error) {
      this.#cutBack(this.#file);
      throw error;
    }
    this.#length += record.length;
    if (this.#length >= this.#options.maxFileBytes) this.close();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  /** `<prefix>-20260131T120000Z-0001.tfrecord`; what is there already is never written to. */
  #openNext(): number {
    const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const { prefix, create = (path) => openSync(path, 'wx') } = this.#options;
    for (;;) {
      this.#number += 1;
      const path = `${prefix}-${time}-${String(this.#number).padStart(4, '0')}.tfrecord`;
      try {
        const file = create(path);
        this.#length = 0;
        return file;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** After a write that failed: the next record begins a new file. */
  #cutBack(file: number): void {
    try {
      ftruncateSync(file, this.#length);
      this.close();
    } catch {
      this.#file = undefined; // the error that led here is the one to tell
    }
  }
}
