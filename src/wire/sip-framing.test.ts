import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Frame, SipFramer } from './sip-framing.ts';

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

test('half a ping is no message that has begun, and a lone CRLF is waited out', () => {
  const framer = new SipFramer();
  for (const bytes of ['\r', '\n', '\r']) {
    assert.deepEqual(framer.push(Buffer.from(bytes)), []);
    assert.equal(framer.pending, 0);
  }
  assert.deepEqual(texts(framer.push(Buffer.from('\n\r\n'))), ['ping']);
  assert.equal(framer.pending, 0);
  assert.deepEqual(texts(framer.push(message('a'))), [message('a').toString()]);
  framer.push(Buffer.from('OPT'));
  assert.equal(framer.pending, 3);
});

for (const [what, field] of [
  ['in compact form', 'l:4'],
  ['with blanks before the colon', 'CONTENT-LENGTH \t: 4 '],
  ['folded', 'Content-Length:\r\n \t4\r\n '],
  ['followed by another header', 'Content-Length: 4\r\nSubject: Content-Length: 9'],
  ['preceded by a folded header that only looks like one', 'Subject: x\r\n Content-Length: 9\r\nl: 4'],
] as const) {
  test(`a Content-Length ${what} is found, cut at every byte`, () => {
    const whole = Buffer.from(`OPTIONS sip:a SIP/2.0\r\n${field}\r\n\r\nbody`);
    const stream = Buffer.concat([whole, message('next')]);
    for (let cut = 0; cut <= stream.length; cut++) {
      const framer = new SipFramer();
      const given = [...framer.push(stream.subarray(0, cut)), ...framer.push(stream.subarray(cut))];
      assert.deepEqual(texts(given), [whole.toString(), message('next').toString()], `cut at ${cut}`);
    }
  });
}

const START = 'OPTIONS sip:a SIP/2.0\r\n';
for (const [what, bytes, reason] of [
  ['no Content-Length', `${START}Via: x\r\n\r\n`, 'No Content-Length on a stream'],
  ['a negative Content-Length', `${START}l: -9\r\n\r\n`, 'No Content-Length on a stream'],
  ['two Content-Lengths', `${START}l: 1\r\nContent-Length: 1\r\n\r\n`, 'More than one Content-Length'],
  ['headers without end', `${START}${'x'.repeat(40_000)}`, 'Headers too long'],
  ['a first line without end', 'x'.repeat(40_000), 'Headers too long'],
  ['a body beyond the limit', `${START}Content-Length: 65535\r\n\r\n`, 'Message too long'],
  ['a web request', 'GET / HTTP/1.1\r\n', 'Not SIP'],
  ['the first byte of a TLS handshake', '\x16', 'Not SIP'],
  ['NULs', '\0\0', 'Not SIP'],
] as const) {
  test(`a stream with ${what} is broken, and stays so`, () => {
    for (const joined of [true, false]) {
      const framer = new SipFramer();
      const chunks = joined ? [Buffer.from(bytes)] : [...Buffer.from(bytes)].map((one) => Uint8Array.of(one));
      const frames = chunks.flatMap((chunk) => framer.push(chunk));
      assert.deepEqual(
        frames.map((frame) => frame.kind === 'broken' && frame.reason),
        [reason],
      );
      assert.deepEqual(framer.push(message('')), []);
      assert.equal(framer.pending, 0);
    }
  });
}

test('whatever comes before and however it is cut, nothing throws and messages come out as they went in', () => {
  const item = fc.oneof(
    fc.constantFrom('\r\n', '\r\n\r\n').map((text) => Buffer.from(text)),
    fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((body) => message(body)),
  );
  const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 });
  fc.assert(
    fc.property(
      fc.array(item, { maxLength: 8 }),
      cuts,
      fc.uint8Array({ maxLength: 50 }),
      (items, sizes, noise) => {
        const stream = Buffer.concat(items);
        const framer = new SipFramer();
        const given: Frame[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          given.push(...framer.push(stream.subarray(at, at + size)));
          at += size;
        }
        const messages = items.filter((one) => one.length > 4).map(String);
        assert.deepEqual(
          texts(given).filter((one) => one !== 'ping'),
          messages,
        );
        framer.push(noise);
      },
    ),
  );
});
