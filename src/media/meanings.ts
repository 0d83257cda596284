import type { AudioParameters } from './session-description.ts';

/** What packets carry, by payload type. */
export type Meanings = readonly (AudioParameters['receive'][number] | undefined)[];

/** Nearly all callers agree on the same ones: their lines share one table. */
export function meaningsOf(receive: AudioParameters['receive']): Meanings {
  const key = JSON.stringify(receive);
  const known = MEANINGS.get(key);
  if (known !== undefined) return known;
  if (MEANINGS.size === MOST_MEANINGS) MEANINGS.clear();
  const meanings = Array.from({ length: 128 }, (_, payloadType) => receive[payloadType]);
  MEANINGS.set(key, meanings);
  return meanings;
}

const MEANINGS = new Map<string, Meanings>();
const MOST_MEANINGS = 100;
