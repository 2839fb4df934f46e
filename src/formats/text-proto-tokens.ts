/**
 * The words of protobuf's text format (protobuf.dev, "Text Format Language Specification"), cut as protobuf's own C++
 * tokenizer does, so that places in errors agree with those that TensorFlow Serving prints.
 */

export type TokenKind = 'identifier' | 'integer' | 'float' | 'string' | 'symbol' | 'end';

/** `text` is as written, quotes and escapes included; a character stands for a byte of UTF-8. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in bytes; a tab leads to the next column after a multiple of eight. */
  readonly column: number;
}

/** Where and why the text cannot be read; text-proto.ts makes a ServingError of it. */
export class TextProtoError extends Error {
  readonly line: number;
  readonly column: number;

  constructor({ line, column }: { readonly line: number; readonly column: number }, message: string) {
    super(message);
    this.line = line;
    this.column = column;
  }
}

const TAB_WIDTH = 8;
const BLANK = /[ \t\r\n\v\f]+/y;
const COMMENT = /#[^\n]*/y;
const REST_OF_LINE = /[^\n]*/y;
/** In this order: a float is a number with a point, an exponent or an f behind it. */
const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ['identifier', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['float', /(?:\d+\.\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)[fF]?|\d+[fF](?![A-Za-z0-9_])/y],
  ['integer', /0[xX][0-9a-fA-F]+|\d+/y],
];
const AFTER_NUMBER = /[A-Za-z0-9_.]/;

/** A cursor over the text: `current` is the word to be read next. Throws TextProtoError from the constructor and next(). */
export class Tokenizer {
  current: Token;
  readonly #text: string;
  #pos = 0;
  #line = 1;
  #column = 1;

  constructor(text: string) {
    this.#text = Buffer.from(text, 'utf8').toString('latin1');
    this.current = this.#read();
  }

  /** Steps to the next word. */
  next(): void {
    this.current = this.#read();
  }

  #read(): Token {
    while (this.#take(BLANK) !== '' || this.#take(COMMENT) !== '');
    const place = { line: this.#line, column: this.#column };
    const first = this.#text[this.#pos];
    if (first === undefined) return { kind: 'end', text: '', ...place };
    if (first === '"' || first === "'") return { kind: 'string', text: this.#readString(first), ...place };
    for (const [kind, pattern] of PATTERNS) {
      const text = this.#take(pattern);
      if (text !== '') return { kind, text: this.#checked(kind, text), ...place };
    }
    this.#checkPrintable(first, place);
    this.#advance(first);
    return { kind: 'symbol', text: first, ...place };
  }

  #checked(kind: TokenKind, text: string): string {
    const after = this.#text[this.#pos];
    if (kind === 'identifier' || after === undefined || !AFTER_NUMBER.test(after)) return text;
    const place = { line: this.#line, column: this.#column };
    if (after === '.')
      throw new TextProtoError(place, "Already saw decimal point or exponent; can't have another one.");
    throw new TextProtoError(place, 'Need space between number and identifier.');
  }

  /** Scanned by hand: a long string would overflow the stack of a regular expression. */
  #readString(quote: string): string {
    let end = this.#pos + 1;
    for (; end < this.#text.length; end++) {
      const character = this.#text[end];
      if (character === '\n') break;
      if (character === '\\') end++;
      else if (character === quote) return this.#takeTo(end + 1);
    }
    // Not closed: the culprit is where its line, or the text, ends.
    this.#take(REST_OF_LINE);
    const place = { line: this.#line, column: this.#column };
    if (this.#pos < this.#text.length) throw new TextProtoError(place, 'String literals cannot cross line boundaries.');
    throw new TextProtoError(place, 'Unexpected end of string.');
  }

  #takeTo(end: number): string {
    const text = this.#text.slice(this.#pos, end);
    this.#advance(text);
    return text;
  }

  #checkPrintable(character: string, place: { line: number; column: number }): void {
    const code = character.charCodeAt(0);
    if (code < 0x20) throw new TextProtoError(place, 'Invalid control characters encountered in text.');
    if (code >= 0x80) throw new TextProtoError(place, `Interpreting non ascii codepoint ${code}.`);
  }

  /** Passes over what the pattern matches here, which may be nothing. */
  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#pos;
    const text = pattern.exec(this.#text)?.[0] ?? '';
    this.#advance(text);
    return text;
  }

  #advance(text: string): void {
    this.#pos += text.length;
    for (const character of text) {
      if (character === '\n') {
        this.#line++;
        this.#column = 1;
      } else if (character === '\t') {
        this.#column += TAB_WIDTH - ((this.#column - 1) % TAB_WIDTH);
      } else {
        this.#column++;
      }
    }
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '\\': 92,
  "'": 39,
  '"': 34,
  '?': 63,
};
const ESCAPE = /\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([abfnrtv\\'"?]))/y;

/** The bytes that a string word stands for. Throws TextProtoError for an escape that there is not. */
export function unescapeString(token: Token): Buffer {
  // No escape stands for more bytes than it has characters.
  const bytes = Buffer.allocUnsafe(token.text.length);
  let length = 0;
  const end = token.text.length - 1;
  for (let i = 1; i < end; ) {
    if (token.text[i] !== '\\') {
      bytes[length++] = token.text.charCodeAt(i++);
      continue;
    }
    ESCAPE.lastIndex = i;
    const match = ESCAPE.exec(token.text);
    if (match === null) throw badEscape(token, i);
    for (const byte of escapedBytes(token, match)) bytes[length++] = byte;
    i += match[0].length;
  }
  return bytes.subarray(0, length);
}

function escapedBytes(token: Token, [, octal, hex, short, long, simple]: RegExpExecArray): Iterable<number> {
  if (octal !== undefined) return [Number.parseInt(octal, 8) & 0xff];
  if (hex !== undefined) return [Number.parseInt(hex, 16)];
  if (simple !== undefined) return [SIMPLE_ESCAPES[simple] as number];
  const codePoint = Number.parseInt(short ?? long ?? '', 16);
  if (codePoint > 0x10ffff)
    throw new TextProtoError(token, 'Expected eight hex digits up to 10ffff for \\U escape sequence');
  return Buffer.from(String.fromCodePoint(codePoint), 'utf8');
}

const WANTED_DIGITS: Readonly<Record<string, string>> = {
  x: 'Expected hex digits for escape sequence.',
  X: 'Expected hex digits for escape sequence.',
  u: 'Expected four hex digits for \\u escape sequence.',
  U: 'Expected eight hex digits up to 10ffff for \\U escape sequence',
};

function badEscape({ line, column, text }: Token, at: number): TextProtoError {
  const message = WANTED_DIGITS[text[at + 1] ?? ''] ?? 'Invalid escape sequence in string literal.';
  return new TextProtoError({ line, column: column + at + 1 }, message);
}
