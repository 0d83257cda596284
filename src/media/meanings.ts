import { CODEC_NAMES } from './codecs.ts';
import type { AudioParameters } from './session-description.ts';

type Meaning = AudioParameters['receive'][number];

/** What packets carry, by payload type. */
export type Meanings = readonly (Meaning | undefined)[];

/** A string that came from another thread is another one than that of the source text: each packet would compare all of its letters. */
const OWN: readonly Meaning[] = [...CODEC_NAMES, 'CN', 'telephone-event', 'telephone-event/48000'];

/** Nearly all callers agree on the same ones: their lines share one table. */
export function meaningsOf(receive: AudioParameters['receive']): Meanings {
  const key = JSON.stringify(receive);
  const known = MEANINGS.get(key);
  if (known !== undefined) return known;
  if (MEANINGS.size === MOST_MEANINGS) MEANINGS.clear();
  const meanings = Array.from({ length: 128 }, (_, payloadType) =>
    OWN.find((meaning) => meaning === receive[payloadType]),
  );
  MEANINGS.set(key, meanings);
  return meanings;
}

const MEANINGS = new Map<string, Meanings>();
const MOST_MEANINGS = 100;
