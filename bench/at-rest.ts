/** What encryption costs, by turns without and with it: CPU of writing blocks to the spool, of making a minute's file, and of reading it. */
import { generateKeySync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEGMENT } from '../src/recording/encrypted-file.ts';
import { finishFile } from '../src/recording/finish.ts';
import { readRange } from '../src/recording/finished-file.ts';
import type { RecordingFormat } from '../src/recording/formats.ts';
import type { RecordingKey } from '../src/recording/segments.ts';
import { openTakeFiles, pcmPath } from '../src/recording/spool-files.ts';
import { minuteOfSpeech } from './formats.ts';

const RATE = 8000;
const ROUNDS = 7;
const READS = 20;
const SHAPE = { rate: RATE, channels: 1 } as const;

/** Prints a line a question, and one of JSON. */
export async function atRest(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-at-rest-'));
  const speech = minuteOfSpeech();
  const recordingId = 'recording';
  const encrypted: RecordingKey = { recordingId, key: generateKeySync('aes', { length: 256 }) };
  const results: object[] = [];
  const compare = async (
    what: string,
    times: number,
    run: (key: RecordingKey | undefined) => Promise<void>,
  ) => {
    const measured = new Map<RecordingKey | undefined, number[]>([
      [undefined, []],
      [encrypted, []],
    ]);
    for (let round = -1; round < ROUNDS; round++)
      for (const [key, all] of measured) {
        const before = process.cpuUsage();
        await run(key);
        const { user, system } = process.cpuUsage(before);
        // The first round is not counted.
        if (round >= 0) all.push((user + system) / times);
      }
    const [plainUs = 0, encryptedUs = 0] = [...measured.values()].map(
      (all) => all.sort((a, b) => a - b)[ROUNDS >> 1],
    );
    const cells = [plainUs, encryptedUs, encryptedUs - plainUs].map((us) => us.toFixed(1).padStart(12));
    console.log(what.padEnd(34) + cells.join(''));
    results.push({ what, plainUs, encryptedUs });
  };
  const folderOf = (key: RecordingKey | undefined) => join(folder, key === undefined ? 'plain' : 'encrypted');
  for (const key of [undefined, encrypted]) mkdirSync(folderOf(key));
  const spool = (key: RecordingKey | undefined, block: number) => {
    const whose = { recordingId, folder: folderOf(key), callId: 'call', operationId: 'operation' };
    const files = openTakeFiles({ ...whose, streamed: false, ...(key && { key: key.key }) }, SHAPE);
    for (let at = 0; at < speech.length; at += block) files.write(speech.subarray(at, at + block), at);
    files.seal(speech.length);
  };
  const fileOf = (key: RecordingKey | undefined, format: RecordingFormat) => join(folderOf(key), format);
  const finish = (key: RecordingKey | undefined, format: RecordingFormat) => {
    const from = pcmPath(folderOf(key), recordingId);
    const shape = { ...SHAPE, begin: 0, end: speech.length };
    return finishFile({ from, to: fileOf(key, format), format, ...shape, key });
  };

  const heads = ['plain, µs', 'encrypted', 'more'].map((cell) => cell.padStart(12));
  console.log(''.padEnd(34) + heads.join(''));
  for (const [what, block] of [
    ['spool: 100 ms, read along', RATE / 10],
    ['spool: half a second', RATE / 2],
  ] as const)
    await compare(what, speech.length / block, async (key) => spool(key, block));
  for (const format of ['wav', 'mp3'] as const)
    await compare(`file: a minute of ${format}`, 1, async (key) => void (await finish(key, format)));
  const bytes = 44 + 4 * speech.length;
  await compare('reading 64 KiB', READS * Math.ceil(bytes / SEGMENT), async (key) => {
    for (let time = 0; time < READS; time++)
      for await (const _ of readRange(fileOf(key, 'wav'), 0, bytes, key && { ...key, bytes }));
  });
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify({ bench: 'at-rest', node: process.version, results }));
}
