import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { opusPacketLength } from './opus-packet.ts';

const length = (...bytes: number[]) => opusPacketLength(Uint8Array.from(bytes), 0, bytes.length);
const MS = 48;
/** A table of contents: configuration, mono, number of frames. */
const toc = (config: number, code: number) => (config << 3) | code;

test('the configuration says how long a frame is', () => {
  const silk = [10, 20, 40, 60];
  const both = [10, 20];
  const celt = [2.5, 5, 10, 20];
  const frames = [...silk, ...silk, ...silk, ...both, ...both, ...celt, ...celt, ...celt, ...celt];
  assert.equal(frames.length, 32);
  for (const [config, ms] of frames.entries()) {
    assert.equal(length(toc(config, 0), 1, 2, 3), ms * MS, `configuration ${config}`);
    assert.equal(length(toc(config, 0) | 4, 1, 2, 3), ms * MS, 'in stereo');
  }
});

test('one frame may be empty, and is no longer than 1275 bytes', () => {
  assert.equal(length(toc(1, 0)), 20 * MS);
  assert.equal(opusPacketLength(new Uint8Array(1276), 0, 1276), 10 * MS);
  assert.equal(opusPacketLength(new Uint8Array(1277), 0, 1277), -1);
});

test('two frames of one size have an even number of bytes', () => {
  assert.equal(length(toc(1, 1)), 40 * MS);
  assert.equal(length(toc(1, 1), 7, 7), 40 * MS);
  assert.equal(length(toc(1, 1), 7, 7, 7), -1);
});

test('two frames of their own sizes: the first says its size, which must be there', () => {
  assert.equal(length(toc(1, 2)), -1);
  assert.equal(length(toc(1, 2), 0), 40 * MS);
  assert.equal(length(toc(1, 2), 2, 9, 9, 9), 40 * MS);
  assert.equal(length(toc(1, 2), 2, 9), -1);
  assert.equal(length(toc(1, 2), 252), -1);
  const long = new Uint8Array(3 + 252 + 4);
  long.set([toc(1, 2), 252, 1]);
  assert.equal(opusPacketLength(long, 0, long.length), 40 * MS);
  assert.equal(opusPacketLength(long, 0, 3 + 255), -1);
});

test('any number of frames: at least one, 120 ms at most', () => {
  assert.equal(length(toc(1, 3)), -1);
  assert.equal(length(toc(1, 3), 0), -1);
  assert.equal(length(toc(1, 3), 1), 20 * MS);
  assert.equal(length(toc(1, 3), 6, 1, 2, 3, 4, 5, 6), 120 * MS);
  assert.equal(length(toc(1, 3), 7, 1, 2, 3, 4, 5, 6, 7), -1);
  assert.equal(length(toc(16, 3), 48), 120 * MS);
  assert.equal(length(toc(16, 3), 49), -1);
  assert.equal(length(toc(3, 3), 2, 1, 1), 120 * MS);
  assert.equal(length(toc(1, 3), 2, 1, 1, 1), -1, 'frames of one size whose bytes cannot be shared out');
});

test('sizes and padding of many frames must be there', () => {
  assert.equal(length(toc(1, 3), 0x80 | 2, 1, 9, 9), 40 * MS);
  assert.equal(length(toc(1, 3), 0x80 | 2, 3, 9, 9), -1);
  assert.equal(length(toc(1, 3), 0x80 | 3, 1), -1);
  assert.equal(length(toc(1, 3), 0x40 | 1, 2, 9, 0, 0), 20 * MS);
  assert.equal(length(toc(1, 3), 0x40 | 1, 4, 9, 0, 0), -1);
  assert.equal(length(toc(1, 3), 0x40 | 1), -1);
  assert.equal(length(toc(1, 3), 0x40 | 1, 255), -1);
  const padded = new Uint8Array(4 + 254 + 1 + 2);
  padded.set([toc(1, 3), 0x40 | 2, 255, 1]);
  assert.equal(opusPacketLength(padded, 0, padded.length), 40 * MS);
});

test('nothing, and what is not there, is no packet', () => {
  assert.equal(length(), -1);
  assert.equal(opusPacketLength(Uint8Array.of(8, 8), 1, 1), -1);
  assert.equal(opusPacketLength(Uint8Array.of(8, 8), 1, 3), -1);
  assert.equal(opusPacketLength(Uint8Array.of(9, 8), 1, 2), 20 * MS);
});

test('no bytes throw, and a length is one that packets may have', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const ticks = opusPacketLength(bytes, 0, bytes.length);
      assert.ok(ticks === -1 || (ticks >= 120 && ticks <= 5760 && ticks % 120 === 0));
    }),
    { numRuns: 3000 },
  );
});
