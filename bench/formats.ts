/** What a finished file costs, by format: CPU of a minute of speech, and what of it is in the file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytesOf } from '../src/recording/file-bytes.ts';
import { finishFile } from '../src/recording/finish.ts';
import type { RecordingFormat } from '../src/recording/formats.ts';
import { decodeG711 } from '../src/wire/g711.ts';
import { parseWav } from '../src/wire/wav.ts';

const RATE = 8000;
const MINUTE = 60 * RATE;
const TIMES = 5;

/** Prints a line a format, and one of JSON. */
export async function formats(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-formats-'));
  const from = join(folder, 'take.pcm');
  writeFileSync(from, bytesOf(minuteOfSpeech()));
  const results: object[] = [];
  console.log(['', 'first, ms', 'a minute, ms', 'kB'].map((cell) => cell.padStart(13)).join(''));
  for (const format of ['wav', 'mp3', 'flac', 'ogg'] as const) {
    const first = await make(from, folder, format);
    const rest: { readonly ms: number }[] = [];
    for (let time = 0; time < TIMES; time++) rest.push(await make(from, folder, format));
    const ms = rest.map((one) => one.ms).sort((a, b) => a - b)[TIMES >> 1] ?? 0;
    const cells = [format, first.ms.toFixed(0), ms.toFixed(0), (first.bytes / 1000).toFixed(0)];
    console.log(cells.map((cell) => cell.padStart(13)).join(''));
    results.push({ format, firstMs: first.ms, minuteMs: ms, bytes: first.bytes });
  }
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify({ bench: 'formats', node: process.version, results }));
}

async function make(from: string, folder: string, format: RecordingFormat) {
  const before = process.cpuUsage();
  const job = { from, to: join(folder, `file.${format}`), format, rate: RATE, channels: 1 } as const;
  const { bytes } = await finishFile({ ...job, begin: 0, end: MINUTE });
  const { user, system } = process.cpuUsage(before);
  return { ms: (user + system) / 1000, bytes };
}

/** At 8 kHz. */
export function minuteOfSpeech(): Int16Array {
  const parsed = parseWav(readFileSync(join(import.meta.dirname, '../examples/audio/caller.wav')));
  if (!parsed.ok || parsed.audio.encoding !== 'PCMU') throw new Error('caller.wav is not a mu-law WAV file');
  const { data } = parsed.audio;
  const speech = new Int16Array(data.length);
  decodeG711('PCMU', data, 0, data.length, speech, 0);
  return Int16Array.from({ length: MINUTE }, (_, at) => speech[at % speech.length]!);
}
