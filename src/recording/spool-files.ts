/**
 * The two files of a spooled take: `<id>.pcm`, signed 16 bit little-endian samples without a header (encrypted: encrypted-spool.ts), and `<id>.json`,
 * the journal: whose it is, at which rate and of how many channels (interleaved), whether it is encrypted, and, once it was sealed, how long. Lengths
 * count 8,000 a second, whatever the rate.
 */
import type { KeyObject } from 'node:crypto';
import { closeSync, ftruncateSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EncryptedTake } from './encrypted-spool.ts';
import { bytesOf, writeAll } from './file-bytes.ts';
import { type TakeShape, widthOf } from './take.ts';

/** Samples a second in the spool of a narrow-band call. */
export const SPOOL_RATE = 8000;

/** What makes a take: the same members as the operation's own type. */
export interface TakeSpec {
  readonly recordingId: string;
  /** Folder of the spool. */
  readonly folder: string;
  readonly callId: string;
  readonly operationId: string;
  /** Somebody may read along: what is in the file is told of, and written more often. */
  readonly streamed: boolean;
  /** Given: the audio is encrypted with it. */
  readonly key?: KeyObject;
}

export interface TakeJournal {
  readonly recordingId: string;
  readonly callId: string;
  readonly operationId: string;
  readonly rate: 8000 | 16_000;
  readonly channels: 1 | 2;
  /** Samples; `undefined` while the take is being filled, and when the process died meanwhile. */
  readonly sealed: number | undefined;
  /** Left out: it is not. */
  readonly encrypted?: true;
}

/** The disk's side of one take. Synchronous: the spool's thread does nothing else. */
export interface TakeFiles {
  /** Writes what stands from position `at` of the take on. Throws when not all of it could be written. */
  write(samples: Int16Array, at: number): void;
  /** Notes the length in the journal and closes. The audio is there even when this throws. */
  seal(samples: number): void;
}

export const pcmPath = (folder: string, recordingId: string) => join(folder, `${recordingId}.pcm`);
export const journalPath = (folder: string, recordingId: string) => join(folder, `${recordingId}.json`);
/** A journal that is being written. */
export const newJournalPath = (folder: string, recordingId: string) =>
  join(folder, `${recordingId}.json.new`);

/** Makes both files. The journal first: so audio never lies in the spool without saying whose it is. */
export function openTakeFiles(
  { folder, recordingId, callId, operationId, key }: TakeSpec,
  { rate, channels }: TakeShape,
): TakeFiles {
  const whose = { recordingId, callId, operationId, rate, channels };
  const journal = key === undefined ? whose : ({ ...whose, encrypted: true } as const);
  writeJournal(folder, { ...journal, sealed: undefined });
  const file = openSync(pcmPath(folder, recordingId), 'w+', 0o600);
  try {
    const audio =
      key === undefined
        ? new PlainTake(file, { rate, channels })
        : new EncryptedTake(file, { recordingId, key }, { rate, channels });
    return new OpenTakeFiles(file, folder, journal, audio);
  } catch (thrown) {
    closeSync(file);
    throw thrown;
  }
}

/** Classes: there is one of each a take, for as long as it grows. */
class OpenTakeFiles implements TakeFiles {
  readonly #file: number;
  readonly #folder: string;
  readonly #journal: Omit<TakeJournal, 'sealed'>;
  readonly #audio: TakeAudio;

  constructor(file: number, folder: string, journal: Omit<TakeJournal, 'sealed'>, audio: TakeAudio) {
    this.#file = file;
    this.#folder = folder;
    this.#journal = journal;
    this.#audio = audio;
  }

  write(samples: Int16Array, at: number): void {
    this.#audio.write(samples, at);
  }

  seal(samples: number): void {
    try {
      // Before the audio goes: so whoever dies, or has no room for it, in between leaves nothing that was cut off.
      writeJournal(this.#folder, { ...this.#journal, sealed: samples });
      this.#audio.end(samples);
    } catch (thrown) {
      this.#audio.cut(samples);
      throw thrown;
    } finally {
      closeSync(this.#file);
    }
  }
}

type TakeAudio = Pick<EncryptedTake, 'write' | 'end' | 'cut'>;

class PlainTake implements TakeAudio {
  readonly #file: number;
  /** Of a position. */
  readonly #bytes: number;

  constructor(file: number, shape: TakeShape) {
    this.#file = file;
    this.#bytes = 2 * widthOf(shape);
  }

  write(samples: Int16Array, at: number): void {
    writeAll(this.#file, bytesOf(samples), at * this.#bytes);
  }

  end(samples: number): void {
    // It may hold what was cut off again.
    ftruncateSync(this.#file, samples * this.#bytes);
  }

  cut(samples: number): void {
    this.end(samples);
  }
}

/** `undefined` when there is none or it is not one of ours. */
export async function readJournal(folder: string, recordingId: string): Promise<TakeJournal | undefined> {
  try {
    const read: Partial<TakeJournal> = JSON.parse(await readFile(journalPath(folder, recordingId), 'utf8'));
    const { callId, operationId, sealed, rate, channels, encrypted } = read;
    if (read.recordingId !== recordingId || typeof callId !== 'string' || typeof operationId !== 'string')
      return undefined;
    return {
      recordingId,
      callId,
      operationId,
      rate: rate === 16_000 ? rate : SPOOL_RATE,
      channels: channels === 2 ? 2 : 1,
      sealed: typeof sealed === 'number' ? sealed : undefined,
      ...(encrypted === true && { encrypted }),
    };
  } catch {
    return undefined;
  }
}

/** Removes what there is of a take. The journal last, see `openTakeFiles`. */
export async function removeTake(folder: string, recordingId: string): Promise<void> {
  await rm(pcmPath(folder, recordingId), { force: true });
  await rm(newJournalPath(folder, recordingId), { force: true });
  await rm(journalPath(folder, recordingId), { force: true });
}

/** Whole or not at all, whatever moment the process dies at. */
function writeJournal(folder: string, journal: TakeJournal): void {
  const temporary = newJournalPath(folder, journal.recordingId);
  writeFileSync(temporary, JSON.stringify(journal), { mode: 0o600 });
  renameSync(temporary, journalPath(folder, journal.recordingId));
}
