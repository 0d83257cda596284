/** Somebody who reads a recording as far as it goes, whether it grows or is finished. */
import type { OpenRecording, RecordingLibrary } from '../../../src/recording/library.ts';

export class Reader {
  readonly recordingId: string;
  /** Resolves when there is no more. Never rejects. */
  readonly ended: Promise<void>;
  state: OpenRecording['state'] | undefined;
  failure: unknown;
  readonly #pieces: Uint8Array[] = [];
  readonly #gone = new AbortController();

  constructor(recordings: Pick<RecordingLibrary, 'open'>, recordingId: string) {
    this.recordingId = recordingId;
    this.ended = this.#read(recordings).catch((thrown: unknown) => {
      this.failure = thrown;
    });
  }

  get left(): boolean {
    return this.#gone.signal.aborted;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  leave(): void {
    this.#gone.abort();
  }

  async #read(recordings: Pick<RecordingLibrary, 'open'>): Promise<void> {
    const recording = await recordings.open(this.recordingId);
    this.state = recording.state;
    if (recording.state !== 'recording' && recording.state !== 'finished') return;
    const body =
      recording.state === 'recording'
        ? recording.follow(this.#gone.signal)
        : recording.read(0, recording.bytes);
    for await (const piece of body) this.#pieces.push(piece);
  }
}
