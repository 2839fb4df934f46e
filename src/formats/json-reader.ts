/**
 * A pull scanner over the bytes of a JSON text: no tree, no recursion. For what is read on the event loop; tensors are
 * parsed natively (native/codec/json_reader.h), by the same rules: RFC 8259 with NaN, Inf and Infinity as numbers, a byte
 * order mark in front, any bytes within strings, and text behind the document that nobody looks at.
 */
import { invalidArgument } from '../errors.js';

/** What begins with a byte. */
export type JsonKind = 'Object' | 'Array' | 'String' | 'Number' | 'True' | 'False' | 'Null';

export interface JsonNumber {
  /** Neither point nor exponent, and no token such as NaN. */
  readonly isInteger: boolean;
  /** As it stands in the text. */
  readonly text: string;
}

const CODE = (character: string): number => character.charCodeAt(0);
const QUOTE = CODE('"');
const BACKSLASH = CODE('\\');
const OPEN_OBJECT = CODE('{');
const CLOSE_OBJECT = CODE('}');
const OPEN_ARRAY = CODE('[');
const CLOSE_ARRAY = CODE(']');
const COMMA = CODE(',');
const COLON = CODE(':');
const MINUS = CODE('-');
const PLUS = CODE('+');
const POINT = CODE('.');
const ZERO = CODE('0');
const NINE = CODE('9');
const SMALL_E = CODE('e');
const SMALL_U = CODE('u');
const BLANKS: readonly boolean[] = Array.from({ length: 256 }, (_, byte) =>
  ' \n\t\r'.includes(String.fromCharCode(byte)),
);

const KINDS: (JsonKind | undefined)[] = [];
for (const digit of '-0123456789NI') KINDS[CODE(digit)] = 'Number';
KINDS[QUOTE] = 'String';
KINDS[OPEN_OBJECT] = 'Object';
KINDS[OPEN_ARRAY] = 'Array';
KINDS[CODE('t')] = 'True';
KINDS[CODE('f')] = 'False';
KINDS[CODE('n')] = 'Null';

const ESCAPES = new Map([...'"\\/bfnrt'].map((name, index) => [CODE(name), CODE('"\\/\b\f\n\r\t'[index] as string)]));

/** A pause() is offered after so many bytes: about half a millisecond's work. */
export const PAUSE_BYTES = 64 * 1024;

/** Methods throw INVALID_ARGUMENT, with the place, where the text is malformed. */
export class JsonReader {
  readonly bytes: Buffer;
  pos = 0;
  #pausedAt = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) this.pos = 3;
  }

  /** The next byte that is no blank, which stays unread; -1 at the end. */
  peek(): number {
    const { bytes } = this;
    while (this.pos < bytes.length && BLANKS[bytes[this.pos] as number]) this.pos++;
    return bytes[this.pos] ?? -1;
  }

  /** Reads the byte if it comes next, behind blanks. */
  #take(byte: number): boolean {
    if (this.peek() !== byte) return false;
    this.pos++;
    return true;
  }

  /** What comes next, by its first byte. */
  kind(): JsonKind {
    return KINDS[this.peek()] ?? this.fail('a value');
  }

  /** Whether enough has been read since the last pause, or since a step back, for others to have a turn. */
  get pauseDue(): boolean {
    const read = this.pos - this.#pausedAt;
    if (read >= 0 && read < PAUSE_BYTES) return false;
    this.#pausedAt = this.pos;
    return true;
  }

  /** Reads the bracket that opens a list; false if it is closed at once. */
  openList(): boolean {
    if (!this.#take(OPEN_ARRAY)) this.fail("'['");
    return !this.#take(CLOSE_ARRAY);
  }

  /** Behind an item: reads what comes next; false if that is the list's end. */
  nextItem(): boolean {
    if (this.#take(COMMA)) return true;
    return this.#take(CLOSE_ARRAY) ? false : this.fail("',' or ']'");
  }

  /** Reads the bracket that opens an object; false if it is closed at once. Else a key() comes. */
  openObject(): boolean {
    if (!this.#take(OPEN_OBJECT)) this.fail("'{'");
    return !this.#take(CLOSE_OBJECT);
  }

  /** A member's name, and the colon. */
  key(): Buffer {
    const name = this.string();
    if (!this.#take(COLON)) this.fail("':'");
    return name;
  }

  /** Behind a member: reads what comes next; false if that is the object's end. Else a key() comes. */
  nextMember(): boolean {
    if (this.#take(COMMA)) return true;
    return this.#take(CLOSE_OBJECT) ? false : this.fail("',' or '}'");
  }

  /** The bytes of a string: a part of the text, or a copy if there are escapes. */
  string(): Buffer {
    if (!this.#take(QUOTE)) this.fail('a string');
    const start = this.pos;
    this.#findSpecial();
    if (this.bytes[this.pos] === QUOTE) return this.bytes.subarray(start, this.pos++);
    return this.#unescape(start);
  }

  /** A number, or one of the tokens NaN, Inf and Infinity, with its sign. */
  number(): JsonNumber {
    this.peek();
    const { bytes } = this;
    const start = this.pos;
    if (bytes[this.pos] === MINUS) this.pos++;
    const isToken = this.#word('NaN') || this.#word('Infinity') || this.#word('Inf');
    const isInteger = !isToken && this.#decimal();
    return { isInteger, text: bytes.toString('latin1', start, this.pos) };
  }

  /** true, false or null. */
  literal(): void {
    this.peek();
    if (!this.#word('true') && !this.#word('false') && !this.#word('null')) this.fail('a number or a literal');
  }

  /** Reads any value, checking its syntax, however deep it is. Pauses where that is due. */
  *skip(): Generator<void, void, void> {
    const open: boolean[] = []; // the open brackets, the innermost last; true: an object's
    do {
      if (this.pauseDue) yield;
      const kind = this.kind();
      if (kind !== 'Object' && kind !== 'Array') this.#scalar(kind);
      else if (kind === 'Object' ? this.openObject() : this.openList()) {
        open.push(kind === 'Object');
        if (kind === 'Object') this.key();
        continue;
      }
      this.#closeBrackets(open);
    } while (open.length > 0);
  }

  /** Throws: the text is malformed here; `expected` as in "a value". */
  fail(expected: string): never {
    const byte = this.peek();
    const found = byte < 0 ? 'the text ends there.' : `${byteName(byte)} stands there.`;
    throw invalidArgument(`The body is not valid JSON: ${expected} is expected at byte ${this.pos}, but ${found}`);
  }

  #scalar(kind: JsonKind): void {
    if (kind === 'String') this.string();
    else if (kind === 'Number') this.number();
    else this.literal();
  }

  /** Behind a value: reads closing brackets, and what stands between two values. */
  #closeBrackets(open: boolean[]): void {
    while (open.length > 0) {
      const isObject = open[open.length - 1] as boolean;
      if (isObject ? this.nextMember() : this.nextItem()) {
        if (isObject) this.key();
        return;
      }
      open.pop();
    }
  }

  #word(word: string): boolean {
    if (this.bytes[this.pos] !== word.charCodeAt(0)) return false;
    if (this.bytes.toString('latin1', this.pos, this.pos + word.length) !== word) return false;
    this.pos += word.length;
    return true;
  }

  /** Digits, point and exponent behind the sign; whether there is neither point nor exponent. */
  #decimal(): boolean {
    const { bytes } = this;
    const leadingZero = bytes[this.pos] === ZERO;
    const whole = this.#digits();
    if (whole === 0 || (leadingZero && whole > 1)) this.fail('a number or a literal');
    let isInteger = true;
    if (bytes[this.pos] === POINT) {
      this.pos++;
      isInteger = false;
      if (this.#digits() === 0) this.fail('a digit');
    }
    if (((bytes[this.pos] ?? 0) | 0x20) === SMALL_E) {
      this.pos++;
      isInteger = false;
      if (bytes[this.pos] === MINUS || bytes[this.pos] === PLUS) this.pos++;
      if (this.#digits() === 0) this.fail('a digit');
    }
    return isInteger;
  }

  #digits(): number {
    const start = this.pos;
    for (let byte = this.bytes[start] as number; byte >= ZERO && byte <= NINE; byte = this.bytes[this.pos] as number) {
      this.pos++;
    }
    return this.pos - start;
  }

  /** Goes to the next quotation mark, backslash or control character, or to the end. */
  #findSpecial(): void {
    const { bytes } = this;
    const end = bytes.length;
    let at = this.pos;
    for (; at < end; at++) {
      const byte = bytes[at] as number;
      if (byte === QUOTE || byte === BACKSLASH || byte < 0x20) break;
    }
    this.pos = at;
  }

  /** The rest of a string that began at `start`, from its first escape on, with the quotation mark at its end. */
  #unescape(start: number): Buffer {
    const { bytes } = this;
    const target = Buffer.allocUnsafe(this.#closingQuote() - start); // an escape is longer than what it stands for
    let at = bytes.copy(target, 0, start, this.pos);
    while (this.pos < bytes.length) {
      const byte = bytes[this.pos] as number;
      if (byte === QUOTE) {
        this.pos++;
        return target.subarray(0, at);
      }
      if (byte !== BACKSLASH) this.fail('a string without control characters');
      this.pos++;
      at = this.#escape(target, at);
      const plain = this.pos;
      this.#findSpecial();
      at += bytes.copy(target, at, plain, this.pos);
    }
    return this.fail("the string's closing quotation mark");
  }

  /** Where the string ends that the cursor is in; the end of the text if it does not. */
  #closingQuote(): number {
    const { bytes } = this;
    let at = this.pos;
    while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
    return Math.min(at, bytes.length);
  }

  /** Writes what the escape behind a backslash stands for; returns where the next byte goes. */
  #escape(target: Buffer, at: number): number {
    const byte = this.bytes[this.pos] as number;
    const meaning = ESCAPES.get(byte);
    if (meaning === undefined && byte !== SMALL_U) this.fail('an escape character');
    this.pos++;
    if (meaning === undefined) return at + target.write(String.fromCodePoint(this.#codePoint()), at);
    target[at] = meaning;
    return at + 1;
  }

  #codePoint(): number {
    const high = this.#codeUnit();
    if (high < 0xd800 || high > 0xdfff) return high;
    const paired = high < 0xdc00 && this.bytes[this.pos] === BACKSLASH && this.bytes[this.pos + 1] === SMALL_U;
    if (!paired) this.fail('a surrogate pair');
    this.pos += 2;
    const low = this.#codeUnit();
    if (low < 0xdc00 || low > 0xdfff) this.fail('a surrogate pair');
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
  }

  #codeUnit(): number {
    const digits = this.bytes.toString('latin1', this.pos, this.pos + 4);
    if (!/^[0-9a-f]{4}$/i.test(digits)) this.fail('a hexadecimal digit');
    this.pos += 4;
    return Number.parseInt(digits, 16);
  }
}

/** A byte for a message: it may be a part of a character, or none that can be shown. */
function byteName(byte: number): string {
  if (byte >= 0x20 && byte < 0x7f) return `"${String.fromCharCode(byte)}"`;
  return `0x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}

/** Runs what pauses to its end, without the pauses. */
export function withoutPauses<T>(steps: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/**
 * The string that the first member of this name holds in the object that the text is. Empty if there is none, it is no
 * string, or the text is malformed before its end: for those who parse the text again and say so.
 */
export function readStringMember(text: Uint8Array, name: string): string {
  const reader = new JsonReader(text);
  try {
    let more = reader.openObject();
    while (more) {
      const isWanted = reader.key().toString() === name;
      if (isWanted) return reader.kind() === 'String' ? reader.string().toString() : '';
      withoutPauses(reader.skip());
      more = reader.nextMember();
    }
  } catch {
    // Malformed.
  }
  return '';
}
