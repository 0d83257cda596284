/**
 * Captured takes on their way to finished files: the run of each, made once however many ask for it, and those that the disk has refused so far, which are tried
 * again. What becomes of a take's tail, spool and record when its file is there, or cannot be made, is decided here; the file itself is made by the encoder.
 */
import { reasonOf, TonearmError } from '../errors.ts';
import type { Encoder } from './encoder.ts';
import type { FinishedFile } from './finish.ts';
import { type LateFiles, lateFiles } from './late-files.ts';
import type { CapturedTake, FinishedRecording } from './library.ts';
import type { LiveTail } from './live-tail.ts';
import type { FinishedRecord, PreparedRecord } from './records.ts';
import type { Shelf } from './shelf.ts';
import { pcmPath, readJournal, removeTake, SPOOL_RATE } from './spool-files.ts';
import { spooledIn } from './spool-reader.ts';

/** With so many files to be made, a recording is told of only when its own is. */
const MOST_BEHIND = 64;
/** `trimSilence` leaves so much on either side of speech. */
const KEPT_AROUND_SPEECH_MS = 200;

/** `kept`: the take was found, and the rest is a matter of time. */
interface Finishing {
  readonly kept: Promise<void>;
  readonly finished: Promise<FinishedRecording>;
}

/** Whoever makes it closes it. */
export class FilesInMaking {
  readonly #shelf: Shelf;
  readonly #encoder: Encoder;
  readonly #onFinished: (recordingId: string, record: FinishedRecord) => void;
  readonly #finishing = new Map<string, Finishing>();
  readonly #late: LateFiles;

  /** @param onFinished told of each once its take is no more in the spool */
  constructor(
    shelf: Shelf,
    encoder: Encoder,
    onFinished: (recordingId: string, record: FinishedRecord) => void,
  ) {
    this.#shelf = shelf;
    this.#encoder = encoder;
    this.#onFinished = onFinished;
    const { clock, log } = shelf;
    this.#late = lateFiles({ clock, log, finish: (id, take) => this.finish(id, take) });
  }

  /** Files that the disk has refused so far. */
  get late(): Pick<LateFiles, 'size' | 'has' | 'retryInMs'> {
    return this.#late;
  }

  /** Whether its file is being made at this moment. */
  has(recordingId: string): boolean {
    return this.#finishing.has(recordingId);
  }

  /** Resolves when its file is not being made any more, whatever came of it; `undefined`: it is not. */
  made(recordingId: string): Promise<void> | undefined {
    return this.#finishing.get(recordingId)?.finished.then(
      () => {},
      () => {},
    );
  }

  /** See RecordingLibrary.keep. */
  keep(recordingId: string, take: CapturedTake): Promise<void> {
    const isBehind = this.#finishing.size >= MOST_BEHIND;
    const { kept, finished } = this.#beginFinish(recordingId, take);
    // Whoever records faster than files can be made is held up by it.
    if (isBehind) return finished.then(() => {});
    const onLateFailure = (thrown: unknown) =>
      this.#shelf.log.error({ recordingId, error: reasonOf(thrown) }, 'a recording could not be finished');
    // What goes wrong before is the caller's to tell.
    void kept.then(
      () => finished.catch(onLateFailure),
      () => {},
    );
    return kept;
  }

  /** See RecordingLibrary.finish. */
  finish(recordingId: string, take: CapturedTake): Promise<FinishedRecording> {
    return this.#beginFinish(recordingId, take).finished;
  }

  #beginFinish(recordingId: string, take: CapturedTake): Finishing {
    const running = this.#finishing.get(recordingId);
    if (running !== undefined) return running;
    const kept = Promise.withResolvers<void>();
    const finished = this.#finish(recordingId, take, kept.resolve).finally(() =>
      this.#finishing.delete(recordingId),
    );
    finished.then(() => kept.resolve(), kept.reject);
    // Not everybody who finishes one waits for both.
    kept.promise.catch(() => {});
    const finishing = { kept: kept.promise, finished };
    this.#finishing.set(recordingId, finishing);
    return finishing;
  }

  /** Waits for those that are being made; late ones are left to the next start. */
  async close(): Promise<void> {
    this.#late.close();
    await Promise.allSettled([...this.#finishing.values()].map(({ finished }) => finished));
  }

  async #finish(recordingId: string, take: CapturedTake, onKept: () => void): Promise<FinishedRecording> {
    const tail = this.#shelf.live.get(recordingId);
    try {
      const record = await this.#shelf.records.get(recordingId);
      if (record === undefined || record.state === 'gone')
        throw new TonearmError('recordingLost', 'it is not known any more');
      if (record.state === 'finished') return describe(recordingId, record);
      const finished = await this.#makeFile(recordingId, record, take, tail, onKept);
      this.#shelf.live.delete(recordingId);
      await tail?.hold();
      await this.#forgetTake(recordingId);
      this.#late.delete(recordingId);
      this.#shelf.changed(recordingId);
      this.#onFinished(recordingId, finished);
      return describe(recordingId, finished);
    } catch (cause) {
      this.#shelf.live.delete(recordingId);
      tail?.end();
      const spool = pcmPath(this.#shelf.spoolFolder, recordingId);
      const isLost = cause instanceof TonearmError && cause.code === 'recordingLost';
      if (isLost) this.#late.delete(recordingId);
      // Readers may have been given more than the caller knows of, and their tail is gone now.
      else this.#late.add(recordingId, { ...take, samples: Math.max(take.samples, tail?.samples ?? 0) });
      const then = isLost ? '' : `; what there is of it stays in ${spool} and is tried again`;
      const message = `recording ${recordingId} could not be finished: ${reasonOf(cause)}${then}`;
      throw new TonearmError(isLost ? 'recordingLost' : 'finishFailed', message, { cause });
    }
  }

  /** Resolves when the file and its record are kept. */
  async #makeFile(
    recordingId: string,
    prepared: PreparedRecord,
    { samples, speech }: CapturedTake,
    tail: LiveTail | undefined,
    onKept: () => void,
  ): Promise<FinishedRecord> {
    const spool = pcmPath(this.#shelf.spoolFolder, recordingId);
    const journal = await readJournal(this.#shelf.spoolFolder, recordingId);
    const { rate, channels } = journal ?? { rate: SPOOL_RATE, channels: 1 };
    const wide = rate / SPOOL_RATE;
    const key = tail?.key ?? this.#shelf.keyOf(recordingId, prepared);
    const there = await spooledIn(spool, journal, key);
    const { samples: spooled, damage } = there ?? { samples: 0 };
    // Readers may have been given more than the caller knows of; a disk that refused some leaves less.
    const length = Math.min(spooled, Math.max(samples, tail?.samples ?? 0));
    if (there === undefined || (length === 0 && samples > 0))
      throw new TonearmError('recordingLost', `nothing of it is in ${this.#shelf.spoolFolder}`);
    if (length < samples) {
      const what = { recordingId, samples, spooled, damage };
      this.#shelf.log.warn(what, 'a recording is shorter than what was heard: the spool lost some of it');
    }
    tail?.end(length);
    onKept();
    const [begin, end] = prepared.trimSilence === true ? aroundSpeech(speech, length) : [0, length];
    const file = await this.#encoder.encode({
      from: spool,
      to: this.#shelf.pathOf(recordingId, prepared),
      format: prepared.format,
      rate,
      channels,
      begin: begin * wide,
      end: end * wide,
      key,
    });
    const finished = {
      ...prepared,
      ...file,
      state: 'finished',
      finishedAt: this.#shelf.clock.now(),
    } as const;
    await this.#shelf.records.put(recordingId, finished);
    return finished;
  }

  /** A recording whose spool cannot be deleted is finished all the same. */
  async #forgetTake(recordingId: string): Promise<void> {
    try {
      await removeTake(this.#shelf.spoolFolder, recordingId);
    } catch (thrown) {
      this.#shelf.log.error({ recordingId, error: reasonOf(thrown) }, 'a spool file could not be deleted');
    }
  }
}

function describe(recordingId: string, { bytes, sha256, durationMs }: FinishedFile): FinishedRecording {
  return { recordingId, bytes, durationMs, sha256 };
}

/** What is left of `length` samples when silence is cut off; all of it when nothing is known to be spoken. */
function aroundSpeech(speech: CapturedTake['speech'], length: number): readonly [begin: number, end: number] {
  if (speech === undefined) return [0, length];
  const at = (ms: number) => Math.max(0, Math.min(length, Math.round((ms * SPOOL_RATE) / 1000)));
  const begin = at(speech.startMs - KEPT_AROUND_SPEECH_MS);
  const end = at(speech.endMs + KEPT_AROUND_SPEECH_MS);
  return end > begin ? [begin, end] : [0, length];
}
