/**
 * WAV: RIFF/WAVE files of uncompressed and G.711 audio (Microsoft's Multimedia Programming Interface 1.0, and
 * WAVE_FORMAT_EXTENSIBLE in mmreg.h). Little-endian throughout.
 *
 *   "RIFF" size "WAVE"  { id size data [pad] } …
 *
 * Reading is lenient about what writers get wrong (odd chunks, sizes of a stream that was not known to end) and names
 * what is wrong with the rest.
 */
import { decodeG711 } from './g711.ts';

/** How one sample is written. `pcm8` is unsigned, the others are signed or floating. */
export type WavEncoding = 'pcm8' | 'pcm16' | 'pcm24' | 'pcm32' | 'float32' | 'float64' | 'PCMU' | 'PCMA';

export interface WavAudio {
  readonly encoding: WavEncoding;
  /** Hz: 6,000–192,000. */
  readonly rate: number;
  /** 1–32, interleaved. */
  readonly channels: number;
  /** Samples of each channel. */
  readonly frames: number;
  /** The samples as they stand in the file: a view, no copy. */
  readonly data: Uint8Array;
}

export type ParsedWav =
  | { readonly ok: true; readonly audio: WavAudio }
  /** What is wrong and, where that helps, what would be right. */
  | { readonly ok: false; readonly reason: string };

const BYTES: Readonly<Record<WavEncoding, number>> = {
  pcm8: 1,
  pcm16: 2,
  pcm24: 3,
  pcm32: 4,
  float32: 4,
  float64: 8,
  PCMU: 1,
  PCMA: 1,
};

const FORMAT = { pcm: 1, float: 3, aLaw: 6, muLaw: 7, extensible: 0xfffe } as const;
/** What follows the format's number in an extensible header's SubFormat GUID. */
const SUB_FORMAT_TAIL = '000000001000800000aa00389b71';
/** Sizes from here on are what programs write that stream to a pipe: 0xFFFFFFFF, or just under 2 GiB. */
const STREAMING_SIZE = 0x7fff_0000;

/** Finds the audio in a file. Never throws; copies nothing. */
export function parseWav(bytes: Uint8Array): ParsedWav {
  if (text(bytes, 0, 4) !== 'RIFF' || text(bytes, 8, 12) !== 'WAVE')
    return { ok: false, reason: `it is not a WAV file but ${guess(bytes)}` };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const riffSize = view.getUint32(4, true);
  let format: Format | undefined;
  for (let at = 12; at + 8 <= bytes.length; ) {
    const id = text(bytes, at, at + 4);
    const size = view.getUint32(at + 4, true);
    const start = at + 8;
    if (id === 'data') {
      if (format === undefined) return { ok: false, reason: 'its data comes before its "fmt " chunk' };
      return readData(bytes, start, size, riffSize, format);
    }
    if (start + size > bytes.length)
      return {
        ok: false,
        reason: `it is cut short: it ends within its "${id.replace(/[^ -~]/g, '?')}" chunk`,
      };
    if (id === 'fmt ') {
      const read = readFormat(bytes, view, start, size);
      if (!read.ok) return read;
      format = read.format;
    }
    // Chunks are padded to an even length with a zero; some writers forget.
    at = start + size + (size % 2 === 1 && bytes[start + size] === 0 ? 1 : 0);
  }
  return { ok: false, reason: 'it has no "data" chunk: it is cut short, or holds no audio' };
}

/**
 * Samples [from, to) of the audio at −1 … 1, all channels mixed down to one by their mean.
 * `from` and `to` lie within 0 … `frames`.
 */
export function readMono(audio: WavAudio, from: number, to: number): Float32Array {
  const { channels, encoding, data } = audio;
  const width = BYTES[encoding];
  const values = readValues(
    encoding,
    data.subarray(from * channels * width, to * channels * width),
    (to - from) * channels,
  );
  if (channels === 1) return values;
  const mono = new Float32Array(to - from);
  for (let frame = 0, at = 0; frame < mono.length; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at++) sum += values[at]!;
    mono[frame] = sum / channels;
  }
  return mono;
}

/** Length of the header that `pcmWavHeader` makes. */
export const WAV_HEADER_BYTES = 44;

/**
 * The header of a 16 bit PCM file; the samples follow it, little-endian, channels interleaved.
 *
 * @param samples how many a channel; `undefined` while that is not known: the sizes then say "until the end" (0xFFFFFFFF)
 */
export function pcmWavHeader(rate: number, samples: number | undefined, channels = 1): Buffer {
  const frame = 2 * channels;
  const dataSize = samples === undefined ? 0xffff_ffff : Math.min(samples * frame, 0xffff_ffff);
  const header = Buffer.alloc(WAV_HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(Math.min(dataSize + WAV_HEADER_BYTES - 8, 0xffff_ffff), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(FORMAT.pcm, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * frame, 28);
  header.writeUInt16LE(frame, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataSize, 40);
  return header;
}

interface Format {
  readonly encoding: WavEncoding;
  readonly rate: number;
  readonly channels: number;
}

type ReadFormat =
  | { readonly ok: true; readonly format: Format }
  | { readonly ok: false; readonly reason: string };

/**
 * The "fmt " chunk: format 16, channels 16, rate 32, bytes a second 32, block size 16, bits a sample 16; when
 * extensible, then: extension size 16, valid bits 16, channel mask 32, SubFormat GUID 128.
 */
function readFormat(bytes: Uint8Array, view: DataView, at: number, size: number): ReadFormat {
  if (size < 16) return { ok: false, reason: `its "fmt " chunk has ${size} bytes instead of 16 or more` };
  let tag = view.getUint16(at, true);
  const channels = view.getUint16(at + 2, true);
  const rate = view.getUint32(at + 4, true);
  const blockSize = view.getUint16(at + 12, true);
  const bits = view.getUint16(at + 14, true);
  if (tag === FORMAT.extensible) {
    if (size < 40)
      return { ok: false, reason: `its extensible "fmt " chunk has ${size} bytes instead of 40 or more` };
    const tail = Buffer.from(bytes.subarray(at + 26, at + 40)).toString('hex');
    tag = tail === SUB_FORMAT_TAIL ? view.getUint16(at + 24, true) : FORMAT.extensible;
  }
  if (channels < 1 || channels > 32)
    return { ok: false, reason: `it has ${channels} channels; 1 to 32 can be read` };
  if (rate < 6000 || rate > 192_000)
    return { ok: false, reason: `its sample rate is ${rate} Hz; 6000 to 192000 can be read` };
  const encoding = encodingOf(tag, bits, blockSize / channels);
  if (encoding === undefined) {
    const width = `format ${tag} with ${bits} bits a sample in blocks of ${blockSize} bytes`;
    const right = 'PCM of 8, 16, 24 or 32 bits, float of 32 or 64, mu-law or A-law';
    return { ok: false, reason: `it has ${width} for ${channels} channels; ${right} can be read` };
  }
  return { ok: true, format: { encoding, rate, channels } };
}

/** `width`: bytes of one sample. PCM of, say, 12 or 20 bits stands left-justified in the next whole bytes. */
function encodingOf(tag: number, bits: number, width: number): WavEncoding | undefined {
  if (tag === FORMAT.muLaw && width === 1) return 'PCMU';
  if (tag === FORMAT.aLaw && width === 1) return 'PCMA';
  if (bits < 1 || bits > width * 8) return undefined;
  if (tag === FORMAT.pcm) return ([undefined, 'pcm8', 'pcm16', 'pcm24', 'pcm32'] as const)[width];
  if (tag === FORMAT.float && bits === width * 8)
    return width === 4 ? 'float32' : width === 8 ? 'float64' : undefined;
  return undefined;
}

function readData(
  bytes: Uint8Array,
  start: number,
  size: number,
  riffSize: number,
  format: Format,
): ParsedWav {
  const present = bytes.length - start;
  // A size of 0 is a stream's too, unless the file as a whole says that it is as long as it is.
  const untilEnd = size >= STREAMING_SIZE || (size === 0 && riffSize !== bytes.length - 8);
  if (!untilEnd && size > present) {
    const reason = `it is cut short: its header promises ${size} bytes of audio, ${present} are there`;
    return { ok: false, reason };
  }
  const block = format.channels * BYTES[format.encoding];
  const frames = Math.floor((untilEnd ? present : size) / block);
  if (frames === 0) return { ok: false, reason: 'it holds no audio' };
  return {
    ok: true,
    audio: { ...format, frames, data: bytes.subarray(start, start + frames * block) },
  };
}

function readValues(encoding: WavEncoding, data: Uint8Array, count: number): Float32Array {
  const values = new Float32Array(count);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (encoding) {
    case 'pcm8':
      for (let i = 0; i < count; i++) values[i] = (data[i]! - 128) / 128;
      break;
    case 'pcm16':
      for (let i = 0; i < count; i++) values[i] = view.getInt16(2 * i, true) / 32_768;
      break;
    case 'pcm24':
      for (let i = 0; i < count; i++)
        values[i] = (view.getInt8(3 * i + 2) * 65_536 + view.getUint16(3 * i, true)) / 8_388_608;
      break;
    case 'pcm32':
      for (let i = 0; i < count; i++) values[i] = view.getInt32(4 * i, true) / 2_147_483_648;
      break;
    case 'float32':
      for (let i = 0; i < count; i++) values[i] = withinOne(view.getFloat32(4 * i, true));
      break;
    case 'float64':
      for (let i = 0; i < count; i++) values[i] = withinOne(view.getFloat64(8 * i, true));
      break;
    case 'PCMU':
    case 'PCMA': {
      const samples = new Int16Array(count);
      decodeG711(encoding, data, 0, count, samples, 0);
      for (let i = 0; i < count; i++) values[i] = samples[i]! / 32_768;
    }
  }
  return values;
}

/** Clipped; what is no number is silence. */
function withinOne(value: number): number {
  return Number.isNaN(value) ? 0 : Math.max(-1, Math.min(1, value));
}

/** What a file that is no WAV file seems to be, in words. */
function guess(bytes: Uint8Array): string {
  if (bytes.length < 12) return `only ${bytes.length} bytes long`;
  const start = text(bytes, 0, 4);
  if (start === 'RF64' || start === 'RIFX') return `${start}; save it as plain WAV`;
  if (start === 'OggS') return 'Ogg; convert it to WAV';
  if (start === 'fLaC') return 'FLAC; convert it to WAV';
  if (start.startsWith('ID3') || (bytes[0] === 0xff && (bytes[1]! & 0xe0) === 0xe0))
    return 'MP3; convert it to WAV';
  if (text(bytes, 4, 8) === 'ftyp') return 'MP4; convert it to WAV';
  if (/^\s*<|^\s*[{[]/.test(text(bytes, 0, 12))) return 'text (a web page, perhaps an error page)';
  return 'something else (it does not start with RIFF … WAVE)';
}

/** Bytes as Latin-1, as far as there are any. */
function text(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
