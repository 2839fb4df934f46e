/**
 * Delivery of finished requests on this thread: reads the mailbox that the addon fills (layout: native/completion_port.h)
 * and settles the promise of each request. One instance per process is enough; it is made on first use.
 */
import { Code, ServingError, toServingError } from '../errors.js';
import { binding, type QueueId } from '../native/binding.js';
import type { DataType } from '../tensor/dtype.js';

const MAILBOX_WORDS = 64 * 1024;
const HEADER_WORDS = 6;
const OUTPUT_WORDS = 4;
/** Copies up to this many bytes go byte by byte: a subarray and a set() cost more. */
const FEW_BYTES = 32;

/** How often requests are looked at for deadlines that have passed, ms: the precision of deadlines while a run goes on. */
const SWEEP_MILLIS = 20;

/** The outputs of one finished request; valid only while its encode function runs. */
export class MailboxOutputs {
  readonly #words: Float64Array;
  readonly #bytes: Uint8Array;
  #record = 0;
  #count = 0;
  /** Word where each output's description begins. */
  readonly #at: number[] = [];

  constructor(words: Float64Array) {
    this.#words = words;
    this.#bytes = new Uint8Array(words.buffer);
  }

  /** Points at the record that begins at `word`; `record` is its place in the mailbox. */
  reset(record: number, word: number): void {
    this.#record = record;
    this.#count = this.#word(word + 5);
    let at = word + HEADER_WORDS;
    for (let i = 0; i < this.#count; i++) {
      this.#at[i] = at;
      const inlineBytes = this.#word(at + 3) < 0 ? 0 : this.#word(at + 2);
      at += OUTPUT_WORDS + this.#word(at + 1) + Math.ceil(inlineBytes / 8);
    }
  }

  /** Ends the loan: later reads throw. */
  expire(): void {
    this.#count = 0;
  }

  get count(): number {
    return this.#count;
  }

  dtype(index: number): DataType {
    return this.#word(this.#output(index)) as DataType;
  }

  rank(index: number): number {
    return this.#word(this.#output(index) + 1);
  }

  dim(index: number, axis: number): number {
    return this.#word(this.#output(index) + OUTPUT_WORDS + axis);
  }

  byteLength(index: number): number {
    return this.#word(this.#output(index) + 2);
  }

  copyTo(index: number, target: Uint8Array, offset: number): void {
    const start = this.#word(this.#output(index) + 3);
    if (start < 0) return binding.copyOutput(this.#record, index, target, offset);
    const length = this.byteLength(index);
    if (offset + length > target.length) throw new RangeError(`${length} bytes do not fit at ${offset} of ${target.length}`);
    if (length > FEW_BYTES) target.set(this.#bytes.subarray(start, start + length), offset);
    else for (let i = 0; i < length; i++) target[offset + i] = this.#bytes[start + i] as number;
  }

  #output(index: number): number {
    if (index >= this.#count) throw new RangeError('Outputs are valid only while the encode function runs.');
    return this.#at[index] as number;
  }

  #word(at: number): number {
    return this.#words[at] as number;
  }
}

interface Pending {
  /** Called with the outputs, synchronously; what it throws rejects the request. */
  readonly onOutputs: (outputs: MailboxOutputs) => void;
  readonly onError: (error: ServingError) => void;
  readonly queue: QueueId;
  readonly deadlineMillis: number;
  /** Nobody waits any more; the slot is freed when the addon is done with the request. */
  abandoned: boolean;
}

class Completions {
  readonly #mailbox = new Float64Array(MAILBOX_WORDS);
  readonly #outputs = new MailboxOutputs(this.#mailbox);
  readonly #pending: (Pending | undefined)[] = [];
  readonly #free: number[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #withDeadline = 0;

  constructor() {
    binding.attach(this.#mailbox, (records) => this.#deliver(records));
  }

  /** Takes a number for a request that is about to be submitted. If the submission throws, call forget(). */
  expect(pending: Pending): number {
    const id = this.#free.pop() ?? this.#pending.length;
    this.#pending[id] = pending;
    if (pending.deadlineMillis !== Number.POSITIVE_INFINITY) this.#watchDeadlines();
    return id;
  }

  forget(id: number): void {
    const pending = this.#pending[id];
    if (pending === undefined) return;
    this.#pending[id] = undefined;
    this.#free.push(id);
    if (pending.deadlineMillis !== Number.POSITIVE_INFINITY) this.#withDeadline--;
  }

  /** Rejects the request now; its answer will be dropped, and its run does not begin if it has not yet. */
  abandon(id: number, error: ServingError): void {
    const pending = this.#pending[id];
    if (pending === undefined || pending.abandoned) return;
    pending.abandoned = true;
    binding.cancel(pending.queue, id);
    pending.onError(error);
  }

  #deliver(records: number): void {
    let word = 0;
    for (let record = 0; record < records; record++) {
      this.#settle(record, word);
      word += this.#mailbox[word] as number;
    }
  }

  #settle(record: number, word: number): void {
    const id = this.#mailbox[word + 1] as number;
    const code = this.#mailbox[word + 2] as Code;
    const pending = this.#pending[id];
    this.forget(id);
    if (pending === undefined || pending.abandoned) return;
    if (code !== Code.OK) return pending.onError(new ServingError(code, this.#message(word)));
    this.#outputs.reset(record, word);
    try {
      pending.onOutputs(this.#outputs);
    } catch (error) {
      pending.onError(toServingError(error));
    } finally {
      this.#outputs.expire();
    }
  }

  #message(word: number): string {
    const length = this.#mailbox[word + 5] as number;
    return Buffer.from(this.#mailbox.buffer, (word + HEADER_WORDS) * 8, length).toString('utf8');
  }

  #watchDeadlines(): void {
    this.#withDeadline++;
    if (this.#sweeper !== undefined) return;
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MILLIS);
    this.#sweeper.unref();
  }

  #sweep(): void {
    if (this.#withDeadline === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    const now = Date.now();
    for (const [id, pending] of this.#pending.entries()) {
      if (pending === undefined || pending.abandoned || pending.deadlineMillis > now) continue;
      this.abandon(id, new ServingError(Code.DEADLINE_EXCEEDED, 'The deadline passed before the model had answered.'));
    }
  }
}

let instance: Completions | undefined;

/** The delivery of this thread, attached to the addon on first use. */
export function completions(): Completions {
  instance ??= new Completions();
  return instance;
}
