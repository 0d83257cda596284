import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SipFramer } from './sip-framing.ts';

const message = (body: string, name = 'Content-Length') =>
  Buffer.from(`OPTIONS sip:a SIP/2.0\r\n${name}: ${body.length}\r\n\r\n${body}`);
const texts = (frames: ReturnType<SipFramer['push']>) =>
  frames.map((frame) => (frame.kind === 'message' ? Buffer.from(frame.bytes).toString() : frame.kind));

test('two joined messages with a ping between come apart, cut at every byte', () => {
  const stream = Buffer.concat([
    message('abc'),
    Buffer.from('\r\n\r\n'),
    message('', 'l'),
    Buffer.from('\r\n'),
    message('xyz'),
  ]);
  const expected = [message('abc'), 'ping', message('', 'l'), message('xyz')].map(String);
  for (let cut = 0; cut <= stream.length; cut++) {
    const framer = new SipFramer();
    assert.deepEqual(
      [...texts(framer.push(stream.subarray(0, cut))), ...texts(framer.push(stream.subarray(cut)))],
      expected,
      `cut at ${cut}`,
    );
    assert.equal(framer.pending, 0);
  }
});

test('a message that comes byte by byte is given once, when it is whole', () => {
  const framer = new SipFramer();
  const given = [...message('body')].flatMap((byte) => texts(framer.push(Uint8Array.of(byte))));
  assert.deepEqual(given, [message('body').toString()]);
});

for (const [what, bytes, reason] of [
  ['no Content-Length', 'OPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n', 'No Content-Length on a stream'],
  ['headers without end', 'x'.repeat(40_000), 'Headers too long'],
  ['a body beyond the limit', 'OPTIONS sip:a SIP/2.0\r\nContent-Length: 999999\r\n\r\n', 'Message too long'],
] as const) {
  test(`a stream with ${what} is broken, and stays so`, () => {
    const framer = new SipFramer();
    const frame = framer.push(Buffer.from(bytes))[0];
    assert.deepEqual([frame?.kind, frame?.kind === 'broken' && frame.reason], ['broken', reason]);
    assert.deepEqual(framer.push(message('')), []);
  });
}
