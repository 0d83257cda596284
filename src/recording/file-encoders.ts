/**
 * What turns samples into a file of a format, piece by piece; for the encoder's thread alone. The libraries are loaded when a format is first
 * asked for (docs/decisions/0007-recording-formats.md).
 */
import { createRequire } from 'node:module';
import { OggStream, opusHead, opusTags, segmentsOf } from '../wire/ogg.ts';
import { pcmWavHeader } from '../wire/wav.ts';
import { bytesOf } from './file-bytes.ts';
import { FILE_RATE, type RecordingFormat } from './formats.ts';

/** Of one file: `start`, any number of `push`, `finish`; and `close`, whatever happened. */
export interface FileEncoder {
  /** @param samples at FILE_RATE, channels interleaved */
  push(samples: Int16Array): Uint8Array;
  /** What is left of the file. */
  finish(): Uint8Array;
  /** Once `finish` was called: what has to be written over what stands at `at`. */
  patch?(): { readonly at: number; readonly bytes: Uint8Array };
  /** Frees what it took. */
  close(): void;
}

export interface FileShape {
  readonly channels: 1 | 2;
  /** Samples a channel in the whole file, at FILE_RATE. */
  readonly samples: number;
}

export function openFileEncoder(format: RecordingFormat, shape: FileShape): Promise<FileEncoder> {
  return OPENERS[format](shape);
}

const OPENERS: Readonly<Record<RecordingFormat, (shape: FileShape) => Promise<FileEncoder>>> = {
  wav: async (shape) => wavEncoder(shape),
  mp3: mp3Encoder,
  flac: flacEncoder,
  ogg: opusEncoder,
};

const NOTHING = new Uint8Array(0);

function wavEncoder({ channels, samples }: FileShape): FileEncoder {
  let header: Uint8Array | undefined = pcmWavHeader(FILE_RATE, samples, channels);
  const headed = (bytes: Uint8Array) => {
    const all = header === undefined ? bytes : Buffer.concat([header, bytes]);
    header = undefined;
    return all;
  };
  return { push: (samples) => headed(bytesOf(samples)), finish: () => headed(NOTHING), close() {} };
}

/** Constant, a channel: as good as it gets for speech of 16 kHz (MPEG-2 layer III). */
const MP3_KBITS = { 1: 48, 2: 96 } as const;

async function mp3Encoder({ channels }: FileShape): Promise<FileEncoder> {
  const { createMp3Encoder } = await import('wasm-media-encoders');
  const encoder = await createMp3Encoder();
  encoder.configure({ sampleRate: FILE_RATE, channels, bitrate: MP3_KBITS[channels] });
  return {
    // The library gives a view that the next call writes over.
    push: (samples) => Buffer.from(encoder.encode(planes(samples, channels))),
    finish: () => Buffer.from(encoder.finalize()),
    close() {},
  };
}

function planes(samples: Int16Array, channels: number): [Float32Array] | [Float32Array, Float32Array] {
  const plane = (channel: number) =>
    Float32Array.from(
      { length: samples.length / channels },
      (_, at) => samples[at * channels + channel]! / 32_768,
    );
  return channels === 1 ? [plane(0)] : [plane(0), plane(1)];
}

const FLAC_LEVEL = 5;
/** Of the frame sizes and the MD5 in STREAMINFO, which are known at the end (RFC 9639 §8.2). */
const FRAME_SIZES_AT = 12;
const MD5_AT = 26;

async function flacEncoder({ channels, samples }: FileShape): Promise<FileEncoder> {
  const flac = await loadFlac();
  const encoder = flac.create_libflac_encoder(FILE_RATE, channels, 16, FLAC_LEVEL, samples, false, 0);
  if (encoder === 0) throw new Error('libFLAC has no memory for another encoder');
  let written: Uint8Array[] = [];
  let info: Uint8Array | undefined;
  let end: import('libflacjs').StreamMetadata | undefined;
  const status = flac.init_encoder_stream(
    encoder,
    (bytes) => void written.push(Buffer.from(bytes)),
    (metadata) => void (end = metadata),
  );
  const taken = () => {
    const bytes = Buffer.concat(written);
    written = [];
    info ??= bytes.length > 0 ? Buffer.from(bytes.subarray(0, MD5_AT + 16)) : undefined;
    return bytes;
  };
  if (status !== 0) {
    flac.FLAC__stream_encoder_delete(encoder);
    throw new Error(`libFLAC refuses to begin: status ${status}`);
  }
  return {
    push(samples) {
      const done = flac.FLAC__stream_encoder_process_interleaved(
        encoder,
        Int32Array.from(samples),
        samples.length / channels,
      );
      if (!done) throw new Error(`libFLAC stopped in state ${flac.FLAC__stream_encoder_get_state(encoder)}`);
      return taken();
    },
    finish() {
      flac.FLAC__stream_encoder_finish(encoder);
      return taken();
    },
    patch() {
      if (info === undefined || end === undefined) throw new Error('libFLAC did not finish its file');
      const bytes = Buffer.from(info);
      bytes.writeUIntBE(end.min_framesize, FRAME_SIZES_AT, 3);
      bytes.writeUIntBE(end.max_framesize, FRAME_SIZES_AT + 3, 3);
      bytes.write(end.md5sum, MD5_AT, 'hex');
      return { at: FRAME_SIZES_AT, bytes: bytes.subarray(FRAME_SIZES_AT) };
    },
    close: () => flac.FLAC__stream_encoder_delete(encoder),
  };
}

type Flac = typeof import('libflacjs/dist/libflac.js');
let flac: Promise<Flac> | undefined;

/** It is of a time before modules, and tells by an event that it is there. */
function loadFlac(): Promise<Flac> {
  flac ??= new Promise((resolve) => {
    const library: Flac = createRequire(import.meta.url)('libflacjs/dist/libflac.js');
    if (library.isReady()) resolve(library);
    else library.on('ready', () => resolve(library));
  });
  return flac;
}

const OPUS_BITS = { 1: 32_000, 2: 48_000 } as const;
/** 20 ms. */
const OPUS_FRAME = FILE_RATE / 50;
/** Opus counts at 48 kHz. */
const TICKS = 48_000 / FILE_RATE;
/** A second in a page, as RFC 7845 §3 has it at most. */
const PACKETS_A_PAGE = 50;

async function opusEncoder({ channels, samples }: FileShape): Promise<FileEncoder> {
  const { Application, createEncoder } = await import('libopus-wasm');
  const encoder = await createEncoder({
    application: Application.Audio,
    sampleRate: FILE_RATE,
    channels,
    bitrate: OPUS_BITS[channels],
    // A third of the CPU of 10, and as good as that at this rate.
    complexity: 5,
  });
  const stream = new OggStream(Math.floor(Math.random() * 2 ** 32));
  const preSkip = encoder.getLookahead() * TICKS;
  const end = preSkip + samples * TICKS;
  let pages = Buffer.concat([
    stream.page([opusHead({ channels, preSkip, inputRate: FILE_RATE })], 0),
    stream.page([opusTags('tonearm')], 0),
  ]);
  const frame = new Int16Array(OPUS_FRAME * channels);
  let filled = 0;
  let packets: Uint8Array[] = [];
  let segments = 0;
  let granule = 0;
  const flush = (last: boolean) => {
    pages = Buffer.concat([pages, stream.page(packets, Math.min(granule, end), last)]);
    packets = [];
    segments = 0;
  };
  const encode = () => {
    const packet = Buffer.from(encoder.encode(frame));
    if (packets.length === PACKETS_A_PAGE || segments + segmentsOf(packet.length) > 255) flush(false);
    packets.push(packet);
    segments += segmentsOf(packet.length);
    granule += OPUS_FRAME * TICKS;
    filled = 0;
  };
  const taken = () => {
    const bytes = pages;
    pages = Buffer.alloc(0);
    return bytes;
  };
  return {
    push(samples) {
      for (let at = 0; at < samples.length; ) {
        const count = Math.min(frame.length - filled, samples.length - at);
        frame.set(samples.subarray(at, at + count), filled);
        filled += count;
        at += count;
        if (filled === frame.length) encode();
      }
      return taken();
    },
    finish() {
      // The last samples come out of the decoder only after its lookahead.
      while (granule < end || packets.length === 0) {
        frame.fill(0, filled);
        encode();
      }
      flush(true);
      return taken();
    },
    close: () => encoder.free(),
  };
}
