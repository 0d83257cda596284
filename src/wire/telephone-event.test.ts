import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  emptyTelephoneEvent,
  readTelephoneEvent,
  TELEPHONE_EVENT_BYTES,
  writeTelephoneEvent,
} from './telephone-event.ts';

const POUND_ENDS = Uint8Array.of(
  11, // event: #
  0x8a, // end, volume −10 dBm0
  ...[0x03, 0x20], // duration: 800 samples, 100 ms
);

test('an event is read field by field', () => {
  const event = emptyTelephoneEvent();
  assert.equal(readTelephoneEvent(POUND_ENDS, 0, 4, event), true);
  assert.deepEqual(event, { event: 11, end: true, volume: 10, duration: 800 });
});

test('the reserved bit is ignored, as RFC 4733 §2.3.3 asks', () => {
  const event = emptyTelephoneEvent();
  readTelephoneEvent(Uint8Array.of(1, 0x4a, 0, 160), 0, 4, event);
  assert.deepEqual(event, { event: 1, end: false, volume: 10, duration: 160 });
});

test('an event cut off anywhere is refused', () => {
  for (let length = 0; length < TELEPHONE_EVENT_BYTES; length++) {
    assert.equal(readTelephoneEvent(POUND_ENDS, 0, length, emptyTelephoneEvent()), false);
    assert.equal(readTelephoneEvent(POUND_ENDS, 4 - length, 4, emptyTelephoneEvent()), false);
  }
});

test('what was written is read again', () => {
  fc.assert(
    fc.property(fc.nat(255), fc.boolean(), fc.nat(63), fc.nat(0xffff), (event, end, volume, duration) => {
      const bytes = new Uint8Array(6);
      writeTelephoneEvent(bytes, 2, { event, end, volume, duration });
      const read = emptyTelephoneEvent();
      assert.equal(readTelephoneEvent(bytes, 2, 6, read), true);
      assert.deepEqual(read, { event, end, volume, duration });
    }),
  );
});
