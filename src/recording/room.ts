/** Whether there is room for another recording, before it is begun: a recording that is refused can be said so to the caller, one that fails cannot. */
import { access, constants, statfs } from 'node:fs/promises';
import { type Clock, pause } from '../clock.ts';
import { reasonOf, TonearmError } from '../errors.ts';

export interface Room {
  /** Throws TonearmError `noRoom`, saying what to do, when the folder is gone, cannot be written to, does not answer, or has too little room. */
  check(): Promise<void>;
  /** Bytes that may be written there; `NaN` when it cannot be told. */
  free(): Promise<number>;
  /** How often `check` has refused. */
  readonly refused: number;
}

export interface RoomOptions {
  readonly folder: string;
  /** Less than this is too little. */
  readonly minFreeBytes: number;
  readonly clock: Clock;
  /** Tests pass disks of their own. Rejects when the folder cannot be written to. */
  readonly look?: (folder: string) => Promise<number>;
}

/** What was seen is good for so long: hundreds of recordings may begin in a second. */
const FRESH_MS = 1000;
/** A disk that says nothing for so long takes no new recording. */
const PATIENCE_MS = 3000;

export function watchRoom({ folder, minFreeBytes, clock, look = freeBytes }: RoomOptions): Room {
  let looking: Promise<number> | undefined;
  let lookedAt = 0;
  let refused = 0;

  const glance = (): Promise<number> => {
    if (looking === undefined || clock.monotonic() - lookedAt > FRESH_MS) {
      lookedAt = clock.monotonic();
      looking = withPatience(look(folder), clock);
      looking.catch(() => {});
    }
    return looking;
  };

  return {
    async check() {
      const free = await glance().catch((thrown: unknown) => reasonOf(thrown));
      if (typeof free === 'number' && free >= minFreeBytes) return;
      refused++;
      const why =
        typeof free === 'number'
          ? `${megabytes(free)} are free there and recordings.minFreeSpace asks for ${megabytes(minFreeBytes)}`
          : free;
      throw new TonearmError('noRoom', `there is no room for it in ${folder}: ${why}`);
    },
    free: () => glance().catch(() => Number.NaN),
    get refused() {
      return refused;
    },
  };
}

async function freeBytes(folder: string): Promise<number> {
  await access(folder, constants.W_OK);
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function withPatience(answer: Promise<number>, clock: Clock): Promise<number> {
  const answered = new AbortController();
  const silence = pause(clock, PATIENCE_MS, answered.signal).then((over) => {
    if (over) throw new Error(`the disk has not answered for ${PATIENCE_MS / 1000} s`);
    return answer;
  });
  return Promise.race([answer.finally(() => answered.abort()), silence]);
}

const megabytes = (bytes: number) => `${Math.floor(bytes / 1_000_000)} MB`;
