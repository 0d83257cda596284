import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { locate, readSound, rms, toneShare } from '../../test/support/audio.ts';
import { fileOf, packetsOf } from '../../test/support/ogg-opus.ts';
import { missing } from '../../test/support/tools.ts';
import { opusPacketLength } from '../wire/opus-packet.ts';
import {
  CODEC_NAMES,
  CODECS,
  MOST_PAYLOAD_BYTES,
  openDecoder,
  openEncoder,
  type WideCodec,
  type WideDecoder,
} from './codecs.ts';
import { loadOpus } from './opus-codec.ts';

const PROMPTS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const WIDE: readonly WideCodec[] = ['G722', 'opus'];

before(async () => {
  await loadOpus();
});

/** What the library makes asynchronously is there after that. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

function sine(hz: number, length: number, amplitude = 8000): Int16Array {
  return Int16Array.from({ length }, (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / 16_000));
}

async function encode(codec: WideCodec, samples: Int16Array, packetMs = 20): Promise<Uint8Array[]> {
  const encoder = openEncoder(codec);
  await settled();
  const packets: Uint8Array[] = [];
  const size = packetMs * 16;
  const bytes = new Uint8Array(MOST_PAYLOAD_BYTES + 3);
  for (let from = 0; from + size <= samples.length; from += size) {
    const length = encoder.encode(samples, from, from + size, bytes, 3);
    assert.ok(length > 0 && length <= MOST_PAYLOAD_BYTES);
    packets.push(bytes.slice(3, 3 + length));
  }
  encoder.close();
  return packets;
}

function decode(decoder: WideDecoder, packets: readonly (Uint8Array | undefined)[], fec = false): Int16Array {
  const parts: Int16Array[] = [];
  for (const [index, packet] of packets.entries()) {
    const out = new Int16Array(1920);
    const next = packets[index + 1];
    const told = fec && next !== undefined ? { bytes: next, from: 0, to: next.length } : undefined;
    const written =
      packet === undefined
        ? decoder.conceal(160, out, 0, told)
        : decoder.decode(packet, 0, packet.length, out, 0);
    parts.push(out.subarray(0, written));
  }
  const all = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

test('the table says what RFC 3551 and RFC 7587 say', () => {
  assert.deepEqual(CODEC_NAMES, ['PCMU', 'PCMA', 'G722', 'opus']);
  assert.deepEqual(
    CODEC_NAMES.map((name) => CODECS[name].staticType),
    [0, 8, 9, undefined],
  );
  assert.deepEqual(
    CODEC_NAMES.map((name) => CODECS[name].clockRate),
    [8000, 8000, 8000, 48000],
  );
  for (const name of CODEC_NAMES) {
    const { clockRate, ticksPerPosition, packetTimesMs } = CODECS[name];
    assert.equal(clockRate, 8000 * ticksPerPosition);
    assert.ok(packetTimesMs.includes(20));
  }
});

for (const codec of WIDE) {
  test(`${codec}: tones of both halves of the band come through, packet by packet`, async () => {
    for (const hz of [300, 1000, 3000, 6000]) {
      const packets = await encode(codec, sine(hz, 16_000));
      const decoder = openDecoder(codec);
      await settled();
      for (const packet of packets) assert.equal(decoder.lengthOf(packet, 0, packet.length), 160);
      const heard = decode(decoder, packets);
      decoder.close();
      assert.equal(heard.length, 16_000);
      assert.ok(toneShare(heard.subarray(3200), hz, 16_000) > 0.9, `${hz} Hz`);
    }
  });

  test(`${codec}: every packet time of ours is understood`, async () => {
    for (const ms of CODECS[codec].packetTimesMs) {
      const packets = await encode(codec, sine(500, 9600), ms);
      const decoder = openDecoder(codec);
      await settled();
      for (const packet of packets) assert.equal(decoder.lengthOf(packet, 0, packet.length), ms * 8);
      assert.ok(toneShare(decode(decoder, packets).subarray(3200), 500, 16_000) > 0.9, `${ms} ms`);
      decoder.close();
    }
  });

  test(`${codec}: what is lost is made up, fades, and costs no more than its time`, async () => {
    const packets: (Uint8Array | undefined)[] = await encode(codec, sine(200, 16_000));
    packets.fill(undefined, 20, 45);
    const decoder = openDecoder(codec);
    await settled();
    const heard = decode(decoder, packets);
    decoder.close();
    assert.equal(heard.length, 16_000);
    const level = (packet: number) => rms(heard.subarray(packet * 320, (packet + 1) * 320));
    assert.ok(level(20) > 0.5 * level(19), 'the first 20 ms');
    assert.ok(level(44) < 0.01 * level(19), 'after half a second');
    assert.ok(level(48) > 0.5 * level(19), 'what follows');
  });

  test(`${codec}: a decoder that is closed, or reset, decodes silence or as new, and never throws`, async () => {
    const packets = await encode(codec, sine(500, 6400));
    const decoder = openDecoder(codec);
    await settled();
    const first = decode(decoder, packets);
    decoder.reset();
    await settled();
    assert.deepEqual(decode(decoder, packets), first);
    decoder.close();
    decoder.close();
    decode(decoder, [...packets, undefined]);
    decoder.reset();
    await settled();
  });
}

test('Opus: what follows a lost packet tells what was in it', {
  skip: missing('/usr/bin/sox', PROMPTS),
}, async () => {
  const original = readSound(`${PROMPTS}/demo-instruct.wav`, 16_000).subarray(0, 16_000 * 10);
  const packets: (Uint8Array | undefined)[] = await encode('opus', original);
  const whole = openDecoder('opus');
  const without = openDecoder('opus');
  const told = openDecoder('opus');
  await settled();
  const complete = decode(whole, packets);
  for (let i = 7; i < packets.length; i += 10) packets[i] = undefined;
  const error = (heard: Int16Array) => rms(complete.map((sample, i) => sample - heard[i]!));
  const concealed = error(decode(without, packets));
  const recovered = error(decode(told, packets, true));
  assert.ok(recovered < 0.6 * concealed, `${recovered} against ${concealed}`);
  for (const decoder of [whole, without, told]) decoder.close();
});

test('Opus: lost audio of any length takes its length, whatever follows it', async () => {
  const [packet] = await encode('opus', sine(500, 320));
  const decoder = openDecoder('opus');
  await settled();
  for (const positions of [1, 20, 33, 160, 960, 961, 8000]) {
    const out = new Int16Array(2 * positions + 2).fill(7);
    for (const next of [undefined, packet!, Uint8Array.of(0xff, 0xff), new Uint8Array(0)]) {
      const payload = next && { bytes: next, from: 0, to: next.length };
      assert.equal(decoder.conceal(positions, out, 1, payload), 2 * positions);
      assert.deepEqual([out[0], out.at(-1)], [7, 7]);
      decode(decoder, [packet]);
    }
  }
  decoder.close();
});

test('Opus: hostile packets decode to nothing or to what their length says, and harm nobody else', async () => {
  const good = await encode('opus', sine(700, 16_000));
  const victim = openDecoder('opus');
  const other = openDecoder('opus');
  await settled();
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 16;
  };
  const heard: Int16Array[] = [];
  const out = new Int16Array(1922);
  for (let i = 0; i < 2000; i++) {
    const bytes = Uint8Array.from({ length: random() % 120 }, random);
    // Some are good ones with a few bytes changed.
    if (i % 3 === 0) bytes.set(good[i % 50]!.subarray(0, bytes.length));
    const positions = victim.lengthOf(bytes, 0, bytes.length);
    out.fill(7);
    const written = victim.decode(bytes, 0, bytes.length, out, 1);
    assert.equal(written, positions < 0 ? 0 : 2 * positions);
    assert.ok(written <= 1920);
    assert.equal(out[1 + written], 7, 'nothing behind it is touched');
    if (i % 40 === 0) heard.push(decode(other, [good[i / 40]]));
  }
  const expected = openDecoder('opus');
  await settled();
  assert.deepEqual(
    Buffer.concat(heard.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))),
    Buffer.from(decode(expected, good).buffer),
  );
  for (const decoder of [victim, other, expected]) decoder.close();
});

test('Opus: every cut of a packet is a packet that decodes, or none', async () => {
  const [, packet] = await encode('opus', sine(700, 640));
  const decoder = openDecoder('opus');
  await settled();
  const out = new Int16Array(1920);
  for (let to = 0; to <= packet!.length; to++) {
    const positions = decoder.lengthOf(packet!, 0, to);
    assert.equal(decoder.decode(packet!, 0, to, out, 0), Math.max(0, 2 * positions));
    assert.equal(positions, to === 0 ? -1 : 160);
  }
  decoder.close();
});

test('Opus: what ffmpeg encodes for music in stereo at 48 kHz is heard', {
  skip: missing('/usr/bin/ffmpeg', '/usr/bin/sox', PROMPTS),
}, async () => {
  for (const args of [
    ['-ac', '2', '-b:a', '96k'],
    ['-b:a', '16k', '-application', 'voip', '-frame_duration', '60'],
  ]) {
    const ogg = execFileSync(
      'ffmpeg',
      [
        '-v',
        'error',
        '-i',
        `${PROMPTS}/vm-intro.wav`,
        '-ar',
        '48000',
        '-c:a',
        'libopus',
        ...args,
        '-f',
        'ogg',
        '-',
      ],
      { maxBuffer: 1 << 26 },
    );
    const decoder = openDecoder('opus');
    await settled();
    const heard = decode(decoder, packetsOf(ogg));
    decoder.close();
    const original = readSound(`${PROMPTS}/vm-intro.wav`, 16_000);
    assert.ok(locate(original, heard).correlation > 0.9, args.join(' '));
  }
});

test('Opus: ffmpeg hears what we encode', {
  skip: missing('/usr/bin/ffmpeg', '/usr/bin/sox', PROMPTS),
}, async () => {
  const original = readSound(`${PROMPTS}/vm-intro.wav`, 16_000);
  const file = fileOf(await encode('opus', original), 20);
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-i', '-', '-ar', '16000', '-f', 's16le', '-'], {
    input: file,
    maxBuffer: 1 << 26,
  });
  const heard = new Int16Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
  assert.ok(locate(original, heard).correlation > 0.9);
});

test('Opus: a packet of ours says the one before it again, at 24 kbit/s', {
  skip: missing('/usr/bin/sox', PROMPTS),
}, async () => {
  const packets = await encode(
    'opus',
    readSound(`${PROMPTS}/demo-instruct.wav`, 16_000).subarray(0, 160_000),
  );
  const bytes = packets.reduce((sum, packet) => sum + packet.length, 0);
  assert.ok((bytes * 8) / 10 < 30_000, `${(bytes * 8) / 10} bit/s`);
  for (const packet of packets) assert.equal(opusPacketLength(packet, 0, packet.length), 960);
});

test('Opus: until the library is there, a worker thread hears silence; then it hears', async () => {
  const packets = await encode('opus', sine(500, 6400));
  const levels = await inThread<number[]>(
    `
    const { openDecoder } = await import(workerData.codecs);
    const decoder = openDecoder('opus');
    const out = new Int16Array(320);
    const level = () => {
      for (const packet of workerData.packets) decoder.decode(packet, 0, packet.length, out, 0);
      return Math.max(...out);
    };
    const before = level();
    const { loadOpus } = await import(workerData.opus);
    await loadOpus();
    await new Promise((resolve) => setImmediate(resolve));
    parentPort.postMessage([before, level()]);
    `,
    { packets },
  );
  assert.equal(levels[0], 0);
  assert.ok(levels[1]! > 4000);
});

test('who speaks no Opus does not load it', async () => {
  const loaded = await inThread<string[]>(
    `
    const { registerHooks } = await import('node:module');
    const loaded = [];
    registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    const { openDecoder, openEncoder } = await import(workerData.codecs);
    openEncoder('G722');
    openDecoder('G722').decode(new Uint8Array(160), 0, 160, new Int16Array(320), 0);
    await new Promise((resolve) => setImmediate(resolve));
    parentPort.postMessage(loaded);
    `,
    {},
  );
  assert.ok(loaded.some((url) => url.includes('opus-codec')));
  assert.deepEqual(
    loaded.filter((url) => url.includes('libopus')),
    [],
  );
});

/** What `code` posts, run in a thread of its own. */
async function inThread<T>(code: string, data: object): Promise<T> {
  const workerData = {
    ...data,
    codecs: pathToFileURL(`${import.meta.dirname}/codecs.ts`).href,
    opus: pathToFileURL(`${import.meta.dirname}/opus-codec.ts`).href,
  };
  const body = `import { parentPort, workerData } from 'node:worker_threads';${code}`;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(body)}`), { workerData });
  try {
    return await new Promise<T>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  } finally {
    await worker.terminate();
  }
}

test('G.722 in a packet of no length is malformed', () => {
  const decoder = openDecoder('G722');
  assert.equal(decoder.lengthOf(new Uint8Array(0), 0, 0), -1);
  assert.equal(decoder.lengthOf(new Uint8Array(160), 0, 160), 160);
});

test('G.722: a prompt decodes packet by packet as in one piece', {
  skip: missing(`${PROMPTS}/vm-intro.g722`),
}, () => {
  const bytes = readFileSync(`${PROMPTS}/vm-intro.g722`);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 160) pieces.push(bytes.subarray(at, at + 160));
  const whole = new Int16Array(2 * bytes.length);
  openDecoder('G722').decode(bytes, 0, bytes.length, whole, 0);
  assert.deepEqual(decode(openDecoder('G722'), pieces), whole);
});
