import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { encodeMuLaw } from '../../test/support/mu-law.ts';
import { datagrams, packetsOf } from '../../test/support/sender.ts';
import { USUAL, wiredLine } from '../../test/support/wired-line.ts';
import { systemClock } from '../clock.ts';
import { silentLog } from '../log.ts';
import { decodeG711, encodeG711 } from '../wire/g711.ts';
import { formatRtcp, parseRtcp } from '../wire/rtcp.ts';
import { emptyRtpPacket, readRtp, writeRtpHeader } from '../wire/rtp.ts';
import { writeTelephoneEvent } from '../wire/telephone-event.ts';
import { audioOf, type Frame, type PlayEnd } from './line.ts';
import { openRtpLine, type RtpLine } from './rtp-line.ts';
import type { AudioParameters } from './session-description.ts';

const HERE = '127.0.0.1';
const PORTS = { min: 14_000, max: 19_999 };
const never = new AbortController().signal;

function parametersFor(port: number, changes: Partial<AudioParameters> = {}): AudioParameters {
  return { ...USUAL, remote: { address: HERE, port, rtcpPort: port + 1 }, ...changes };
}

/** Every test looks for its ports from elsewhere on, as other tests run beside it. */
function somePorts() {
  const min = PORTS.min + 2 * Math.floor((Math.random() * (PORTS.max - PORTS.min - 400)) / 2);
  return { min, max: min + 399 };
}

const open = () => openRtpLine({ address: HERE, ports: somePorts(), clock: systemClock, log: silentLog });

/** A far end that the test moves itself. */
async function openPhone(address = HERE): Promise<{
  socket: Socket;
  port: number;
  send: (bytes: Uint8Array, to: number) => void;
}> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return { socket, port: socket.address().port, send: (bytes, to) => socket.send(bytes, to, HERE) };
}

function audioPacket(index: number, samples = new Int16Array(160), payloadType = 0): Uint8Array {
  const bytes = new Uint8Array(12 + samples.length);
  writeRtpHeader(bytes, payloadType, index === 0, index, index * 160, 77);
  encodeG711(payloadType === 8 ? 'PCMA' : 'PCMU', samples, 0, samples.length, bytes, 12);
  return bytes;
}

function eventPacket(index: number, code: number): Uint8Array {
  const bytes = new Uint8Array(16);
  writeRtpHeader(bytes, 101, true, index, index * 160, 77);
  writeTelephoneEvent(bytes, 12, { event: code, end: false, volume: 10, duration: 160 });
  return bytes;
}

const ramp = (length: number) => Int16Array.from({ length }, (_, index) => ((index * 37) % 5000) - 2500);

function overG711(law: 'PCMU' | 'PCMA', samples: Int16Array): Int16Array {
  const bytes = new Uint8Array(samples.length);
  encodeG711(law, samples, 0, samples.length, bytes, 0);
  const heard = new Int16Array(samples.length);
  decodeG711(law, bytes, 0, bytes.length, heard, 0);
  return heard;
}

/** Collects frames until `enough`. */
async function listen(line: RtpLine, enough: (frame: Frame) => boolean, from?: number): Promise<Frame[]> {
  const frames: Frame[] = [];
  const hear = (heard: Readonly<Frame>) => {
    const frame = { ...heard, samples: audioOf(heard).slice(), at: 0 };
    frames.push(frame);
    return enough(frame) || undefined;
  };
  await line.listen({ hear }, { from, signal: never });
  return frames;
}

function join(frames: readonly Frame[]): Int16Array {
  const samples = new Int16Array(frames.length * 160);
  for (const [index, frame] of frames.entries()) samples.set(frame.samples, index * 160);
  return samples;
}

function find(heard: Int16Array, said: Int16Array): number {
  const text = (samples: Int16Array) => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  return text(heard).indexOf(text(said)) / 2;
}

test('what one line plays and presses another hears, sample for sample and in place, in both laws', async () => {
  for (const codec of ['PCMU', 'PCMA'] as const) {
    const [caller, callee] = await Promise.all([open(), open()]);
    try {
      const changes = { codec, sendPayloadType: codec === 'PCMU' ? 0 : 8 };
      caller.connect(parametersFor(callee.port, changes));
      callee.connect(parametersFor(caller.port, changes));
      const said = ramp(4000);
      const heard = listen(callee, (frame) => frame.tone !== undefined);
      assert.deepEqual(await caller.play(said, { signal: never }), { by: 'end' });
      await caller.sendKeys(['#'], { signal: never });
      const frames = await heard;
      const at = find(join(frames), overG711(codec, said));
      assert.ok(at >= 0, 'what was said is in what was heard');
      assert.equal(frames.at(-1)!.tone, '#');
      // The key is asked for when the audio has been sent: a process that was held up makes up for several packets at once, and has none for it yet.
      const between = frames.at(-1)!.toneOnset - frames[0]!.position - at - said.length;
      assert.ok(between >= 0 && between <= 1600 && between % 160 === 0, `${between} samples in between`);
    } finally {
      await Promise.all([caller.close(), callee.close()]);
    }
  }
});

test('the law may change from packet to packet', async () => {
  const [line, phone] = [await open(), await openPhone()];
  try {
    line.connect(parametersFor(phone.port));
    const said = ramp(160);
    for (let index = 0; index < 10; index++)
      phone.send(audioPacket(index, said, index % 2 === 0 ? 0 : 8), line.port);
    const frames = await listen(line, (frame) => frame.position === 9 * 160);
    for (const [index, frame] of frames.entries()) {
      assert.deepEqual(frame.samples, overG711(index % 2 === 0 ? 'PCMU' : 'PCMA', said));
    }
  } finally {
    await line.close();
    phone.socket.close();
  }
});

test('anything else that comes is counted and changes nothing', async () => {
  const [line, phone, stranger] = [await open(), await openPhone(), await openPhone()];
  try {
    line.connect(parametersFor(phone.port));
    const said = ramp(160);
    const hostile = [
      new Uint8Array(0),
      Uint8Array.of(0x80),
      new Uint8Array(1400).fill(0xff),
      Uint8Array.of(0x8f, ...audioPacket(3).subarray(1, 40)),
      audioPacket(3, said, 96),
      audioPacket(3, new Int16Array(4000)),
    ];
    for (let index = 0; index < 20; index++) {
      phone.send(audioPacket(index, said), line.port);
      if (index >= 5) continue;
      for (const bytes of hostile) phone.send(bytes, line.port);
      for (const bytes of hostile) phone.send(bytes, line.port + 1);
      stranger.send(audioPacket(index + 5, ramp(160)), line.port);
    }
    const frames = await listen(line, (frame) => frame.position === 19 * 160);
    for (const frame of frames) assert.deepEqual(frame.samples, overG711('PCMU', said));
    assert.deepEqual([line.counts.lost, line.counts.invalid, line.counts.strays], [0, 30, 5]);
  } finally {
    await line.close();
    phone.socket.close();
    stranger.socket.close();
  }
});

test('of who sends more than anybody has to say, no more than that is listened to; what a stall held back is', async () => {
  const { line, ticks } = wiredLine();
  const burst = (at: number, packets: number, overMs: number) =>
    Array.from({ length: packets }, (_, index) => ({
      at: at + (index * overMs) / packets,
      bytes: audioPacket(index),
    }));
  const run = (...script: Parameters<typeof ticks>) => void [...ticks(...script)];
  run(burst(0, 400, 0), 1000);
  assert.equal(line.counts.invalid, 0);
  run(burst(2000, 10_000, 1000), 3000);
  const dropped = line.counts.invalid;
  assert.ok(Math.abs(dropped - 9000) < 10, `${dropped}`);
  run(burst(4000, 100, 1000), 5000);
  assert.equal(line.counts.invalid, dropped);
  await line.close();
});

test('a stranger who sends before the caller does hears nothing, and is not heard', async () => {
  const [line, phone, stranger] = [await open(), await openPhone(), await openPhone('127.0.0.5')];
  try {
    let overheard = 0;
    stranger.socket.on('message', () => overheard++);
    line.connect(parametersFor(phone.port));
    for (let index = 0; index < 4; index++) stranger.send(audioPacket(index, ramp(160)), line.port);
    const playing = line.play(ramp(1600), { signal: never });
    const said = Int16Array.from({ length: 160 }, (_, i) => 1000 + i);
    for (let index = 0; index < 20; index++) {
      phone.send(audioPacket(index, said), line.port);
      stranger.send(audioPacket(index + 4, ramp(160)), line.port);
    }
    const frames = await listen(line, (frame) => frame.position === 19 * 160);
    for (const frame of frames) assert.deepEqual(frame.samples, overG711('PCMU', said));
    await playing;
    assert.deepEqual([line.counts.strays, overheard], [24, 0]);
  } finally {
    await line.close();
    phone.socket.close();
    stranger.socket.close();
  }
});

test('what comes before the call is answered is not heard, nor taken for the caller', async () => {
  const [line, phone, stranger] = [await open(), await openPhone(), await openPhone('127.0.0.5')];
  try {
    for (let index = 0; index < 10; index++) stranger.send(audioPacket(index, ramp(160)), line.port);
    // Read before what is sent after it.
    await new Promise((resolve) => setImmediate(resolve));
    line.connect(parametersFor(phone.port));
    const said = Int16Array.from({ length: 160 }, (_, i) => 1000 + i);
    for (let index = 0; index < 10; index++) phone.send(audioPacket(index, said), line.port);
    const frames = await listen(line, (frame) => frame.position === 9 * 160);
    for (const frame of frames) assert.deepEqual(frame.samples, overG711('PCMU', said));
  } finally {
    await line.close();
    phone.socket.close();
    stranger.socket.close();
  }
});

test('a goodbye by RTCP ends nothing, whoever sends it, and a stranger’s reports are not listened to', async () => {
  const [line, phone, stranger] = [await open(), await openPhone(), await openPhone('127.0.0.5')];
  try {
    line.connect(parametersFor(phone.port));
    const goodbye = formatRtcp([
      { type: 'RR', ssrc: 77, reports: [] },
      { type: 'BYE', sources: [77] },
    ]);
    const said = ramp(160);
    for (let index = 0; index < 10; index++) {
      phone.send(audioPacket(index, said), line.port);
      for (const one of [phone, stranger]) one.send(goodbye, line.port + 1);
    }
    const frames = await listen(line, (frame) => frame.position === 9 * 160);
    for (const frame of frames) assert.deepEqual(frame.samples, overG711('PCMU', said));
    const more = listen(line, (frame) => frame.position === 19 * 160);
    for (let index = 10; index < 20; index++) phone.send(audioPacket(index, said), line.port);
    await more;
    const last = once(phone.socket, 'message');
    await line.play(said, { signal: never });
    await last;
  } finally {
    await line.close();
    phone.socket.close();
    stranger.socket.close();
  }
});

test('media goes to where media comes from, and RTCP with it', async () => {
  const [line, given, real] = [await open(), await openPhone(), await openPhone()];
  try {
    line.connect(parametersFor(given.port));
    const first = once(given.socket, 'message');
    await first;
    for (let index = 0; index < 3; index++) real.send(audioPacket(index), line.port);
    await listen(line, (frame) => frame.position === 0);
    const [bytes] = await once(real.socket, 'message');
    const packet = emptyRtpPacket();
    assert.equal(readRtp(bytes, packet), undefined);
    assert.equal(packet.payloadType, 0);
  } finally {
    await line.close();
    given.socket.close();
    real.socket.close();
  }
});

test('a closed line says goodbye by RTCP, ends its listener and what plays, and gives its ports back', async () => {
  const [line, rtcp] = [await open(), await openPhone()];
  try {
    line.connect(parametersFor(9, { remote: { address: HERE, port: 9, rtcpPort: rtcp.port } }));
    const heard = listen(line, () => false);
    const played = line.play(ramp(80_000), { signal: never });
    const goodbye = once(rtcp.socket, 'message');
    await line.close();
    await line.close();
    await heard;
    assert.deepEqual(await played, { by: 'aborted' });
    const [bytes] = await goodbye;
    const parsed = parseRtcp(bytes);
    assert.ok(parsed.ok);
    assert.equal(parsed.packets.at(-1)?.type, 'BYE');
    assert.deepEqual(await line.play(ramp(160), { signal: never }), { by: 'aborted' });
    const again = createSocket('udp4');
    again.bind(line.port, HERE);
    await once(again, 'listening');
    again.close();
  } finally {
    rtcp.socket.close();
  }
});

test('a key breaks into what plays, and listening from where it says hears the next key but not that one', async () => {
  const [line, phone] = [await open(), await openPhone()];
  try {
    line.connect(parametersFor(phone.port));
    const played = line.play(ramp(80_000), { bargeIn: { speech: true, keys: true }, signal: never });
    for (let index = 0; index < 5; index++) phone.send(audioPacket(index), line.port);
    phone.send(eventPacket(5, 1), line.port);
    phone.send(eventPacket(6, 2), line.port);
    const end: PlayEnd = await played;
    assert.ok(end.by === 'key');
    assert.deepEqual([end.key, end.onset, end.after], ['1', 800, 960]);
    const frames = await listen(
      line,
      (frame) => frame.tone !== undefined || frame.position > 1600,
      end.after,
    );
    assert.equal(frames.at(-1)!.tone, '2');
  } finally {
    await line.close();
    phone.socket.close();
  }
});

test('speech breaks into what plays, and is all there from its onset', async () => {
  const [line, phone] = [await open(), await openPhone()];
  try {
    line.connect(parametersFor(phone.port));
    const voice = Int16Array.from(
      { length: 16_000 },
      (_, index) =>
        ((((index * 120) / 8000) % 1) - 0.5) * 16_000 * Math.sin((Math.PI * 4 * index) / 8000) ** 2,
    );
    const played = line.play(ramp(80_000), { bargeIn: { speech: true, keys: false }, signal: never });
    for (let index = 0; index < 50; index++) {
      const from = (index - 25) * 160;
      phone.send(
        audioPacket(index, from < 0 ? new Int16Array(160) : voice.slice(from, from + 160)),
        line.port,
      );
    }
    const end: PlayEnd = await played;
    assert.ok(end.by === 'speech');
    assert.ok(end.onset <= 4000 && end.onset > 4000 - 1600, `onset ${end.onset}`);
    const [first] = await listen(line, () => true, end.onset);
    assert.ok(first!.position <= end.onset && first!.position > end.onset - 160);
  } finally {
    await line.close();
    phone.socket.close();
  }
});

test('who watches what a line hears is told when the caller begins to speak, stops, and presses a key', () => {
  const second = (sample: (index: number) => number) =>
    encodeMuLaw(Int16Array.from({ length: 8000 }, (_, index) => sample(index)));
  const quiet = second(() => 0);
  const voice = second(
    (index) => ((((index * 120) / 8000) % 1) - 0.5) * 16_000 * Math.sin((Math.PI * 4 * index) / 8000) ** 2,
  );
  const wire = wiredLine();
  const told: string[] = [];
  wire.line.watchHearing((heard) => told.push(heard.what === 'key' ? heard.key : heard.what));
  const packets = packetsOf([
    { says: quiet },
    { says: voice },
    { says: quiet },
    { key: '9' },
    { says: quiet },
  ]);
  for (const _ of wire.ticks(datagrams(packets), 5000));
  assert.deepEqual(told, ['speech', 'silence', '9']);
});

test('sending that fails is counted, stops no listening, and fails what plays within two seconds', async () => {
  const [line, phone] = [await open(), await openPhone()];
  try {
    // A socket of the loopback interface cannot send to the world.
    const remote = { address: '192.0.2.1', port: 4000, rtcpPort: 4001, signalledFrom: HERE };
    line.connect(parametersFor(4000, { remote }));
    const played = line.play(ramp(80_000), { signal: never });
    await assert.rejects(played, { code: 'sendFailed', message: /192\.0\.2\.1:4000/ });
    assert.ok(line.counts.sendErrors >= 50);
    const said = ramp(1600);
    const heard = listen(
      line,
      (frame) => !frame.concealed && frame.samples[0] === 0 && frame.samples[1] === 0,
    );
    for (let index = 0; index < 10; index++)
      phone.send(audioPacket(index, said.slice(index * 160, index * 160 + 160)), line.port);
    for (let index = 10; index < 13; index++) phone.send(audioPacket(index), line.port);
    assert.ok(find(join(await heard), overG711('PCMU', said)) >= 0);
  } finally {
    await line.close();
    phone.socket.close();
  }
});

test('on hold nothing is sent and nothing is missed; resumed, both are back', async () => {
  const [line, phone] = [await open(), await openPhone()];
  try {
    line.connect(parametersFor(phone.port, { direction: 'recvonly' }));
    let received = 0;
    phone.socket.on('message', () => received++);
    const held = await listen(line, (frame) => frame.position >= 1600);
    assert.ok(held.every((frame) => frame.noMedia === 0));
    assert.equal(received, 0);
    const from = line.position;
    line.connect(parametersFor(phone.port));
    await once(phone.socket, 'message');
    const resumed = await listen(line, (frame) => frame.position >= from + 1600);
    assert.ok(resumed.at(-1)!.noMedia > 0);
  } finally {
    await line.close();
    phone.socket.close();
  }
});

test('the time of a line passes though nothing comes', async () => {
  const line = await open();
  try {
    line.connect(parametersFor(9));
    const began = performance.now();
    const frames = await listen(line, (frame) => frame.position === 49 * 160);
    const took = performance.now() - began;
    assert.equal(frames.length, 50);
    assert.ok(took >= 1250 && took < 2500, `${took} ms`);
  } finally {
    await line.close();
  }
});
