import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeALaw, encodeMuLaw } from '../../test/support/mu-law.ts';
import { missing } from '../../test/support/tools.ts';
import { parseWav, pcmWavHeader, readMono, type WavAudio, type WavEncoding } from './wav.ts';

const AMPLITUDE = 0.5;
const FREQUENCY = 1000;

/** A chunk with its pad byte. */
function chunk(id: string, data: Uint8Array, size = data.length): Buffer {
  const header = Buffer.alloc(8);
  header.write(id, 0, 'latin1');
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, data, Buffer.alloc(data.length % 2)]);
}

function riff(...chunks: readonly Uint8Array[]): Buffer {
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]));
}

function fmt(tag: number, channels: number, rate: number, bits: number, width = Math.ceil(bits / 8)): Buffer {
  const data = Buffer.alloc(16);
  data.writeUInt16LE(tag, 0);
  data.writeUInt16LE(channels, 2);
  data.writeUInt32LE(rate, 4);
  data.writeUInt32LE(rate * channels * width, 8);
  data.writeUInt16LE(channels * width, 12);
  data.writeUInt16LE(bits, 14);
  return chunk('fmt ', data);
}

function extensible(tag: number, channels: number, rate: number, bits: number, width: number): Buffer {
  const plain = fmt(0xfffe, channels, rate, 8 * width, width).subarray(8);
  const more = Buffer.alloc(10);
  more.writeUInt16LE(22, 0);
  more.writeUInt16LE(bits, 2);
  more.writeUInt16LE(tag, 8);
  return chunk('fmt ', Buffer.concat([plain, more, Buffer.from('000000001000800000aa00389b71', 'hex')]));
}

/** `frames` of the test tone, the same on every channel, as `write` puts one sample. */
function toneData(
  rate: number,
  channels: number,
  width: number,
  write: (data: Buffer, value: number, at: number) => void,
  frames = rate / 10,
): Buffer {
  const data = Buffer.alloc(frames * channels * width);
  for (let i = 0; i < frames; i++) {
    const value = AMPLITUDE * Math.sin((2 * Math.PI * FREQUENCY * i) / rate);
    for (let channel = 0; channel < channels; channel++) write(data, value, (i * channels + channel) * width);
  }
  return data;
}

const WRITERS: readonly {
  readonly encoding: WavEncoding;
  readonly tag: number;
  readonly width: number;
  readonly write: (data: Buffer, value: number, at: number) => void;
}[] = [
  {
    encoding: 'pcm8',
    tag: 1,
    width: 1,
    write: (data, value, at) => data.writeUInt8(Math.round(value * 127) + 128, at),
  },
  {
    encoding: 'pcm16',
    tag: 1,
    width: 2,
    write: (data, value, at) => data.writeInt16LE(Math.round(value * 32_767), at),
  },
  {
    encoding: 'pcm24',
    tag: 1,
    width: 3,
    write: (data, value, at) => data.writeIntLE(Math.round(value * 8_388_607), at, 3),
  },
  {
    encoding: 'pcm32',
    tag: 1,
    width: 4,
    write: (data, value, at) => data.writeInt32LE(Math.round(value * 2_147_483_647), at),
  },
  { encoding: 'float32', tag: 3, width: 4, write: (data, value, at) => data.writeFloatLE(value, at) },
  { encoding: 'float64', tag: 3, width: 8, write: (data, value, at) => data.writeDoubleLE(value, at) },
  {
    encoding: 'PCMA',
    tag: 6,
    width: 1,
    write: (data, value, at) => data.set(encodeALaw(Int16Array.of(value * 32_767)), at),
  },
  {
    encoding: 'PCMU',
    tag: 7,
    width: 1,
    write: (data, value, at) => data.set(encodeMuLaw(Int16Array.of(value * 32_767)), at),
  },
];

function read(bytes: Uint8Array): WavAudio {
  const parsed = parseWav(bytes);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.audio;
}

function reason(bytes: Uint8Array): string {
  const parsed = parseWav(bytes);
  assert.ok(!parsed.ok, 'it was read');
  return parsed.reason;
}

/** Asserts that `audio` is the test tone at its frequency and level, with little else in it. */
function assertTone(audio: WavAudio, about: string): void {
  const mono = readMono(audio, 0, audio.frames);
  let re = 0;
  let im = 0;
  let energy = 0;
  mono.forEach((value, i) => {
    re += value * Math.cos((2 * Math.PI * FREQUENCY * i) / audio.rate);
    im += value * Math.sin((2 * Math.PI * FREQUENCY * i) / audio.rate);
    energy += value * value;
  });
  const amplitude = (2 * Math.hypot(re, im)) / mono.length;
  assert.ok(Math.abs(20 * Math.log10(amplitude / AMPLITUDE)) < 0.1, `${about}: amplitude ${amplitude}`);
  assert.ok((amplitude * amplitude * mono.length) / 2 / energy > 0.998, `${about}: something else is in it`);
}

test('every encoding is read at every usual rate, in mono and stereo, plain and extensible', () => {
  for (const { encoding, tag, width, write } of WRITERS) {
    for (const rate of [8000, 11_025 - 25, 16_000, 22_050, 44_100, 48_000, 192_000]) {
      for (const channels of [1, 2, 6]) {
        const data = chunk('data', toneData(rate, channels, width, write, 1764));
        for (const format of [
          fmt(tag, channels, rate, 8 * width),
          extensible(tag, channels, rate, 8 * width, width),
        ]) {
          const audio = read(riff(format, data));
          assert.deepEqual(
            [audio.encoding, audio.rate, audio.channels, audio.frames],
            [encoding, rate, channels, 1764],
          );
          if (rate % FREQUENCY === 0)
            assertTone({ ...audio, frames: rate / 1000 }, `${encoding} ${rate} Hz × ${channels}`);
        }
      }
    }
  }
});

test('channels are mixed down by their mean, and a piece of the audio is the same piece', () => {
  const data = Buffer.alloc(8);
  [16_384, -16_384, 16_384, 8192].forEach((value, i) => {
    data.writeInt16LE(value, 2 * i);
  });
  const audio = read(riff(fmt(1, 2, 8000, 16), chunk('data', data)));
  assert.deepEqual([...readMono(audio, 0, 2)], [0, 0.375]);
  assert.deepEqual([...readMono(audio, 1, 2)], [0.375]);
  assert.equal(readMono(audio, 2, 2).length, 0);
});

test('samples of 12 and 20 bits stand left-justified in whole bytes', () => {
  const twelve = Buffer.alloc(2);
  twelve.writeInt16LE(0x4000, 0);
  const narrow = read(riff(fmt(1, 1, 8000, 12), chunk('data', twelve)));
  assert.deepEqual([narrow.encoding, readMono(narrow, 0, 1)[0]], ['pcm16', 0.5]);
  const twenty = Buffer.alloc(3);
  twenty.writeIntLE(-0x400000, 0, 3);
  const wide = read(riff(extensible(1, 1, 8000, 20, 3), chunk('data', twenty)));
  assert.deepEqual([wide.encoding, readMono(wide, 0, 1)[0]], ['pcm24', -0.5]);
});

test('floats beyond full scale are clipped, and what is no number is silence', () => {
  const data = Buffer.alloc(16);
  [2, -Infinity, Number.NaN, 0.25].forEach((value, i) => {
    data.writeFloatLE(value, 4 * i);
  });
  const audio = read(riff(fmt(3, 1, 8000, 32), chunk('data', data)));
  assert.deepEqual([...readMono(audio, 0, 4)], [1, -1, 0, 0.25]);
});

test('other chunks before and after the audio are passed over, odd ones too, padded or not', () => {
  const samples = Buffer.from([128, 255, 128, 1]);
  const odd = chunk('LIST', Buffer.from('INFOabc'));
  const unpadded = odd.subarray(0, -1);
  for (const list of [odd, unpadded]) {
    for (const chunks of [
      [list, fmt(1, 1, 8000, 8), chunk('data', samples)],
      [fmt(1, 1, 8000, 8), chunk('fact', Buffer.alloc(4)), list, chunk('data', samples)],
      [fmt(1, 1, 8000, 8), chunk('data', samples), list],
    ]) {
      assert.deepEqual([...read(riff(...chunks)).data], [...samples]);
    }
  }
});

test('a stream that was not known to end reaches to the end', () => {
  const samples = Buffer.from([128, 255, 128, 1]);
  for (const size of [0, 0xffff_ffff, 0x7fff_ffff, 0x7fff_f000]) {
    const file = riff(fmt(1, 1, 8000, 8), chunk('data', samples, size));
    file.writeUInt32LE(size === 0 ? 36 : size, 4);
    assert.deepEqual([...read(file).data], [...samples], `size ${size}`);
  }
  const file = riff(fmt(1, 2, 8000, 16), chunk('data', Buffer.alloc(11), 0xffff_ffff));
  assert.equal(read(file).frames, 3, 'a part of a frame at the end is left out');
});

test('a file without a sample in it is no prompt, even when more follows', () => {
  assert.equal(reason(riff(fmt(1, 1, 8000, 8), chunk('data', Buffer.alloc(0)))), 'it holds no audio');
  const list = chunk('LIST', Buffer.from('INFOabcd'));
  assert.equal(reason(riff(fmt(1, 1, 8000, 8), chunk('data', Buffer.alloc(0)), list)), 'it holds no audio');
});

test('what is wrong with a file is named', () => {
  const data = chunk('data', Buffer.alloc(8));
  assert.match(reason(Buffer.alloc(0)), /not a WAV file but only 0 bytes long/);
  assert.match(reason(Buffer.from('<!DOCTYPE html><html>')), /text \(a web page/);
  assert.match(reason(Buffer.from('ID3\u0004 and more of it')), /MP3; convert it to WAV/);
  assert.match(reason(Buffer.from('OggS and more of it')), /Ogg/);
  assert.match(reason(Buffer.from('RIFF1234AVI LIST')), /not a WAV file/);
  assert.match(reason(riff(data)), /before its "fmt " chunk/);
  assert.match(reason(riff(fmt(1, 1, 8000, 8))), /no "data" chunk/);
  assert.match(reason(riff(chunk('fmt ', Buffer.alloc(14)), data)), /14 bytes instead of 16/);
  assert.match(reason(riff(fmt(1, 0, 8000, 8), data)), /0 channels/);
  assert.match(reason(riff(fmt(1, 1, 4000, 8), data)), /4000 Hz; 6000 to 192000/);
  assert.match(
    reason(riff(fmt(1, 1, 8000, 64), data)),
    /format 1 with 64 bits .*PCM of 8, 16, 24 or 32 bits/,
  );
  assert.match(reason(riff(fmt(2, 1, 8000, 4, 1), data)), /format 2/);
  assert.match(reason(riff(fmt(0xfffe, 1, 8000, 16), data)), /extensible "fmt " chunk has 16 bytes/);
  assert.match(
    reason(riff(fmt(1, 1, 8000, 8), chunk('data', Buffer.alloc(8), 800))),
    /promises 800 bytes of audio, 8 are there/,
  );
});

test('a file that is cut short at any byte is refused with a reason', () => {
  const file = riff(
    extensible(1, 2, 8000, 16, 2),
    chunk('LIST', Buffer.from('INFOabc')),
    chunk('data', Buffer.alloc(64, 1)),
  );
  for (let length = 0; length < file.length; length++)
    assert.ok(reason(file.subarray(0, length)).length > 10);
  assert.ok(parseWav(file).ok);
});

test('no bytes throw, and what is read is within the file', () => {
  const valid = riff(
    fmt(1, 2, 8000, 16),
    chunk('LIST', Buffer.from('INFOabc')),
    chunk('data', Buffer.alloc(64, 1)),
  );
  const mutated = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 })), { maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(valid);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), mutated), (bytes) => {
      const parsed = parseWav(bytes);
      if (!parsed.ok) return assert.notEqual(parsed.reason, '');
      assert.ok(parsed.audio.data.length <= bytes.length);
      const mono = readMono(parsed.audio, 0, parsed.audio.frames);
      assert.equal(mono.length, parsed.audio.frames);
      assert.ok(mono.every((value) => value >= -1 && value <= 1));
    }),
    { numRuns: 3000 },
  );
});

test('the header of a finished file tells its length, that of a growing one that it is unknown', () => {
  const samples = Buffer.from([1, 0, 2, 0, 3, 0]);
  const finished = Buffer.concat([pcmWavHeader(16_000, 3), samples]);
  assert.equal(
    finished.toString('hex', 0, 44),
    riff(fmt(1, 1, 16_000, 16), chunk('data', samples)).toString('hex', 0, 44),
  );
  assert.equal(read(finished).frames, 3);
  const growing = Buffer.concat([pcmWavHeader(16_000, undefined), samples]);
  assert.equal(growing.readUInt32LE(4), 0xffff_ffff);
  assert.equal(growing.readUInt32LE(40), 0xffff_ffff);
  assert.equal(read(growing).frames, 3);
});

test('what sox writes is read, whatever the encoding, rate and channels', {
  skip: missing('/usr/bin/sox'),
}, () => {
  const formats: readonly [WavEncoding, string[]][] = [
    ['pcm8', ['-e', 'unsigned-integer', '-b', '8']],
    ['pcm16', ['-e', 'signed-integer', '-b', '16']],
    ['pcm24', ['-e', 'signed-integer', '-b', '24']],
    ['pcm32', ['-e', 'signed-integer', '-b', '32']],
    ['float32', ['-e', 'floating-point', '-b', '32']],
    ['float64', ['-e', 'floating-point', '-b', '64']],
    ['PCMU', ['-e', 'mu-law']],
    ['PCMA', ['-e', 'a-law']],
  ];
  for (const [encoding, options] of formats) {
    for (const [rate, channels] of [
      [8000, 1],
      [44_000, 2],
      [48_000, 6],
    ] as const) {
      // Written to a pipe: sox cannot go back to put the length in.
      const file = execFileSync('sox', [
        '-R',
        '-V1',
        '-n',
        '-t',
        'wav',
        '-r',
        `${rate}`,
        '-c',
        `${channels}`,
        ...options,
        '-',
        'synth',
        '0.1',
        'sine',
        `${FREQUENCY}`,
        'vol',
        `${AMPLITUDE}`,
      ]);
      const audio = read(file);
      assert.deepEqual(
        [audio.encoding, audio.rate, audio.channels, audio.frames],
        [encoding, rate, channels, rate / 10],
      );
      assertTone(audio, `${encoding} ${rate} Hz × ${channels}`);
    }
  }
});
