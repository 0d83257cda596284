/** A line of a media worker and what runs on it, as the main thread has them. Classes: there is one of each a call, for as long as it lasts. */
import type { TonearmError } from '../errors.ts';
import type { Heard, Key } from '../media/line.ts';
import type { AudioParameters } from '../media/session-description.ts';
import type { Fingerprint } from '../wire/sdp.ts';
import type { LineLoss, MediaLine, OperationRun } from './media-engine.ts';
import type { OperationEnd, OperationProgress, OperationSpec, PromptDelivery } from './operation.ts';
import type { ToWorker } from './protocol.ts';
import type { Tell } from './stage.ts';

/** Told of each change in what a line hears. */
export type OnHeard = (heard: Heard) => void;

/** What a line asks of its worker. */
export interface LineHost {
  /** Whether the worker has it still. */
  hasLine(id: number): boolean;
  post(message: ToWorker): void;
  run(
    line: number,
    spec: OperationSpec,
    prompts: readonly Promise<PromptDelivery>[],
    tell: Tell,
  ): OperationRun;
  cancel(operation: number): void;
}

/** Whoever opens it learns of it by `opened`, once. */
export class LinkedLine implements MediaLine {
  readonly onHeard: OnHeard | undefined;
  port = 0;
  fingerprint: Fingerprint | undefined;
  readonly #host: LineHost;
  readonly #id: number;
  readonly #loss = new AbortController();
  #opening: PromiseWithResolvers<MediaLine> | undefined = Promise.withResolvers();
  #closing: PromiseWithResolvers<void> | undefined;
  #isGone = false;
  #onKey: ((key: Key) => void) | undefined;

  constructor(host: LineHost, id: number, onHeard: OnHeard | undefined) {
    this.#host = host;
    this.#id = id;
    this.onHeard = onHeard;
  }

  /** Rejects with what `refuse` was told. To be asked for at once. */
  get opened(): Promise<MediaLine> {
    return this.#opening?.promise ?? Promise.resolve(this);
  }

  get lost(): AbortSignal {
    return this.#loss.signal;
  }

  /** The worker has opened it. */
  open({ port, fingerprint }: Pick<MediaLine, 'port' | 'fingerprint'>): void {
    this.port = port;
    this.fingerprint = fingerprint;
    this.#opening?.resolve(this);
    this.#opening = undefined;
  }

  /** It will not be opened. */
  refuse(why: TonearmError): void {
    this.#opening?.reject(why);
    this.#opening = undefined;
  }

  lose(loss: LineLoss): void {
    this.#loss.abort(loss);
  }

  hear(key: Key): void {
    this.#onKey?.(key);
  }

  /** The worker has closed it, or is gone. */
  end(): void {
    this.#isGone = true;
    this.#closing?.resolve();
  }

  connect(parameters: AudioParameters): void {
    this.#post({ type: 'connect', line: this.#id, parameters });
  }

  mute(muted: boolean): void {
    this.#post({ type: 'mute', line: this.#id, muted });
  }

  takeKey(key: Key, durationMs: number): void {
    this.#post({ type: 'takeKey', line: this.#id, key, durationMs });
  }

  watchKeys(onKey: (key: Key) => void): void {
    this.#onKey = onKey;
    this.#post({ type: 'watchKeys', line: this.#id });
  }

  run(
    spec: OperationSpec,
    prompts: readonly Promise<PromptDelivery>[],
    onProgress: (progress: OperationProgress) => void,
  ): OperationRun {
    return this.#closing === undefined
      ? this.#host.run(this.#id, spec, prompts, onProgress)
      : overRun({ by: 'hangUp' });
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#post({ type: 'closeLine', line: this.#id });
      this.#closing = Promise.withResolvers();
      if (this.#isGone) this.#closing.resolve();
    }
    return this.#closing.promise;
  }

  #post(message: ToWorker): void {
    if (this.#host.hasLine(this.#id)) this.#host.post(message);
  }
}

export class LinkedOperation implements OperationRun {
  readonly spec: OperationSpec;
  readonly ended: Promise<OperationEnd>;
  /** Of the take, in case the worker cannot tell any more. */
  spoken = false;
  readonly #host: LineHost;
  readonly #id: number;
  readonly #tell: Tell;
  #end!: (end: OperationEnd) => void;

  constructor(host: LineHost, id: number, spec: OperationSpec, tell: Tell) {
    this.#host = host;
    this.#id = id;
    this.spec = spec;
    this.#tell = tell;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  progress(progress: OperationProgress): void {
    this.spoken ||= progress.phase === 'speech';
    this.#tell(progress);
  }

  end(end: OperationEnd): void {
    this.#end(end);
  }

  cancel(): void {
    this.#host.cancel(this.#id);
  }
}

/** One that has ended before it began. */
export function overRun(end: OperationEnd): OperationRun {
  return { ended: Promise.resolve(end), cancel() {} };
}
