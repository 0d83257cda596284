import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assertSaid, assertSilent, SAID, SOURCE } from '../../test/support/said.ts';
import { encodeG711 } from '../wire/g711.ts';
import { emptyRtpPacket } from '../wire/rtp.ts';
import { writeTelephoneEvent } from '../wire/telephone-event.ts';
import { Concealment } from './concealment.ts';
import { Hearing } from './hearing.ts';
import { LOOK_BACK_SAMPLES } from './history.ts';
import { audioOf, FRAME_SAMPLES, type Frame } from './line.ts';

/** A datagram of the script. Times are ms since the line opened, positions and lengths samples. */
interface Sent {
  at: number;
  sequence: number;
  timestamp: number;
  /** First sample of the source, and how many. */
  from: number;
  samples: number;
  marker?: boolean;
  ssrc?: number;
  event?: { code: number; end: boolean; duration: number };
}

const SECOND = 8000;
const FIRST_TIMESTAMP = 0xffffff00;

/** A caller who sends without pause from `from` ms on: each packet leaves when its last sample has been said. */
function speak(
  ms: number,
  options: {
    packetMs?: number;
    sequence?: number;
    timestamp?: number;
    source?: number;
    from?: number;
    ssrc?: number;
  } = {},
): Sent[] {
  const { packetMs = 20, sequence = 0xfff0, timestamp = FIRST_TIMESTAMP, source = 0, ssrc = 7 } = options;
  const from = options.from ?? packetMs;
  const samples = packetMs * 8;
  return Array.from({ length: Math.floor(ms / packetMs) }, (_, index) => ({
    at: from + index * packetMs,
    sequence: (sequence + index) & 0xffff,
    timestamp: (timestamp + index * samples) >>> 0,
    from: source + index * samples,
    samples,
    marker: index === 0,
    ssrc,
  }));
}

interface Heard {
  readonly frames: Omit<Frame, 'samples'>[];
  readonly samples: Int16Array;
}

/** Plays the script against a line that opens at 0 and is listened to until `untilMs`, with a tick each 20 ms. */
async function hear(script: readonly Sent[], untilMs: number, { listenFrom = 0 } = {}): Promise<Heard> {
  const hearing = new Hearing({ hear() {} });
  const frames: Omit<Frame, 'samples'>[] = [];
  const parts: Int16Array[] = [];
  const listening = new AbortController();
  hearing.open(0);
  const listened = hearing.listen(
    {
      hear: (frame) => {
        frames.push({ ...frame });
        parts.push(audioOf(frame).slice());
      },
    },
    { from: listenFrom, signal: listening.signal },
  );
  const packet = emptyRtpPacket();
  const sorted = script
    .map((sent, order) => ({ sent, order }))
    .sort((a, b) => a.sent.at - b.sent.at || a.order - b.order);
  let next = 0;
  for (let tick = 20; tick <= untilMs; tick += 20) {
    for (; next < sorted.length && sorted[next]!.sent.at <= tick; next++) {
      const { sent } = sorted[next]!;
      Object.assign(packet, { ssrc: 7, marker: false }, sent);
      packet.payloadStart = 0;
      packet.payloadEnd = sent.event ? 4 : sent.samples;
      if (sent.event) {
        const bytes = new Uint8Array(4);
        writeTelephoneEvent(bytes, 0, { ...sent.event, event: sent.event.code, volume: 10 });
        hearing.event(bytes, packet, sent.at);
      } else if (sent.samples === 0) hearing.silence(packet, sent.at);
      else hearing.audio('PCMU', SOURCE.subarray(sent.from, sent.from + sent.samples), packet, sent.at);
    }
    hearing.fill(tick);
  }
  listening.abort();
  await listened;
  const samples = new Int16Array(parts.length * FRAME_SAMPLES);
  for (const [index, part] of parts.entries()) samples.set(part, index * FRAME_SAMPLES);
  return { frames, samples };
}

/** Loss is stood in for by what the voice would have said (concealment.test.ts), and joined to the 4 ms that follow it. Returns where the join ends. */
function assertStoodIn(heard: Int16Array, from: number, to: number): number {
  const concealment = new Concealment(SECOND);
  const joined = Math.min(to + 32, heard.length);
  const expected = new Int16Array(joined - from);
  expected.set(SAID.subarray(to, joined), to - from);
  const past = heard.slice(Math.max(0, from - concealment.reach), from);
  concealment.conceal(past, past.length, expected, 0, to - from);
  concealment.join(expected, to - from, joined - to);
  assert.deepEqual(heard.slice(from, joined), expected, `stood in from ${from} to ${to}`);
  return joined;
}

const concealed = (heard: Heard) => heard.frames.filter((frame) => frame.concealed).length;

test('packets of any usual time, and of odd sizes, become frames of 20 ms, sample for sample', async () => {
  for (const packetMs of [10, 20, 30, 40, 60, 12.5, 137]) {
    const heard = await hear(speak(3000, { packetMs }), 3000);
    assert.equal(heard.samples.length, Math.floor((Math.floor(3000 / packetMs) * packetMs * 8) / 160) * 160);
    assertSaid(heard.samples, 0, heard.samples.length);
    assert.equal(concealed(heard), 0);
    assert.deepEqual(
      heard.frames.map((frame) => frame.position),
      heard.frames.map((_, index) => index * FRAME_SAMPLES),
    );
  }
});

test('a minute in which sequence number and timestamp both wrap is a minute', async () => {
  const heard = await hear(speak(60_000), 60_000);
  assert.equal(heard.samples.length, 60 * SECOND);
  assertSaid(heard.samples, 0, 60 * SECOND);
});

test('swapped packets are put in order and duplicates are dropped, whatever the packet time', async () => {
  for (const packetMs of [10, 20, 30, 40, 60]) {
    const script = speak(3000, { packetMs });
    for (let index = 4; index + 1 < script.length; index += 4) {
      [script[index]!.at, script[index + 1]!.at] = [script[index + 1]!.at, script[index]!.at];
    }
    const doubled = script.flatMap((sent) => [
      sent,
      { ...sent, at: sent.at + 1 },
      { ...sent, at: sent.at + 300 },
    ]);
    const heard = await hear(doubled, 3000);
    assertSaid(heard.samples, 0, 2880 * 8);
    assert.equal(concealed(heard), 0);
  }
});

test('a packet that comes three late is waited for, one that comes five late is given up', async () => {
  for (const { late, lost } of [
    { late: 3, lost: 0 },
    { late: 5, lost: 1 },
  ]) {
    const script = speak(1000);
    script[10]!.at += late * 20 + 1;
    const heard = await hear(script, 1000);
    assert.equal(concealed(heard), lost);
    assert.equal(heard.samples.length, SECOND);
    assertSaid(heard.samples, 0, 1600);
    assertSaid(heard.samples, lost > 0 ? assertStoodIn(heard.samples, 1600, 1760) : 1600, SECOND);
  }
});

test('late is what came when its time had been filled; what came twice is not', () => {
  const hearing = new Hearing({ hear() {} });
  const packet = emptyRtpPacket();
  hearing.open(0);
  for (const [index, sent] of speak(2000).entries()) {
    const hear = () => {
      Object.assign(packet, sent, { payloadStart: 0, payloadEnd: sent.samples });
      hearing.audio('PCMU', SOURCE.subarray(sent.from, sent.from + sent.samples), packet, sent.at);
    };
    if (index !== 20) hear();
    if (index % 3 === 0) hear();
  }
  const [lost] = speak(2000).slice(20);
  Object.assign(packet, lost, { payloadStart: 0, payloadEnd: 160 });
  hearing.audio('PCMU', SOURCE, packet, 2000);
  assert.equal(hearing.late, 1);
  assert.equal(hearing.concealed, FRAME_SAMPLES);
});

test('one packet in ten lost leaves the length and everything else right', async () => {
  const script = speak(10_000).filter((_, index) => index % 10 !== 5);
  const heard = await hear(script, 10_000);
  assert.equal(heard.samples.length, 10 * SECOND);
  assert.equal(concealed(heard), 50);
  for (let frame = 0; frame < 500; frame++) {
    const from = frame * 160;
    if (frame % 10 === 5) assertStoodIn(heard.samples, from, from + 160);
    else assertSaid(heard.samples, from + (frame % 10 === 6 ? 32 : 0), from + 160);
  }
});

test('packets lost in a row, of any packet time, are stood in for in one piece', async () => {
  for (const packetMs of [10, 20, 30, 60]) {
    const begin = Math.ceil(1000 / packetMs);
    const lost = Math.floor(120 / packetMs);
    const script = speak(3000, { packetMs }).filter((_, index) => index < begin || index >= begin + lost);
    const heard = await hear(script, 3000);
    const from = begin * packetMs * 8;
    const to = from + lost * packetMs * 8;
    assertSaid(heard.samples, 0, from);
    assertSaid(heard.samples, assertStoodIn(heard.samples, from, to), heard.samples.length);
  }
});

test('a stall of 280 ms and the burst after it lose nothing; one of 400 ms loses what was filled meanwhile, and no time', async () => {
  for (const { stallMs, lost } of [
    { stallMs: 280, lost: 0 },
    { stallMs: 400, lost: 5 },
  ]) {
    const script = speak(3000);
    for (const sent of script) if (sent.at > 1000 && sent.at < 1000 + stallMs) sent.at = 1000 + stallMs;
    const heard = await hear(script, 3000);
    assert.equal(heard.samples.length, 3 * SECOND);
    assert.ok(
      concealed(heard) <= lost && (lost === 0) === (concealed(heard) === 0),
      `${concealed(heard)} lost`,
    );
    assertSaid(heard.samples, 0, SECOND);
    assertSaid(heard.samples, SECOND + lost * 160, 3 * SECOND);
  }
});

test('silence suppression takes its time, with comfort noise packets and without, marker or not', async () => {
  for (const comfort of [false, true]) {
    for (const marker of [false, true]) {
      const before = speak(1000);
      const last = before.at(-1)!;
      const pauseMs = 2000;
      const noise: Sent[] = comfort
        ? [0, 400, 1200].map((ms, index) => ({
            at: 1020 + ms,
            sequence: last.sequence + 1 + index,
            timestamp: (last.timestamp + 160 + ms * 8) >>> 0,
            from: 0,
            samples: 0,
          }))
        : [];
      const after = speak(1000, {
        sequence: last.sequence + 1 + noise.length,
        timestamp: (last.timestamp + 160 + pauseMs * 8) >>> 0,
        source: 3 * SECOND,
        from: 3020,
      });
      after[0]!.marker = marker;
      const heard = await hear([...before, ...noise, ...after], 4000);
      assert.equal(heard.samples.length, 4 * SECOND);
      assertSaid(heard.samples, 0, SECOND);
      assertSilent(heard.samples, SECOND, 3 * SECOND);
      assertSaid(heard.samples, 3 * SECOND, 4 * SECOND);
    }
  }
});

test('a sender whose timestamp stands still while it pauses does not shorten the call', async () => {
  const before = speak(1000);
  const last = before.at(-1)!;
  for (const marker of [true, false]) {
    const after = speak(2000, {
      sequence: last.sequence + 1,
      timestamp: (last.timestamp + 160) >>> 0,
      source: 3 * SECOND,
      from: 3020,
    });
    after[0]!.marker = marker;
    const heard = await hear([...before, ...after], 5000);
    assert.ok(Math.abs(heard.samples.length - 5 * SECOND) <= 160, `${heard.samples.length}`);
    // Without the marker it takes 200 ms to be sure.
    assertSaid(heard.samples, marker ? 3 * SECOND : 3 * SECOND + 1920, 5 * SECOND - 160);
  }
});

test('another source goes on where the clock is', async () => {
  const script = [
    ...speak(1000),
    ...speak(1000, { ssrc: 8, sequence: 77, timestamp: 5, source: SECOND, from: 1020 }),
    ...speak(1000, { ssrc: 7, sequence: 9, timestamp: 99, source: 2 * SECOND, from: 2020 }),
  ];
  const heard = await hear(script, 3000);
  assert.equal(heard.samples.length, 3 * SECOND);
  assertSaid(heard.samples, 0, 3 * SECOND);
});

test('a timestamp that jumps, forward or back, costs at most 200 ms of sound and no time', async () => {
  for (const jump of [100_000, 0x7fffff00, -4000, -100_000, -0x7fffff00]) {
    for (const marker of [true, false]) {
      const before = speak(1000);
      const last = before.at(-1)!;
      const after = speak(2000, {
        sequence: last.sequence + 1,
        timestamp: (last.timestamp + 160 + jump) >>> 0,
        source: SECOND,
        from: 1020,
      });
      after[0]!.marker = marker;
      const heard = await hear([...before, ...after], 3000);
      assert.ok(Math.abs(heard.samples.length - 3 * SECOND) <= 2560, `jump ${jump}: ${heard.samples.length}`);
      assertSaid(heard.samples, 0, SECOND);
      const lost = concealed(heard);
      assert.ok(lost <= 13, `jump ${jump}: ${lost} frames lost`);
      assertSaid(heard.samples, 2 * SECOND, heard.samples.length);
    }
  }
});

test('a sender that begins anew, with the same SSRC and other numbers, is heard again within 250 ms', async () => {
  const script = [
    ...speak(1000),
    ...speak(2000, { sequence: 40_000, timestamp: 12_345_678, source: SECOND, from: 1020 }),
  ];
  const heard = await hear(script, 3000);
  assert.ok(Math.abs(heard.samples.length - 3 * SECOND) <= 160);
  assertSaid(heard.samples, SECOND + 2000, heard.samples.length);
});

test('a sender whose clock is off by 0.02 % keeps its own time', async () => {
  for (const skew of [1.0002, 0.9998]) {
    const script = speak(60_000).map((sent) => ({ ...sent, at: sent.at * skew }));
    const heard = await hear(script, 60_020);
    assert.equal(concealed(heard), 0);
    assertSaid(heard.samples, 0, heard.samples.length);
  }
});

test('a line to which nothing comes has one frame each 20 ms, 300 ms behind, and says for how long nothing came', async () => {
  const heard = await hear([], 2000);
  assert.equal(heard.frames.length, 85);
  assert.ok(heard.frames.every((frame) => frame.concealed && !frame.speech));
  assert.deepEqual(
    heard.frames.map((frame) => frame.noMedia),
    heard.frames.map((_, index) => (index + 1) * 160),
  );
});

test('what comes first, long after the line opened, is placed where the clock is', async () => {
  const heard = await hear(speak(1000, { from: 2020, source: 2 * SECOND }), 3000);
  assert.equal(heard.samples.length, 3 * SECOND);
  assertSilent(heard.samples, 0, 2 * SECOND);
  assertSaid(heard.samples, 2 * SECOND, 3 * SECOND);
});

test('noMedia counts from the last packet and is 0 again with the next', async () => {
  const before = speak(1000);
  const last = before.at(-1)!;
  const after = speak(1000, {
    sequence: last.sequence + 1,
    timestamp: (last.timestamp + 160 + SECOND) >>> 0,
    source: 2 * SECOND,
    from: 2020,
  });
  const { frames } = await hear([...before, ...after], 3000);
  assert.equal(frames[49]!.noMedia, 0);
  assert.equal(frames[50]!.noMedia, 160);
  assert.equal(frames[99]!.noMedia, SECOND);
  assert.equal(frames[100]!.noMedia, 0);
});

/** A press of 100 ms as phones send it, begun at `position`; its first packet leaves 20 ms later. */
function press(code: number, position: number, sequence: number): Sent[] {
  return [0, 1, 2, 3, 4, 5, 6].map((index) => ({
    at: position / 8 + Math.min(index, 4) * 20 + 20,
    sequence: sequence + index,
    timestamp: (FIRST_TIMESTAMP + position) >>> 0,
    from: 0,
    samples: 0,
    marker: index === 0,
    event: { code, end: index >= 4, duration: Math.min(index + 1, 5) * 160 },
  }));
}

test('a key is told once, in the frame where it began, and its time is silence', async () => {
  const before = speak(1000, { sequence: 0 });
  const after = speak(1000, { sequence: 57, timestamp: FIRST_TIMESTAMP + 8800, source: 8800, from: 1120 });
  const heard = await hear([...before, ...press(11, 8000, 50), ...after], 2100);
  assert.deepEqual(
    heard.frames
      .filter((frame) => frame.tone !== undefined)
      .map(({ position, tone, toneOnset }) => [position, tone, toneOnset]),
    [[8000, '#', 8000]],
  );
  assertSaid(heard.samples, 0, 8000);
  assertSilent(heard.samples, 8000, 8800);
  assertSaid(heard.samples, 8800, 16_800);
  assert.equal(concealed(heard), 0);
});

test('audio that runs on under a key is silenced from its second packet on, and what follows the key is whole', async () => {
  const audio = speak(2000, { sequence: 0 });
  for (const [index, sent] of audio.entries()) {
    // The event packet that goes with each of these follows it.
    sent.sequence += Math.max(0, Math.min(index - 49, 7));
  }
  const keys = press(1, 8000, 0).map((sent, index) => ({
    ...sent,
    at: sent.at + 0.5,
    sequence: 51 + 2 * index,
  }));
  const heard = await hear([...audio, ...keys], 2000);
  assert.equal(heard.frames.filter((frame) => frame.tone === '1').length, 1);
  assertSilent(heard.samples, 8160, 8800);
  assertSaid(heard.samples, 8800 + 320, 16_000);
  assert.equal(heard.samples.length, 16_000);
});

test('a listener can reach back a second, and no further than there was', async () => {
  const hearing = new Hearing({ hear() {} });
  const packet = emptyRtpPacket();
  hearing.open(0);
  for (const sent of speak(5000)) {
    Object.assign(packet, sent, { payloadStart: 0, payloadEnd: sent.samples });
    hearing.audio('PCMU', SOURCE.subarray(sent.from, sent.from + sent.samples), packet, sent.at);
  }
  for (const { from, first } of [
    { from: 32_000, first: 32_000 },
    { from: 32_100, first: 32_000 },
    { from: 5, first: 40_000 - LOOK_BACK_SAMPLES },
  ]) {
    const frames: number[] = [];
    await hearing.listen(
      {
        hear: (frame) => {
          assertSaid(audioOf(frame), 0, 160, frame.position);
          frames.push(frame.position);
          return frame.position === 40_000 - 160 || undefined;
        },
      },
      { from, signal: new AbortController().signal },
    );
    assert.equal(frames[0], first);
  }
});

/** One hostile packet: anything, at any time. */
const hostile = fc.record({
  wait: fc.oneof(fc.constant(20), fc.nat(60), fc.constant(0), fc.nat(3000)),
  ssrc: fc.oneof({ weight: 8, arbitrary: fc.constant(7) }, { weight: 1, arbitrary: fc.nat(3) }),
  sequence: fc.oneof(fc.constant(1), fc.integer({ min: -6, max: 6 }), fc.nat(0xffff)),
  timestamp: fc.oneof(fc.constant(160), fc.integer({ min: -20_000, max: 20_000 }), fc.nat(0xffffffff)),
  samples: fc.oneof(fc.constant(160), fc.nat(1800)),
  marker: fc.boolean(),
  event: fc.option(fc.record({ code: fc.nat(20), end: fc.boolean(), duration: fc.nat(0xffff) }), { freq: 6 }),
});

test('whatever is sent, one second of call is one second of timeline', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(hostile, { maxLength: 150 }), async (packets) => {
      let at = 0;
      let sequence = 0;
      let timestamp = 0;
      const script = packets.map(({ wait, event, ...packet }): Sent => {
        at += wait;
        sequence = (sequence + packet.sequence) & 0xffff;
        timestamp = (timestamp + packet.timestamp) >>> 0;
        return { ...packet, at, sequence, timestamp, from: 0, ...(event === null ? {} : { event }) };
      });
      const untilMs = Math.ceil(at / 20) * 20 + 2000;
      const { frames } = await hear(script, untilMs);
      const behind = untilMs / 20 - frames.length;
      // 300 ms of lag, a packet time or two before the first packet; 1 s and 0.1 % ahead at most.
      assert.ok(behind <= 16 + 18 + untilMs / 20_000, `${behind} frames behind`);
      assert.ok(behind >= -51 - 10 - untilMs / 20_000, `${-behind} frames ahead`);
      assert.ok(frames.every((frame, index) => frame.position === index * FRAME_SAMPLES));
    }),
    { numRuns: 150 },
  );
});

test('a gap of a minute, settled at once, comes to a listener frame by frame and loses nothing on either side', () => {
  const hearing = new Hearing({ hear() {} });
  const packet = emptyRtpPacket();
  const listening = new AbortController();
  const heard: number[] = [];
  let first = 0;
  hearing.open(0);
  void hearing.listen(
    {
      hear: (frame) => {
        heard.push(frame.position);
        if (!frame.concealed) first = audioOf(frame)[0]!;
      },
    },
    { from: 0, signal: listening.signal },
  );
  const loud = new Uint8Array(160);
  encodeG711('PCMU', new Int16Array(160).fill(1000), 0, 160, loud, 0);
  Object.assign(packet, { ssrc: 7, sequence: 1, timestamp: 0, payloadStart: 0, payloadEnd: 160 });
  hearing.audio('PCMU', loud, packet, 20);
  hearing.fill(60_320);
  listening.abort();
  assert.deepEqual(
    heard,
    Array.from({ length: 3001 }, (_, index) => index * 160),
  );
  assert.ok(Math.abs(first - 1000) < 40);
});

test('an hour of a caller whose clock is off by 200 ppm, with jitter and loss, is as long as the caller says, to within one frame', () => {
  for (const ppm of [-200, 200]) {
    let made = 0;
    const hearing = new Hearing({ hear: () => made++ });
    const packet = emptyRtpPacket();
    hearing.open(0);
    let random = 1;
    const next = () => (random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32;
    const packets = 180_000;
    const ms = 20 / (1 + ppm / 1e6);
    let filled = 0;
    for (let index = 0; index < packets; index++) {
      const at = 20 + index * ms + 15 * next();
      while (filled + 20 < at) hearing.fill((filled += 20));
      // One in fifty is lost, but not the last.
      if (next() < 0.02 && index < packets - 1) continue;
      const fields = {
        sequence: index & 0xffff,
        timestamp: (index * 160) >>> 0,
        marker: index === 0,
        ssrc: 9,
      };
      Object.assign(packet, fields, { payloadStart: 0, payloadEnd: 160 });
      hearing.audio('PCMU', SOURCE, packet, at);
    }
    assert.ok(Math.abs(made - packets) <= 1, `${made} frames of ${packets} at ${ppm} ppm`);
    assert.equal(hearing.position, made * 160);
  }
});

test('what a caller did not send is silence; what was lost may have been speech', () => {
  const syllables = Int16Array.from({ length: 2 * SECOND }, (_, i) => {
    const phase = (120 * i) / SECOND;
    return i < SECOND
      ? 20_000 * (phase - Math.floor(phase) - 0.5) * Math.sin((4 * Math.PI * i) / SECOND) ** 2
      : 0;
  });
  const said = new Uint8Array(syllables.length);
  encodeG711('PCMU', syllables, 0, said.length, said, 0);
  /** Where speech ends when packets [from, to) do not come; `sent`: they have their numbers. */
  const endOf = (from: number, to: number, sent: boolean) => {
    let end = 0;
    const hearing = new Hearing({
      hear: ({ position, speech }) => {
        if (speech) end = position + FRAME_SAMPLES;
      },
    });
    hearing.open(0);
    const packet = emptyRtpPacket();
    packet.payloadEnd = FRAME_SAMPLES;
    for (let number = 0; number < 100; number++) {
      const now = number * 20 + 20;
      if (number < from || number >= to) {
        packet.timestamp = number * FRAME_SAMPLES;
        packet.marker = number === to && !sent;
        hearing.audio('PCMU', said.subarray(packet.timestamp, packet.timestamp + FRAME_SAMPLES), packet, now);
      }
      if (sent || number < from || number >= to) packet.sequence++;
      hearing.fill(now);
    }
    return end;
  };
  const whole = endOf(0, 0, true);
  assert.equal(endOf(52, 90, false), whole);
  assert.equal(endOf(52, 56, true), whole + 4 * FRAME_SAMPLES);
});
