import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HandshakeMessages } from './dtls-messages.ts';

const fragment = (messageSequence: number, body: Buffer, offset = 0, length = body.length, type = 11) => ({
  type,
  length,
  messageSequence,
  offset,
  body: body.subarray(offset),
});

const given = (messages: HandshakeMessages, ...fragments: Parameters<HandshakeMessages['take']>[0][]) =>
  fragments.flatMap((one) => messages.take(one)).map(({ sequence, body }) => [sequence, String(body)]);

test('messages come out in order and once, in whatever fragments, order and number they came', () => {
  const texts = ['first', '', 'the third', 'four'];
  const pieces = fc.record({
    message: fc.nat(texts.length - 1),
    from: fc.nat(9),
    bytes: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (some) => {
      const messages = new HandshakeMessages();
      const piece = (sequence: number, from: number, bytes: number) => {
        const body = Buffer.from(texts[sequence]!);
        const offset = Math.min(from, body.length);
        const whole = fragment(sequence, body, offset, body.length);
        return { ...whole, body: whole.body.subarray(0, bytes) };
      };
      const came = given(
        messages,
        ...some.map(({ message, from, bytes }) => piece(message, from, bytes)),
        ...texts.map((_, sequence) => piece(sequence, 0, 99)),
      );
      assert.deepEqual(came, [...texts.entries()]);
    }),
    { numRuns: 300 },
  );
});

test('what came first of a message stands; a fragment of another type or length is not of it', () => {
  const messages = new HandshakeMessages();
  const body = Buffer.from('abcd');
  assert.deepEqual(given(messages, { ...fragment(0, body), body: Buffer.from('ab') }), []);
  const others = [fragment(0, Buffer.from('xxxx'), 0, 4, 16), fragment(0, Buffer.from('xxxxx'))];
  assert.deepEqual(given(messages, ...others), []);
  assert.deepEqual(given(messages, fragment(0, Buffer.from('XXcd'), 0)), [[0, 'abcd']]);
});

test('announced messages take 16 kB at the most, however many they are', () => {
  const messages = new HandshakeMessages();
  const large = Buffer.alloc(16_384);
  const announced = (sequence: number) => ({ ...fragment(sequence, large), body: Buffer.alloc(0) });
  for (let sequence = 1; sequence < 8; sequence++) messages.take(announced(sequence));
  // There is no room for the first one any more, and none for one byte too many.
  assert.deepEqual(messages.take(fragment(0, large)), []);
  assert.deepEqual(new HandshakeMessages().take(fragment(0, Buffer.alloc(16_385))), []);
  assert.equal(new HandshakeMessages().take(fragment(0, large)).length, 1);
});
