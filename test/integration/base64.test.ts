/** The native decoder of base64, at its door, against the one in TypeScript. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase64 } from '../../src/formats/base64.js';
import { checkProperty, fuzzRuns } from '../support/check-property.js';
import { withInProcessServer } from '../support/in-process-server.js';

const LIMIT = { timeout: 120_000 };
const TEXTS = fc
  .array(fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...'AQg7+/-_') }, fc.constantFrom(...'=. \n\r\t\v\f*\0é')))
  .map((characters) => characters.join(''));

/** Bytes, or the reason why there are none. */
function decodedHere(text: string): string {
  try {
    return decodeBase64(Buffer.from(text).toString('latin1')).toString('base64');
  } catch (error) {
    return (error as Error).message;
  }
}

async function decodedThere(rest: number, text: string): Promise<string> {
  const body = JSON.stringify({ inputs: [{ b64: text }] });
  const reply = await fetch(`http://127.0.0.1:${rest}/v1/models/strings:predict`, { method: 'POST', body });
  const { outputs, error } = (await reply.json()) as { outputs?: { raw_bytes: { b64: string }[] }; error?: string };
  assert.equal(reply.status, error === undefined ? 200 : 400);
  return outputs?.raw_bytes[0]?.b64 ?? String(error).replace(/^.* is not base64: (.*)\.$/, '$1');
}

describe('Base64 over REST', () => {
  it('is read as the decoder in TypeScript reads it, with the same reasons of refusal', LIMIT, (t) =>
    withInProcessServer(
      ['strings'],
      ({ rest }) =>
        checkProperty(
          t,
          fc.asyncProperty(TEXTS, async (text) => assert.equal(await decodedThere(rest, text), decodedHere(text))),
          { numRuns: fuzzRuns(500) },
        ),
      ['--log_level=error'],
    ),
  );
});
