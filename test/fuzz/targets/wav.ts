import assert from 'node:assert/strict';
import { parseWav, pcmWavHeader, readMono } from '../../../src/wire/wav.ts';
import { mutated } from '../mutations.ts';
import type { Random } from '../random.ts';
import type { Target } from '../target.ts';

export const wav: Target = {
  name: 'wav',
  about: 'WAV files: no throw, the audio lies within the file, samples are numbers from −1 to 1',
  make: (random) => mutated(wavFile(random), random, [wavFile(random)]),
  check(input) {
    const parsed = parseWav(input);
    if (!parsed.ok) {
      assert.match(parsed.reason, /^\P{Cc}+$/u);
      return;
    }
    const { audio } = parsed;
    assert.ok(audio.frames > 0 && audio.data.length <= input.length);
    const mono = readMono(audio, 0, audio.frames);
    assert.equal(mono.length, audio.frames);
    assert.ok(mono.every((sample) => sample >= -1 && sample <= 1));
  },
};

/** Of any format, plain or extensible, with other chunks around. */
function wavFile(random: Random): Buffer {
  const [tag, bits] = random.pick([
    [1, 8],
    [1, 16],
    [1, 24],
    [1, 32],
    [3, 32],
    [3, 64],
    [6, 8],
    [7, 8],
  ] as const);
  const channels = 1 + random.int(3);
  const samples = random.bytes(channels * (bits / 8) * random.length(200));
  if (random.oneIn(4)) return Buffer.concat([pcmWavHeader(8000, samples.length >> 1), samples]);
  const isExtensible = random.oneIn(3);
  const format = Buffer.alloc(isExtensible ? 40 : 16);
  format.writeUInt16LE(isExtensible ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(random.pick([8000, 16_000, 44_100, 5, 192_001]), 4);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  if (isExtensible) {
    format.writeUInt16LE(tag, 24);
    Buffer.from('000000001000800000aa00389b71', 'hex').copy(format, 26);
  }
  const others = Array.from({ length: random.int(3) }, () => chunk('LIST', random.bytes(random.length(40))));
  const body = Buffer.concat([Buffer.from('WAVE'), ...others, chunk('fmt ', format), chunk('data', samples)]);
  return chunk('RIFF', body);
}

function chunk(id: string, data: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.write(id, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}
