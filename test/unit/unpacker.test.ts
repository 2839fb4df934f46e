import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { Code, invalidArgument, type ServingError } from '../../src/errors.js';
import { BodyTooLargeError, bodyTooLarge } from '../../src/ports/body-too-large.js';
import { type MemoryBudget, Unpacker, type UnpackerOptions, type UnpackOptions } from '../../src/ports/unpacker.js';

const MIB = 2 ** 20;

/** Notes the most that was ever taken. */
class CountingBudget implements MemoryBudget {
  used = 0;
  most = 0;
  readonly #limit: number;

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.#limit = limit;
  }

  reserve(bytes: number): boolean {
    if (this.used + bytes > this.#limit) return false;
    this.used += bytes;
    this.most = Math.max(this.most, this.used);
    return true;
  }

  release(bytes: number): void {
    this.used -= bytes;
    assert.ok(this.used >= 0, 'more was given back than taken');
  }
}

function unpack(body: Uint8Array, options: Partial<UnpackOptions> & UnpackerOptions = {}) {
  const { maxBytes = 1000 } = options;
  const malformed = (reason: string) => invalidArgument(reason);
  const tooLong = () => bodyTooLarge(maxBytes, 'unpacked');
  return new Unpacker(options).unpack(body, { packing: 'gzip', maxBytes, tooLong, malformed, ...options });
}

const isInvalid = (error: ServingError) => error.code === Code.INVALID_ARGUMENT;

describe('Unpacker', () => {
  it('unpacks gzip, and does not need the body once it has returned', async () => {
    const body = gzipSync('{"instances": [1]}');
    const unpacked = unpack(body);
    body.fill(0);
    assert.equal(Buffer.from((await unpacked).bytes).toString(), '{"instances": [1]}');
  });

  it('unpacks what zlib calls deflate, of any length', async () => {
    const text = Buffer.alloc(3 * MIB, 'some text that is neither short nor all the same 0123456789');
    const { bytes } = await unpack(deflateSync(text), { packing: 'deflate', maxBytes: 4 * MIB, maxRatio: 0 });
    assert.ok(text.equals(bytes));
  });

  it('unpacks several gzip members, whose length the last one does not say', async () => {
    const members = [Buffer.alloc(300_000, 'a'), Buffer.alloc(200_000, 'b'), Buffer.from('c')];
    const { bytes } = await unpack(Buffer.concat(members.map((each) => gzipSync(each))), { maxBytes: MIB });
    assert.ok(Buffer.concat(members).equals(bytes));
  });

  it('accepts what unpacks to exactly the limit and refuses one byte more', async () => {
    assert.equal((await unpack(gzipSync('x'.repeat(1000)))).bytes.byteLength, 1000);
    await assert.rejects(unpack(gzipSync('x'.repeat(1001))), BodyTooLargeError);
  });

  it('refuses bytes that are not gzip, only the first part of one, and none at all', async () => {
    await assert.rejects(unpack(Buffer.from('{"instances": [1]}')), isInvalid);
    await assert.rejects(unpack(gzipSync('hello').subarray(0, 12)), isInvalid);
    await assert.rejects(unpack(Buffer.alloc(0)), isInvalid);
  });

  it('refuses what becomes too many times its own length, long before its end', async () => {
    const budget = new CountingBudget();
    const bomb = gzipSync(Buffer.alloc(100 * MIB)); // 97 KB
    await assert.rejects(
      unpack(bomb, { budget, maxBytes: 512 * MIB }),
      (error: Error) =>
        error instanceof BodyTooLargeError &&
        /more than 200 times its \d+ bytes.*--max_unpack_ratio/.test(error.message),
    );
    assert.ok(budget.most <= 3 * 200 * bomb.byteLength, `${budget.most} bytes`);
    assert.equal(budget.used, 0);
    const { bytes } = await unpack(bomb, { maxBytes: 512 * MIB, maxRatio: 0 });
    assert.equal(bytes.byteLength, 100 * MIB);
  });

  it('lets a first MiB become any number of times its length', async () => {
    assert.equal((await unpack(gzipSync(Buffer.alloc(MIB)), { maxBytes: 2 * MIB })).bytes.byteLength, MIB);
    await assert.rejects(unpack(gzipSync(Buffer.alloc(MIB + 1)), { maxBytes: 2 * MIB }), BodyTooLargeError);
  });

  it('takes memory before it exists, and gives it back once', async () => {
    const budget = new CountingBudget();
    const unpacked = await unpack(gzipSync(Buffer.alloc(100_000, 'text 123 ')), { budget, maxBytes: MIB });
    assert.ok(budget.used >= 100_000 && budget.used < 200_000, `${budget.used} bytes`);
    unpacked.release();
    unpacked.release();
    assert.equal(budget.used, 0);
  });

  it('refuses with RESOURCE_EXHAUSTED what there is no memory for, and gives back what it had', async () => {
    const budget = new CountingBudget(150_000);
    const bodies = [1, 2, 3].map(() => unpack(gzipSync(Buffer.alloc(100_000, 'text 123 ')), { budget, maxBytes: MIB }));
    const [first, ...others] = await Promise.allSettled(bodies);
    assert.equal(first?.status, 'fulfilled');
    for (const other of others) {
      assert.equal(other.status === 'rejected' && (other.reason as ServingError).code, Code.RESOURCE_EXHAUSTED);
    }
    if (first?.status === 'fulfilled') first.value.release();
    assert.equal(budget.used, 0);
  });

  it('does not believe a length that a body says of itself', async () => {
    const budget = new CountingBudget();
    const lying = gzipSync('short');
    lying.writeUInt32LE(0xffffffff, lying.byteLength - 4);
    await assert.rejects(unpack(lying, { budget, maxBytes: 512 * MIB }), isInvalid);
    assert.ok(budget.most <= 64 * MIB && budget.used === 0);
  });
});
