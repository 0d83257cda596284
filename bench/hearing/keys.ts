/** Keys in the audio: how many of those that are pressed are missed (ITU-T Q.24), and how many are imagined in speech (talk-off). */

import { DtmfDetector } from '../../src/media/dtmf.ts';
import { decodeG711, encodeG711 } from '../../src/wire/g711.ts';
import { FRAME, RATE, type Random } from './sounds.ts';

const LOW = [697, 770, 852, 941];
const HIGH = [1209, 1336, 1477, 1633];
const KEYPAD = ['123A', '456B', '789C', '*0#D'];
/** Peak of a tone of 0 dBm0. */
const PEAK = 22_308;

export interface KeyScore {
  readonly pressed: number;
  readonly missed: number;
  readonly hours: number;
  readonly imagined: number;
}

/** `count` keys of 40–100 ms, each tone of −25…−3 dBm0, up to 4 dB stronger in the high group and 8 dB in the low, off by up to 1.5 %, at 20 dB over noise. */
export function missedKeys(
  count: number,
  random: Random,
): { readonly pressed: number; readonly missed: number } {
  let missed = 0;
  for (let press = 0; press < count; press++) {
    const [row, column] = [Math.floor(random() * 4), Math.floor(random() * 4)];
    const level = -22 + 15 * random();
    const twist = -8 + 12 * random();
    const peaks = [level - Math.max(0, twist), level + Math.min(0, twist)].map(
      (dbm) => PEAK * 10 ** (dbm / 20),
    );
    const off = 1 + (random() - 0.5) * 0.03;
    const length = Math.floor((0.04 + 0.06 * random()) * RATE);
    const begin = Math.floor((0.2 + 0.02 * random()) * RATE);
    const linear = new Int16Array(FRAME * 30);
    const noise = Math.min(...peaks) * 0.1 * 1.7;
    for (let at = 0; at < linear.length; at++) {
      const inside = at >= begin && at < begin + length;
      const tones = inside
        ? peaks[0]! * Math.sin((2 * Math.PI * LOW[row]! * off * at) / RATE) +
          peaks[1]! * Math.sin((2 * Math.PI * HIGH[column]! * off * at) / RATE)
        : 0;
      linear[at] = Math.max(-32768, Math.min(32767, tones + noise * (random() - 0.5)));
    }
    const keys = heard(linear);
    if (keys.length !== 1 || keys[0] !== KEYPAD[row]![column]) missed++;
  }
  return { pressed: count, missed };
}

/** Over real speech, at −12 dBov peak and up. */
export function imaginedKeys(speech: readonly Float64Array[]): {
  readonly hours: number;
  readonly imagined: number;
} {
  let samples = 0;
  let imagined = 0;
  for (const said of speech) {
    const whole = Math.floor(said.length / FRAME) * FRAME;
    samples += whole;
    imagined += heard(Int16Array.from(said.subarray(0, whole))).length;
  }
  return { hours: samples / RATE / 3600, imagined };
}

function heard(linear: Int16Array): string[] {
  const bytes = new Uint8Array(linear.length);
  encodeG711('PCMU', linear, 0, linear.length, bytes, 0);
  decodeG711('PCMU', bytes, 0, bytes.length, linear, 0);
  const detector = new DtmfDetector();
  const keys: string[] = [];
  for (let at = 0; at < linear.length; at += FRAME) {
    const key = detector.hear(linear, at, at);
    if (key !== undefined) keys.push(key);
  }
  return keys;
}
