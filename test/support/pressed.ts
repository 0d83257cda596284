/** Callers whose keys come as telephone events, as tones in the audio, or as both, as gateways send them. */
import type { Key } from '../../src/media/line.ts';
import { decodeG711 } from '../../src/wire/g711.ts';
import { tone } from './dual-tone.ts';
import { encodeMuLaw } from './mu-law.ts';
import { SAID } from './said.ts';
import { type Packet, packetsOf } from './sender.ts';

const MS = 8;
/** What is said: quietly, for who presses a key does not shout. */
export const QUIETLY: Int16Array = asHeard(SAID.slice(0, 6000 * MS).map((sample) => sample >> 6));

function asHeard(audio: Int16Array): Int16Array {
  const heard = new Int16Array(audio.length);
  decodeG711('PCMU', encodeMuLaw(audio), 0, audio.length, heard, 0);
  return heard;
}

export interface Press {
  readonly key: Key;
  /** Where the tone is in the audio, ms; `undefined`: nowhere. */
  readonly tone?: readonly [from: number, to: number];
  /** The event, by its timestamps, ms. */
  readonly event?: readonly [from: number, to: number];
  /** The event's packets come so much later than they should, ms. */
  readonly late?: number;
  /** … because the network held them up; else because they were sent so late. */
  readonly overtaken?: boolean;
}

/** Speech; tones take its place, events their packets beside it. */
export function pressed(
  presses: readonly Press[],
  { audioUnderEvents = true, lengthMs = 2000 } = {},
): Packet[] {
  const audio = QUIETLY.slice(0, lengthMs * MS);
  for (const { key, tone: place } of presses)
    if (place) audio.set(tone(key, { ms: place[1] - place[0] }), place[0] * MS);
  const events = presses.flatMap(({ key, event, late = 0, overtaken = false }) =>
    event === undefined
      ? []
      : packetsOf([{ key, ms: event[1] - event[0] }], { fromMs: event[0], timestamp: event[0] * MS }).map(
          (packet) => ({ ...packet, at: packet.at + late, sentAt: packet.at + (overtaken ? 0 : late) }),
        ),
  );
  const during = ({ at }: Packet) =>
    presses.some(({ event }) => event !== undefined && at > event[0] && at <= event[1]);
  const spoken = packetsOf([{ says: encodeMuLaw(audio) }])
    .filter((one) => audioUnderEvents || !during(one))
    .map((packet) => ({ ...packet, sentAt: packet.at }));
  return [...spoken, ...events]
    .toSorted((a, b) => a.sentAt - b.sentAt)
    .map(({ sentAt, ...packet }, sequence) => ({ ...packet, sequence }));
}
