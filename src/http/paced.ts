import type { Clock } from '../clock.ts';

export interface Pace {
  readonly clock: Clock;
  /** How long one piece may wait to be taken. */
  readonly patienceMs: number;
  /** Nobody took a piece in that time: whoever reads is to be let go of. */
  readonly onStall: () => void;
  readonly onPiece: (bytes: number) => void;
}

/** `source` as it is, for readers of whom nobody knows whether they read. */
export async function* paced(source: AsyncIterable<Uint8Array>, pace: Pace): AsyncGenerator<Uint8Array> {
  for await (const piece of source) {
    pace.onPiece(piece.length);
    const timer = pace.clock.after(pace.patienceMs, pace.onStall);
    try {
      yield piece;
    } finally {
      timer.cancel();
    }
  }
}
