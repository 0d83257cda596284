import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createKeyDetector, KEYS } from './keys.ts';
import type { Key } from './line.ts';

interface EventPacket {
  readonly code: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly duration: number;
  readonly end: boolean;
  readonly marker: boolean;
  readonly ssrc?: number;
  /** ms; default: as its timestamp says. */
  readonly at?: number;
}

/** What a phone sends for one press: a packet each 20 ms, the last three times. */
function press(key: Key, sequence: number, timestamp: number, durationMs = 100): EventPacket[] {
  const updates = Math.ceil(durationMs / 20);
  return Array.from({ length: updates + 2 }, (_, index) => ({
    code: KEYS.indexOf(key),
    sequence: (sequence + index) & 0xffff,
    timestamp: timestamp >>> 0,
    duration: Math.min((index + 1) * 160, durationMs * 8),
    end: index >= updates - 1,
    marker: index === 0,
  }));
}

function heard(packets: readonly EventPacket[]): string {
  const detector = createKeyDetector();
  return packets
    .map((packet) =>
      detector.hear(
        { event: packet.code, end: packet.end, volume: 10, duration: packet.duration },
        { ssrc: packet.ssrc ?? 7, sequence: packet.sequence, marker: packet.marker },
        packet.timestamp,
        packet.at ?? packet.timestamp / 8,
      ),
    )
    .filter((key) => key !== undefined)
    .join('');
}

test('each key is told once, with its name', () => {
  const all = KEYS.flatMap((key, index) => press(key, index * 10, index * 2000));
  assert.equal(heard(all), '0123456789*#ABCDflash');
});

test('the same key twice is two presses', () => {
  assert.equal(heard([...press('1', 10, 8000), ...press('1', 20, 9440)]), '11');
});

test('a press is told with whichever of its packets arrives', () => {
  for (const only of press('#', 10, 8000)) assert.equal(heard([only]), '#');
});

test('two presses of one key stay two and not more, whatever is lost, doubled or swapped with its neighbour', () => {
  const packets = [...press('1', 0xfffa, 0xfffff000), ...press('1', 1, 0xfffff000 + 1440)];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('keep', 'lose', 'double', 'swap'), {
        minLength: packets.length,
        maxLength: packets.length,
      }),
      (fates) => {
        const sent: EventPacket[] = [];
        for (const [index, packet] of packets.entries()) {
          if (fates[index] === 'lose') continue;
          // Across the two: a first press of which only that one packet came would be told by nothing in time.
          if (fates[index] === 'swap' && sent.at(-1)?.timestamp === packet.timestamp)
            sent.splice(Math.max(0, sent.length - 1), 0, packet);
          else sent.push(packet);
          if (fates[index] === 'double') sent.push(packet);
        }
        const [first, second] = [0, 7].map((at) => fates.slice(at, at + 7).some((fate) => fate !== 'lose'));
        assert.equal(heard(sent), '1'.repeat(Number(first) + Number(second)));
      },
    ),
    { numRuns: 500 },
  );
});

test('an end that comes after the next press has begun changes nothing', () => {
  const first = press('1', 10, 8000);
  const late = first.pop()!;
  const second = press('2', 17, 9440);
  assert.equal(heard([...first, second[0]!, late, ...second.slice(1)]), '12');
});

test('a key held for twenty seconds, in segments, is one press', () => {
  const packets: EventPacket[] = [];
  for (let sample = 160; sample <= 160_000; sample += 160) {
    const segment = Math.floor((sample - 1) / 0xffff);
    packets.push({
      code: 5,
      sequence: packets.length,
      timestamp: segment * 0xffff,
      duration: sample - segment * 0xffff,
      end: sample === 160_000,
      marker: sample === 160,
      at: sample / 8,
    });
  }
  assert.equal(heard(packets), '5');
  assert.equal(heard(packets.filter((_, index) => index < 405 || index > 410)), '5', 'loss within');
  assert.equal(heard(packets.filter((_, index) => index !== 409)), '5', 'loss where the segment ends');
});

test('a sender that moves the timestamp with every packet presses once', () => {
  const packets = press('9', 10, 8000).map((packet, index) => ({
    ...packet,
    timestamp: packet.end ? 8000 + 640 : 8000 + index * 160,
  }));
  assert.equal(heard([...packets, ...press('9', 30, 11_000)]), '99');
});

test('a sender whose timestamp stands still between presses is heard to press twice', () => {
  assert.equal(heard([...press('1', 10, 8000), ...press('1', 17, 8000)]), '11');
});

test('the very same packets are another press once nothing has come for a second: a capture that is played twice', () => {
  const capture = (at: number) =>
    press('1', 10, 8000).map((packet, index) => ({ ...packet, at: at + 20 * index }));
  assert.equal(heard([...capture(1000), ...capture(2500)]), '11');
  assert.equal(heard([...capture(1000), ...capture(1500)]), '1');
});

test('another source begins anew', () => {
  const other = press('1', 3, 8000).map((packet) => ({ ...packet, ssrc: 8 }));
  assert.equal(heard([...press('1', 10, 8000), ...other]), '11');
});

test('a sender that counts anew is heard, though its timestamp went back', () => {
  assert.equal(heard([...press('1', 40_000, 80_000), ...press('2', 10, 160)]), '12');
});

test('tones of machines are no keys', () => {
  assert.equal(heard([{ code: 36, sequence: 1, timestamp: 1, duration: 160, end: false, marker: true }]), '');
});
