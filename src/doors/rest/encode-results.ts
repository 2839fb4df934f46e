/** Replies of :classify and :regress, in the layout of TensorFlow Serving's json_tensor.cc. */
import { Code, ServingError } from '../../errors.js';
import type { Classification, Regression } from '../../tensor/inference.js';
import { floatText } from './float-text.js';

const HEAD = '{\n    "results": [';

/** `{"results": [[["label", score], …], …]}`: an empty label or a score of 0.0 stands for one that there is none of. */
export function encodeClassifyReply({ exampleCount, classCount, labels, scores }: Classification): Buffer {
  const pieces: (string | Uint8Array)[] = [HEAD];
  let text = '';
  const flush = () => {
    pieces.push(text);
    text = '';
  };
  for (let example = 0; example < exampleCount; example++) {
    text += example === 0 ? '[' : ', [';
    for (let c = 0; c < classCount; c++) {
      const index = example * classCount + c;
      const label = labels?.[index];
      text += c === 0 ? '["' : ', ["';
      if (label !== undefined && label.length > 0) {
        flush();
        pieces.push(escapeString(label));
      }
      text += `", ${floatText(scores?.[index] ?? 0)}]`;
    }
    text += ']';
  }
  flush();
  pieces.push('\n    ]\n}');
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece)));
}

/** `{"results": [value, …]}`, all on one line. */
export function encodeRegressReply({ values }: Regression): Buffer {
  if (values.length === 0)
    throw new ServingError(Code.INVALID_ARGUMENT, 'Cannot convert empty RegressionResults to JSON');
  return Buffer.from(`${HEAD}${Array.from(values, floatText).join(', ')}]\n}`);
}

/** Characters of JSON's own, and control characters. */
const NEEDS_ESCAPE = /["\\]|[^ -\u00ff]/g;
const NAMED_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** What stands between the quotation marks; bytes beyond ASCII as they are, UTF-8 or not. */
function escapeString(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const escaped = text.replace(
    NEEDS_ESCAPE,
    (character) =>
      NAMED_ESCAPES[character] ?? `\\u00${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return escaped === text ? bytes : Buffer.from(escaped, 'latin1');
}
