/**
 * Delivery of finished requests on this thread: reads the mailbox that the addon fills (layout: native/completion_port.h)
 * and settles the promise of each request. One instance per process is enough; it is made on first use.
 */
import { Code, ServingError, toServingError } from '../errors.js';
import type { FinishedRun } from '../metrics/metrics.js';
import { binding, type LaneId, type SignatureId } from '../native/binding.js';
import type { DataType } from '../tensor/dtype.js';

const MAILBOX_WORDS = 64 * 1024;
const HEADER_WORDS = 12;
const OUTPUT_WORDS = 4;
/** Copies up to this many bytes go byte by byte: a subarray and a set() cost more. */
const FEW_BYTES = 32;

/** How often requests are looked at for deadlines that have passed, ms: the precision of deadlines while a run goes on. */
const SWEEP_MILLIS = 20;
const DEADLINE_PASSED = 'The deadline passed before the model had answered.';

/** The outputs of one finished request; valid only while its encode function runs. */
export class MailboxOutputs {
  readonly #words: Float64Array;
  readonly #bytes: Uint8Array;
  #record = 0;
  #start = 0;
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
    this.#start = word;
    this.#count = this.#word(word + 11);
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

  /** How long the request waited for a worker, µs. */
  get queueMicros(): number {
    return this.#word(this.#start + 3);
  }

  /** How long its run took, µs; requests that share a run have the same. */
  get runMicros(): number {
    return this.#word(this.#start + 4);
  }

  /** The signature that ran; for JSON the addon finds it. */
  get signature(): SignatureId {
    return this.#word(this.#start + 5) as SignatureId;
  }

  /** How long decoding took on a worker, µs; requests that share a run have the same, that of all of them. */
  get decodeMicros(): number {
    return this.#word(this.#start + 6);
  }

  /** How long it took to format the outputs; as decodeMicros. */
  get formatMicros(): number {
    return this.#word(this.#start + 7);
  }

  /** The first dimension of the inputs; 1 where they share none. */
  get rows(): number {
    return this.#word(this.#start + 8);
  }

  /** Bytes of all outputs, in the form that was asked for. */
  get totalBytes(): number {
    let total = 0;
    for (let i = 0; i < this.#count; i++) total += this.#word((this.#at[i] as number) + 2);
    return total;
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
    if (start < 0) binding.copyOutput(this.#record, index, target, offset);
    else this.#copyInline(start, this.byteLength(index), target, offset);
  }

  #copyInline(start: number, length: number, target: Uint8Array, offset: number): void {
    if (!(offset >= 0) || offset + length > target.length)
      throw new RangeError(`${length} bytes do not fit at ${offset} of ${target.length}`);
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

/** A request that has been submitted, or is about to be. */
export interface Pending {
  readonly lane: LaneId;
  /** Milliseconds since the epoch; Infinity for none. */
  readonly deadlineMillis: number;
  /** Called with the outputs, synchronously; what it throws goes to onError. */
  onOutputs(outputs: MailboxOutputs): void;
  /** `signature`: the one that the request is for, if the addon has found it. */
  onError(error: ServingError, signature?: SignatureId): void;
  /** Called before them for the first one of those requests that shared a run, also if it has been given up by then. */
  onRun(run: FinishedRun, signature: SignatureId): void;
}

export interface Submitted {
  /**
   * Gives up on the request with an error, if it is not done yet: its run does not begin if it has not, else its answer is
   * dropped.
   */
  giveUp(error: ServingError): void;
}

class Slot implements Submitted {
  readonly pending: Pending;
  /** Nobody waits any more; the slot is freed when the addon is done with the request. */
  abandoned = false;
  /** Whether the addon is done with it. */
  released = false;
  readonly #id: number;

  constructor(id: number, pending: Pending) {
    this.#id = id;
    this.pending = pending;
  }

  giveUp(error: ServingError): void {
    if (this.released || this.abandoned) return;
    this.abandoned = true;
    binding.cancel(this.pending.lane, this.#id);
    this.pending.onError(error);
  }
}

class Completions {
  readonly #mailbox = new Float64Array(MAILBOX_WORDS);
  readonly #outputs = new MailboxOutputs(this.#mailbox);
  /** By request number. A number is not given again before the addon is done with the request that had it. */
  readonly #slots: (Slot | undefined)[] = [];
  readonly #free: number[] = [];
  #sweeper: NodeJS.Timeout | undefined;
  #withDeadline = 0;

  constructor() {
    binding.attach(this.#mailbox, (records) => this.#deliver(records));
  }

  /**
   * Gives the request a number and submits it by `submit`, whose errors are thrown on as ServingErrors. Exactly one of the
   * two callbacks is called later.
   */
  submit(pending: Pending, submit: (id: number) => void): Submitted {
    const id = this.#free.pop() ?? this.#slots.length;
    const slot = new Slot(id, pending);
    this.#slots[id] = slot;
    if (pending.deadlineMillis !== Number.POSITIVE_INFINITY) this.#watchDeadlines();
    try {
      submit(id);
    } catch (error) {
      this.#release(id, slot);
      throw toServingError(error);
    }
    return slot;
  }

  /** Gives up on requests that a run will not answer. */
  giveUp(ids: readonly number[], error: ServingError): void {
    for (const id of ids) this.#slots[id]?.giveUp(error);
  }

  #release(id: number, slot: Slot): void {
    slot.released = true;
    this.#slots[id] = undefined;
    this.#free.push(id);
    if (slot.pending.deadlineMillis !== Number.POSITIVE_INFINITY) this.#withDeadline--;
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
    const slot = this.#slots[id];
    if (slot === undefined) return;
    this.#release(id, slot);
    if ((this.#mailbox[word + 9] as number) > 0)
      slot.pending.onRun(this.#run(word), this.#mailbox[word + 5] as SignatureId);
    if (slot.abandoned) return;
    const code = this.#mailbox[word + 2] as Code;
    if (code === Code.OK) this.#encode(record, word, slot.pending);
    else slot.pending.onError(this.#error(code, word), this.#mailbox[word + 5] as SignatureId);
  }

  #encode(record: number, word: number, pending: Pending): void {
    this.#outputs.reset(record, word);
    try {
      pending.onOutputs(this.#outputs);
    } catch (error) {
      pending.onError(toServingError(error), this.#outputs.signature);
    } finally {
      this.#outputs.expire();
    }
  }

  #run(word: number): FinishedRun {
    return {
      runMicros: this.#mailbox[word + 4] as number,
      decodeMicros: this.#mailbox[word + 6] as number,
      formatMicros: this.#mailbox[word + 7] as number,
      runs: this.#mailbox[word + 9] as number,
      rows: this.#mailbox[word + 10] as number,
    };
  }

  #error(code: Code, word: number): ServingError {
    const retryMicros = this.#mailbox[word + 8] as number;
    const retryMillis = retryMicros > 0 ? retryMicros / 1000 : undefined;
    return new ServingError(code, this.#message(word), { retryMillis });
  }

  #message(word: number): string {
    const length = this.#mailbox[word + 11] as number;
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
    for (const slot of this.#slots) {
      if (slot === undefined || slot.abandoned || slot.pending.deadlineMillis > now) continue;
      slot.giveUp(new ServingError(Code.DEADLINE_EXCEEDED, DEADLINE_PASSED));
    }
  }
}

let instance: Completions | undefined;

/** The delivery of this thread, attached to the addon on first use. */
export function completions(): Completions {
  instance ??= new Completions();
  return instance;
}
