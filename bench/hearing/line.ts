/** What a line makes of what a caller's phone sends: codec, network, and the line's own hearing, which conceals losses the codec's way. */
import { type Codec, isWide, MOST_PAYLOAD_BYTES, openEncoder } from '../../src/media/codecs.ts';
import { Hearing } from '../../src/media/hearing.ts';
import { encodeG711 } from '../../src/wire/g711.ts';
import { emptyRtpPacket } from '../../src/wire/rtp.ts';
import { upsampled } from '../../src/wire/upsample.ts';
import { FRAME, type Random } from './sounds.ts';

const FRAME_MS = 20;

/** Audio as the line hears it, and the frames of it that it had to make up. */
export interface Line {
  readonly samples: Int16Array;
  readonly lost: Uint8Array;
}

/** Sends whole frames of 8 kHz audio through `codec`; of its packets the share `loss` never arrives, but for the first. */
export async function carry(sent: Int16Array, codec: Codec, loss: number, random: Random): Promise<Line> {
  const frames = sent.length / FRAME;
  const line = { samples: new Int16Array(sent.length), lost: new Uint8Array(frames) };
  const hearing = new Hearing({
    hear: ({ samples, at, position, concealed }) => {
      if (position >= sent.length) return;
      for (let i = 0; i < FRAME; i++) line.samples[position + i] = samples[at + i]!;
      line.lost[position / FRAME] = concealed ? 1 : 0;
    },
  });
  if (isWide(codec)) hearing.widen(codec);
  const payloads = await encoderOf(codec, sent);
  const packet = emptyRtpPacket();
  const bytes = new Uint8Array(MOST_PAYLOAD_BYTES);
  let losing = false;
  for (let frame = 0; frame < frames; frame++) {
    packet.sequence = frame;
    packet.timestamp = frame * FRAME;
    packet.payloadEnd = payloads.encode(frame, bytes);
    // Losses come in bursts: two on average.
    losing = losing ? random() < 0.5 : random() < (0.5 * loss) / (1 - loss);
    if (!losing || frame === 0) hearing.audio(codec, bytes, packet, frame * FRAME_MS);
    hearing.fill(frame * FRAME_MS);
  }
  hearing.fill((frames + 50) * FRAME_MS);
  payloads.close();
  hearing.close();
  return line;
}

/** Packets of 20 ms, one after the other: how many bytes each has. */
interface Payloads {
  encode(frame: number, bytes: Uint8Array): number;
  close(): void;
}

async function encoderOf(codec: Codec, sent: Int16Array): Promise<Payloads> {
  if (!isWide(codec))
    return {
      encode(frame, bytes) {
        encodeG711(codec, sent, frame * FRAME, (frame + 1) * FRAME, bytes, 0);
        return FRAME;
      },
      close() {},
    };
  const encoder = openEncoder(codec);
  // As is the decoder, it is there by the next turn, once the library is.
  do await new Promise((resolve) => setImmediate(resolve));
  while (!encoder.ready);
  const wide = upsampled(sent);
  return {
    encode: (frame, bytes) => encoder.encode(wide, 2 * frame * FRAME, 2 * (frame + 1) * FRAME, bytes, 0),
    close: () => encoder.close(),
  };
}
