/** Keys as sound: ITU-T Q.23, at 8,000 samples a second. */
import type { Key } from '../../src/media/line.ts';

const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
export const KEYS: readonly Key[] = [
  '1',
  '2',
  '3',
  'A',
  '4',
  '5',
  '6',
  'B',
  '7',
  '8',
  '9',
  'C',
  '*',
  '0',
  '#',
  'D',
];

export interface Tone {
  readonly ms?: number;
  /** Of each tone, dBm0. */
  readonly level?: number;
  /** dB by which the high group is stronger. */
  readonly twist?: number;
  /** Factor on both frequencies. */
  readonly detune?: number;
}

/** A full scale sine is 3.17 dBm0. */
export const peak = (dBm0: number) => 32_124 * 10 ** ((dBm0 - 3.17) / 20);
const samples = (ms: number) => Math.round(ms * 8);

/** A key as a phone without telephone-event sends it. */
export function tone(key: Key, { ms = 100, level = -10, twist = 0, detune = 1 }: Tone = {}): Int16Array {
  const at = KEYS.indexOf(key);
  const [low = 0, high = 0] = [ROWS[at >> 2], COLUMNS[at & 3]];
  return Int16Array.from({ length: samples(ms) }, (_, index) => {
    const turn = (2 * Math.PI * detune * index) / 8000;
    return (
      peak(level - twist / 2) * Math.sin(low * turn) + peak(level + twist / 2) * Math.sin(high * turn + 1)
    );
  });
}
