import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { babble } from '../../test/support/recordings.ts';
import { missing } from '../../test/support/tools.ts';
import { upsampled } from '../wire/upsample.ts';
import { type Encoder, openEncoder } from './encoder.ts';
import { bytesOf } from './file-bytes.ts';
import type { FinishJob } from './finish.ts';
import type { RecordingFormat } from './formats.ts';

const FORMATS = ['wav', 'mp3', 'flac', 'ogg'] as const;
const skip = missing('/usr/bin/ffmpeg');

function staged(t: TestContext, encoder: Encoder = openEncoder()) {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-encoder-'));
  t.after(async () => {
    await encoder.close();
    rmSync(folder, { recursive: true });
  });
  let files = 0;
  /** What a spool file of these samples becomes. */
  const encode = async (samples: Int16Array, format: RecordingFormat, changes: Partial<FinishJob> = {}) => {
    const from = join(folder, `${++files}.pcm`);
    const to = join(folder, `${files}.${format}`);
    writeFileSync(from, bytesOf(samples));
    const { channels = 1 } = changes;
    const job = { from, to, format, rate: 8000, channels, begin: 0, end: samples.length / channels } as const;
    const finished = await encoder.encode({ ...job, ...changes });
    return { finished, path: to, bytes: readFileSync(to) };
  };
  return { folder, encode, encoder };
}

/** As ffmpeg hears a file: interleaved, 16 kHz. */
function decode(path: string): Int16Array {
  const { stdout, stderr, status } = spawnSync('ffmpeg', ['-v', 'error', '-i', path, '-f', 's16le', '-'], {
    maxBuffer: 2 ** 28,
  });
  assert.equal(`${status} ${stderr}`, '0 ');
  return new Int16Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
}

function channel(samples: Int16Array, which: number, of = 2): Int16Array {
  return Int16Array.from({ length: samples.length / of }, (_, at) => samples[at * of + which]!);
}

/** How alike, 1 being the same, and by how many samples later `b` is. */
function alike(a: Int16Array, b: Int16Array, most: number) {
  let best = { r: -1, lag: 0 };
  for (let lag = 0; lag <= most; lag++) {
    let ab = 0;
    let aa = 0;
    let bb = 0;
    for (let at = 0; at < a.length && at + lag < b.length; at += 3) {
      ab += a[at]! * b[at + lag]!;
      aa += a[at]! ** 2;
      bb += b[at + lag]! ** 2;
    }
    const r = ab / Math.sqrt(aa * bb);
    if (r > best.r) best = { r, lag };
  }
  return best;
}

/** Without the noise in babble, which no codec for speech would keep. */
function melody(length: number, seed = 1): Int16Array {
  return Int16Array.from({ length }, (_, i) =>
    Math.round(9000 * Math.sin(i * 0.2 * seed) * Math.sin(i * 0.0007 + seed)),
  );
}

test('each format, as ffmpeg hears it, is what was captured, and as long', { skip }, async (t) => {
  const { encode } = staged(t);
  const samples = melody(83_211);
  const expected = upsampled(samples);
  for (const format of FORMATS) {
    const { finished, path, bytes } = await encode(samples, format);
    assert.equal(finished.durationMs, 83_211 / 8);
    assert.equal(finished.bytes, bytes.length);
    assert.equal(finished.sha256, createHash('sha256').update(bytes).digest('hex'));
    // An Opus file is decoded at 48 kHz.
    const heard = format === 'ogg' ? channel(decode(path), 0, 3) : decode(path);
    if (format === 'wav' || format === 'flac') assert.deepEqual(heard, expected);
    else {
      // MP3 comes in frames of 36 ms, with a decoder's and an encoder's delay before them.
      const slack = format === 'mp3' ? 2400 : 0;
      assert.ok(
        Math.abs(heard.length - expected.length) <= slack,
        `${format}: ${heard.length - expected.length}`,
      );
      const { r, lag } = alike(expected, heard, slack);
      assert.ok(r > 0.98, `${format}: ${r} at ${lag}`);
    }
  }
});

test('two channels stay two, and do not mix', { skip }, async (t) => {
  const { encode } = staged(t);
  const [left, right] = [melody(40_000, 1), melody(40_000, 2.3)];
  const both = Int16Array.from({ length: 80_000 }, (_, at) => (at % 2 === 0 ? left : right)[at >> 1]!);
  for (const format of FORMATS) {
    const { path } = await encode(both, format, { channels: 2 });
    const all = decode(path);
    const heard = (which: number) => channel(all, format === 'ogg' ? which : which, format === 'ogg' ? 6 : 2);
    for (const [which, spoken, other] of [
      [0, left, right],
      [1, right, left],
    ] as const) {
      const most = format === 'mp3' ? 2400 : 0;
      assert.ok(alike(upsampled(spoken), heard(which), most).r > 0.97, `${format} ${which}`);
      assert.ok(Math.abs(alike(upsampled(other), heard(which), 0).r) < 0.2, `${format} ${which}`);
    }
  }
});

test('what was captured at 16 kHz is kept as it is, and only what is asked for of it', {
  skip,
}, async (t) => {
  const { encode } = staged(t);
  const samples = babble(32_000);
  for (const format of ['wav', 'flac'] as const) {
    const { finished, path } = await encode(samples, format, { rate: 16_000, begin: 4800, end: 20_000 });
    assert.deepEqual(decode(path), samples.slice(4800, 20_000));
    assert.equal(finished.durationMs, 950);
  }
});

test('a recording of a few samples, or of none, is a file that can be played', { skip }, async (t) => {
  const { encode } = staged(t);
  for (const format of FORMATS)
    for (const length of [0, 1, 159]) {
      const { path, finished } = await encode(melody(length), format);
      assert.equal(finished.durationMs, length / 8);
      // Nothing can be decoded of an MP3 without a frame.
      if (length > 0) decode(path);
    }
});

test('files are made side by side, and each is the same as alone', async (t) => {
  const { encode } = staged(t);
  const jobs = Array.from(
    { length: 24 },
    (_, n) => [melody(8000 + 3000 * n, 1 + n / 7), FORMATS[n % 3]!] as const,
  );
  const alone: string[] = [];
  for (const [samples, format] of jobs) alone.push((await encode(samples, format)).finished.sha256);
  const together = await Promise.all(jobs.map(([samples, format]) => encode(samples, format)));
  assert.deepEqual(
    together.map(({ finished }) => finished.sha256),
    alone,
  );
});

test('a file that cannot be made is named, leaves nothing behind, and harms no other', async (t) => {
  const { encode, encoder, folder } = staged(t);
  const job = { from: join(folder, 'none.pcm'), to: join(folder, 'none.mp3'), format: 'mp3' } as const;
  const rest = { rate: 8000, channels: 1, begin: 0, end: 8000 } as const;
  const [wrong, short, right] = await Promise.allSettled([
    encoder.encode({ ...job, ...rest }),
    encode(melody(4000), 'flac', { end: 4001 }),
    encode(melody(4000), 'wav'),
  ]);
  assert.match(String(wrong.status === 'rejected' && wrong.reason), /ENOENT.*none\.pcm/);
  assert.match(String(short.status === 'rejected' && short.reason), /ends before sample 4001/);
  assert.equal(right.status, 'fulfilled');
  assert.deepEqual(readdirSync(folder).sort(), ['1.pcm', '2.pcm', '2.wav']);
});

test('when the thread dies, what waited for it fails, and the next file is made by another', async (t) => {
  let started = 0;
  const encoder = openEncoder(() => {
    started++;
    return started === 1
      ? new Worker(`require('node:worker_threads').parentPort.once('message', () => process.exit(3))`, {
          eval: true,
        })
      : new Worker(new URL('./encoder-thread.ts', import.meta.url));
  });
  const { encode } = staged(t, encoder);
  const failure = { code: 'encoderFailed', message: /the encoder's thread died: it stopped with code 3/ };
  await assert.rejects(encode(melody(4000), 'wav'), failure);
  assert.equal((await encode(melody(4000), 'wav')).finished.durationMs, 500);
  assert.equal(started, 2);
});

test('closing waits for the files that were asked for, and takes no more', async (t) => {
  const { encode, encoder, folder } = staged(t);
  const asked = encode(melody(80_000), 'flac');
  await new Promise((resolve) => setImmediate(resolve));
  await encoder.close();
  await asked;
  assert.ok(existsSync(join(folder, '1.flac')));
  await assert.rejects(encode(melody(80), 'wav'), { code: 'encoderFailed' });
});
