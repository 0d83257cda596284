/** The loudest sample of each slice of a recording, as it arrives. */
export interface Peaks {
  /** Takes the next bytes of a WAV file. */
  add(bytes: Uint8Array): void;
  /** Takes what another file holds, at once. */
  addDecoded(samples: Float32Array, rate: number): void;
  /** 0 to 1, one for each slice so far. */
  readonly values: readonly number[];
  durationMs(): number;
}

/** Slices for each second. */
const PER_SECOND = 50;
const FULL_SCALE = 32_768;

/** Of 16 bit PCM, whatever its rate and channels: what the server's WAV files are. Of anything else there are none. */
export function createPeaks(): Peaks {
  const values: number[] = [];
  let head = new Uint8Array(0);
  let format: { readonly rate: number; readonly channels: number } | undefined;
  let slice = 0;
  let [count, loudest] = [0, 0];
  let odd: number | undefined;

  const addSample = (sample: number) => {
    loudest = Math.max(loudest, Math.abs(sample));
    if (++count < slice) return;
    values.push(loudest / FULL_SCALE);
    [count, loudest] = [0, 0];
  };
  const addAudio = (bytes: Uint8Array) => {
    let at = 0;
    if (odd !== undefined && bytes.length > 0) {
      addSample(signed(odd, bytes[at++]!));
      odd = undefined;
    }
    for (; at + 1 < bytes.length; at += 2) addSample(signed(bytes[at]!, bytes[at + 1]!));
    if (at < bytes.length) odd = bytes[at];
  };
  return {
    values,
    durationMs: () => (values.length * 1000) / PER_SECOND,
    addDecoded(samples, rate) {
      slice = Math.round(rate / PER_SECOND);
      for (const sample of samples) addSample(sample * FULL_SCALE);
    },
    add(bytes) {
      if (format !== undefined) return addAudio(bytes);
      head = joined(head, bytes);
      const found = readHead(head);
      if (found === undefined) return;
      format = found;
      slice = Math.round((format.rate * format.channels) / PER_SECOND);
      addAudio(head.subarray(found.audioAt));
      head = new Uint8Array(0);
    },
  };
}

/** `undefined`: it is not whole yet, or not one. */
function readHead(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: { readonly rate: number; readonly channels: number } | undefined;
  for (let at = 12; at + 8 <= bytes.length; at += 8 + view.getUint32(at + 4, true)) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (name === 'data') return format && { ...format, audioAt: at + 8 };
    if (name === 'fmt ' && at + 24 <= bytes.length && view.getUint16(at + 22, true) === 16)
      format = { channels: view.getUint16(at + 10, true), rate: view.getUint32(at + 12, true) };
  }
  return undefined;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

const signed = (low: number, high: number) => ((high << 24) >> 16) | low;
