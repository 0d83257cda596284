/**
 * The codecs that lines speak, by their SDP names, and the decoders and encoders of those that keep a state. G.711 has none: its
 * tables are in wire/g711.ts.
 *
 * A position is a sample of the line's timeline, 8,000 a second, whatever the codec. Wide audio has 16,000 samples a second: exactly two a
 * position.
 */
import { G722WideDecoder, G722WideEncoder } from './g722-codec.ts';
import { OpusDecoder, OpusEncoder } from './opus-codec.ts';

/** Encoding names (RFC 3551 §4.5, RFC 7587 §4.1), as they stand in an rtpmap. */
export type Codec = 'PCMU' | 'PCMA' | 'G722' | 'opus';
/** Those that carry 16 kHz audio and keep a state from packet to packet. */
export type WideCodec = Extract<Codec, 'G722' | 'opus'>;

export interface CodecFacts {
  /** RTP timestamps a second, as the rtpmap says it: G.722's is 8000 by an old mistake (RFC 3551 §4.5.2), Opus's always 48000. */
  readonly clockRate: 8000 | 48000;
  /** Of RTP timestamps: how many there are for each position. */
  readonly ticksPerPosition: 1 | 6;
  /** In the rtpmap. Opus always says 2, also of mono (RFC 7587 §4.1). */
  readonly channels: 1 | 2;
  /** RFC 3551 §6. `undefined`: it has none, and each description gives it a number of its own. */
  readonly staticType: number | undefined;
  /** In offers of ours. */
  readonly payloadType: number;
  /** Whether it carries 16 kHz audio, in a decoder and an encoder with a state. */
  readonly wide: boolean;
  /** Milliseconds that one packet of ours may have, the shortest first. */
  readonly packetTimesMs: readonly number[];
}

const TENS = [10, 20, 30, 40, 50, 60];

export const CODECS: Readonly<Record<Codec, CodecFacts>> = {
  PCMU: facts(0, false),
  PCMA: facts(8, false),
  G722: facts(9, true),
  opus: {
    clockRate: 48000,
    ticksPerPosition: 6,
    channels: 2,
    staticType: undefined,
    payloadType: 111,
    wide: true,
    // RFC 6716 §2.1.4: of what our encoder makes in one frame.
    packetTimesMs: [10, 20, 40, 60],
  },
};

export const CODEC_NAMES = Object.keys(CODECS) as readonly Codec[];

function facts(payloadType: number, wide: boolean): CodecFacts {
  return {
    clockRate: 8000,
    ticksPerPosition: 1,
    channels: 1,
    staticType: payloadType,
    payloadType,
    wide,
    packetTimesMs: TENS,
  };
}

/** By comparing alone: it is asked for with each packet. */
export function isCodec(meaning: string | undefined): meaning is Codec {
  return meaning === 'PCMU' || meaning === 'PCMA' || meaning === 'G722' || meaning === 'opus';
}

export function isWide(codec: Codec): codec is WideCodec {
  return CODECS[codec].wide;
}

/** A payload in a packet. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly to: number;
}

/** Turns one stream into 16 kHz audio. Nothing in it throws. */
export interface WideDecoder {
  /**
   * Decodes `bytes[from…to)` into `out` from index `at` on, and gives how many samples that were: twice what `lengthOf` says, or 0 when it is
   * malformed. The caller sees to it that there is room.
   */
  decode(bytes: Uint8Array, from: number, to: number, out: Int16Array, at: number): number;
  /**
   * Stands in for audio of `positions` that was lost; gives how many samples it wrote: twice `positions`. `next`: the packet that
   * followed, when it is there already; Opus may have told it twice. It is to be decoded after that all the same.
   */
  conceal(positions: number, out: Int16Array, at: number, next?: Payload): number;
  /** How long a payload is, in positions, without decoding it; −1: it is malformed. */
  lengthOf(bytes: Uint8Array, from: number, to: number): number;
  /** As new: for a stream that begins afresh. */
  reset(): void;
  /** Gives back what it holds. After that it decodes nothing. Idempotent. */
  close(): void;
}

/** Turns 16 kHz audio into the payloads of one stream. Nothing in it throws. */
export interface WideEncoder {
  /** Whether it can encode already: Opus is loaded when it is first needed, which takes some 20 ms once a thread. */
  readonly ready: boolean;
  /**
   * Encodes `samples[from…to)` at 16 kHz, of one of the codec's packet times, into `bytes` from index `at` on; gives how many bytes that
   * were, at most MOST_PAYLOAD_BYTES; 0: it cannot.
   */
  encode(samples: Int16Array, from: number, to: number, bytes: Uint8Array, at: number): number;
  /** As new: for a stream that begins afresh. */
  reset(): void;
  /** Gives back what it holds. Idempotent. */
  close(): void;
}

/** Room for a payload of ours: 60 ms of G.711 or G.722, which are 64 kbit/s. */
export const MOST_PAYLOAD_BYTES = 480;

/** The caller closes it. */
export function openDecoder(codec: WideCodec): WideDecoder {
  return codec === 'G722' ? new G722WideDecoder() : new OpusDecoder();
}

/** The caller closes it. */
export function openEncoder(codec: WideCodec): WideEncoder {
  return codec === 'G722' ? new G722WideEncoder() : new OpusEncoder();
}
