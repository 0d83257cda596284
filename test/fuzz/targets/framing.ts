import assert from 'node:assert/strict';
import { type Frame, SipFramer } from '../../../src/wire/sip-framing.ts';
import { SIP_MESSAGES } from '../corpus.ts';
import { mutated } from '../mutations.ts';
import { seeded } from '../random.ts';
import { mutatedSip } from '../sip-mutations.ts';
import type { Target } from '../target.ts';

const PAUSES = ['', '\r\n', '\r\n\r\n', '\r\n\r\n\r\n', '\n', ' '].map((text) => Buffer.from(text));

export const framing: Target = {
  name: 'framing',
  about: 'a stream of SIP messages: the same frames however it is cut into pieces, and little is held',
  make(random) {
    const parts: Buffer[] = [];
    for (let left = 1 + random.int(4); left > 0; left--) {
      const message = random.pick(SIP_MESSAGES);
      parts.push(random.pick(PAUSES));
      if (random.oneIn(2)) parts.push(message);
      else parts.push((random.oneIn(2) ? mutated : mutatedSip)(message, random, SIP_MESSAGES));
    }
    return Buffer.concat(parts);
  },
  check(input) {
    const random = seeded(input.length);
    const whole = framesOf([input]);
    const pieces: Buffer[] = [];
    for (let at = 0; at < input.length; ) {
      const to = at + 1 + random.length(input.length - at);
      pieces.push(input.subarray(at, to));
      at = to;
    }
    assert.deepEqual(framesOf(pieces), whole);
  },
};

function framesOf(pieces: readonly Buffer[]) {
  const framer = new SipFramer();
  const frames: Frame[] = [];
  for (const piece of pieces) {
    // How many pings are told of as one depends on how they come.
    for (const frame of framer.push(piece))
      if (frame.kind !== 'ping' || frames.at(-1)?.kind !== 'ping') frames.push(frame);
    assert.ok(framer.pending <= 70_000 + piece.length, `${framer.pending} bytes are held`);
  }
  // What is told of a stream that can't be cut any more depends on how much of it was there.
  return frames.map((frame) => (frame.kind === 'message' ? Buffer.from(frame.bytes) : frame.kind));
}
