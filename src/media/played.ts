/** What was played to the caller, along the line's timeline: for the echo that comes back, and for the right channel of a recording. */
import { measureBands } from './bands.ts';
import { FRAME_SAMPLES, LINE_RATE } from './line.ts';

/** Sound as lines play it. */
export interface Sound {
  /** 8 kHz. */
  readonly narrow: Int16Array;
  /** The same at 16 kHz, where there is such; as long. */
  readonly wide: Int16Array | undefined;
}

interface Piece {
  readonly sound: Sound;
  readonly begin: number;
  end: number;
}

/** Filled and read at once: one for all. */
const FRAME = new Int16Array(FRAME_SAMPLES);
/** What is played next follows what has not been reached yet, as long as that is no longer than this: 200 ms. */
const MOST_PENDING = LINE_RATE / 5;

export class Played {
  /** In order; what lies before the line's position is dropped. */
  readonly #pieces: Piece[] = [];
  /** What is played is heard by nobody. */
  muted = false;

  /** `sound` is played from now on, which is `position`. */
  begin(sound: Sound, position: number): void {
    const before = this.#pieces.at(-1)?.end ?? 0;
    const begin = before > position && before - position <= MOST_PENDING ? before : position;
    const last = this.#pieces.at(-1);
    if (last !== undefined) last.end = Math.min(last.end, begin);
    this.#pieces.push({ sound, begin, end: begin + sound.narrow.length });
  }

  /** What plays ends at `position`, before its own end. */
  cut(position: number): void {
    const last = this.#pieces.at(-1);
    if (last !== undefined) last.end = Math.max(last.begin, Math.min(last.end, position));
  }

  /** The frame that was played at `position`, 8 kHz, into `out`. `false`: nothing was. To be asked for frame after frame. */
  read(position: number, out: Int16Array): boolean {
    return this.#read(position, out, 1);
  }

  /** The energies of the bands of the frame that was played at `position`, without copying it. `false`: nothing was. */
  measure(position: number, into: Float64Array): boolean {
    const first = this.#pieces[0];
    // Nearly always the frame lies within one piece.
    if (
      first !== undefined &&
      !this.muted &&
      first.begin <= position &&
      first.end >= position + FRAME_SAMPLES
    ) {
      measureBands(first.sound.narrow, position - first.begin, into);
      return true;
    }
    if (!this.read(position, FRAME)) return false;
    measureBands(FRAME, 0, into);
    return true;
  }

  /** As `read`, at 16 kHz. */
  readWide(position: number, out: Int16Array): boolean {
    return this.#read(position, out, 2);
  }

  #read(position: number, out: Int16Array, width: 1 | 2): boolean {
    while (this.#pieces.length > 0 && this.#pieces[0]!.end <= position) this.#pieces.shift();
    if (this.#pieces.length === 0 || this.muted) return false;
    let any = false;
    for (const { sound, begin, end } of this.#pieces) {
      const from = Math.max(begin, position);
      const to = Math.min(end, position + FRAME_SAMPLES);
      if (from >= to) continue;
      if (!any) out.fill(0, 0, width * FRAME_SAMPLES);
      any = true;
      for (let at = from; at < to; at++) {
        const into = width * (at - position);
        if (width === 1) out[into] = sound.narrow[at - begin]!;
        else {
          // Without a wide version each sample is said twice: what is above the band then is 20 dB down and heard by nobody but machines.
          out[into] = sound.wide?.[2 * (at - begin)] ?? sound.narrow[at - begin]!;
          out[into + 1] = sound.wide?.[2 * (at - begin) + 1] ?? sound.narrow[at - begin]!;
        }
      }
    }
    return any;
  }
}
