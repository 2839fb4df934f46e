/**
 * Base64 as clients write it. By the rules of TensorFlow Serving, and of native/codec/json_base64.cc, which decodes the strings
 * of tensors on the worker.
 */

/** Searched for rather than matched: a loop over a long text would need a place to step back to for each character. */
const NO_DIGIT = /[^A-Za-z0-9+/_\-\t-\r ]/;
const NO_PADDING = /[^=.\t-\r ]/;
const BLANKS = /[\t-\r ]+/g;

/**
 * The bytes of a text in RFC 4648's standard or URL-safe alphabet, with blanks and line breaks anywhere and, at its end, as
 * much padding (`=` or `.`) as belongs there or none. Throws an Error that says why another text is not base64.
 */
export function decodeBase64(text: string): Buffer {
  const end = find(NO_DIGIT, text, 0);
  const stranger = find(NO_PADDING, text, end);
  if (stranger < text.length) throw new Error(`${nameOf(text, stranger)} stands at its place ${stranger}`);
  const digits = text.slice(0, end).replace(BLANKS, '');
  const padding = text.slice(end).replace(BLANKS, '').length;
  const odd = digits.length % 4;
  if (odd === 1) throw new Error('it ends with a single digit of a group of four');
  const expected = odd === 0 ? 0 : 4 - odd;
  if (padding !== 0 && padding !== expected)
    throw new Error(`it ends with ${padding} padding characters, not ${expected}`);
  return Buffer.from(digits, 'base64');
}

/** Where the first match from `start` on is; the text's end if there is none. */
function find(pattern: RegExp, text: string, start: number): number {
  const at = text.slice(start).search(pattern);
  return at < 0 ? text.length : start + at;
}

function nameOf(text: string, at: number): string {
  const code = text.charCodeAt(at);
  return code > 0x20 && code < 0x7f ? `'${text[at]}'` : `character ${code}`;
}
