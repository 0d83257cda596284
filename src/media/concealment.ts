/**
 * Stands in for lost audio: the last period of the voice is said again and again, ever more quietly (in the manner of ITU-T G.711
 * Appendix I). Full level for 10 ms, then a fifth less each 10 ms, silence from 60 ms on.
 *
 * Departs from Appendix I: no delay is added, so what was heard before the loss stays as it was and both joins are made after it; and the level
 * is that of what repeats itself, which makes the error less (noise, which has no period, would become a buzz).
 *
 * Costs nothing while nothing is lost: the past is only read when a loss begins.
 */

/** Pitch that is looked for: 66–400 Hz, as a period in milliseconds. */
const SHORTEST_PERIOD_MS = 2.5;
const LONGEST_PERIOD_MS = 15;
/** How much of the past is compared with what was a period before. Appendix I takes 20 ms; voices move on faster. */
const COMPARED_MS = 6;
/** The search goes by samples 4,000 a second, then by all. */
const COARSE_RATE = 4000;
const FULL_MS = 10;
const FADED_MS = 60;
/** What follows a loss is blended in over so long. */
const BLEND_MS = 4;

/** Of one stream. The fade and the joins are counted from when the loss began, however often it is called. */
export class Concealment {
  readonly #rate: number;
  /** How far back `past` is read, in samples: it must be at least so long. */
  readonly reach: number;
  /** One period of the voice, which flows into itself. */
  readonly #period: Float32Array;
  #length = 0;
  /** 0–1: how much the last period was like the one before it. What has no period is not made to sound as if it had. */
  #likeness = 0;
  /** The end of the past, backwards: where the period is blended into. */
  readonly #echo: Float32Array;
  /** Samples that were made up so far; 0: nothing is lost. */
  #made = 0;

  /** @param rate samples a second: 8000 or 16000 */
  constructor(rate: number) {
    this.#rate = rate;
    this.reach = ((LONGEST_PERIOD_MS + COMPARED_MS) * rate) / 1000;
    this.#period = new Float32Array((LONGEST_PERIOD_MS * rate) / 1000);
    this.#echo = new Float32Array(this.#period.length / 4);
  }

  /** Whether something was made up, and `join` is due for what comes next. */
  get concealing(): boolean {
    return this.#made > 0;
  }

  /**
   * Fills `out[at…at+count)`. `past` is a ring of samples whose newest is the one before index `end`; it is read only when the loss
   * begins, so it need not stay as it was after that.
   */
  conceal(past: Int16Array, end: number, out: Int16Array, at: number, count: number): void {
    if (this.#made === 0) this.#begin(past, end);
    const faded = (FADED_MS * this.#rate) / 1000;
    const sounding = Math.max(0, Math.min(count, faded - this.#made));
    for (let i = 0; i < sounding; i++) out[at + i] = this.#next();
    out.fill(0, at + sounding, at + count);
    this.#made += count - sounding;
  }

  /** Blends the end of the loss into what follows it, `samples[at…at+count)`, in place. Does nothing when nothing was lost. */
  join(samples: Int16Array, at: number, count: number): void {
    if (this.#made === 0) return;
    const length = Math.min(count, (BLEND_MS * this.#rate) / 1000);
    for (let i = 0; i < length; i++) {
      const share = (i + 0.5) / length;
      samples[at + i] = Math.round((1 - share) * this.#next() + share * samples[at + i]!);
    }
    this.#made = 0;
  }

  /** As new: for a stream that begins afresh. */
  reset(): void {
    this.#made = 0;
  }

  #next(): number {
    const made = this.#made++;
    const ms = (made * 1000) / this.#rate;
    if (ms >= FADED_MS) return 0;
    const level = ms < FULL_MS ? 1 : 1 - (ms - FULL_MS) / (FADED_MS - FULL_MS);
    let value = this.#period[made % this.#length]!;
    const blend = this.#length >> 2;
    if (made < blend) {
      const share = (made + 0.5) / blend;
      value = share * value + (1 - share) * this.#echo[made]!;
    }
    return Math.round(level * this.#likeness * value);
  }

  #begin(past: Int16Array, end: number): void {
    const length = this.#findPeriod(past, end);
    this.#length = length;
    const size = past.length;
    const sample = (back: number) => past[(end - back + size) % size]!;
    const blend = length >> 2;
    for (let i = 0; i < length; i++) this.#period[i] = sample(length - i);
    // Its last quarter turns into what went before it, so that its end flows into its beginning.
    for (let i = 0; i < blend; i++) {
      const share = (i + 0.5) / blend;
      const at = length - blend + i;
      this.#period[at] = (1 - share) * this.#period[at]! + share * sample(length + blend - i);
      this.#echo[i] = sample(1 + i);
    }
  }

  /** The lag at which the past is most like itself, and how much. */
  #findPeriod(past: Int16Array, end: number): number {
    const step = this.#rate / COARSE_RATE;
    const shortest = (SHORTEST_PERIOD_MS * this.#rate) / 1000;
    const longest = (LONGEST_PERIOD_MS * this.#rate) / 1000;
    const coarse = this.#bestLag(past, end, shortest, longest, step);
    return this.#bestLag(past, end, Math.max(shortest, coarse - step), Math.min(longest, coarse + step), 1);
  }

  /** By normalised cross-correlation. */
  #bestLag(past: Int16Array, end: number, from: number, to: number, step: number): number {
    const size = past.length;
    const compared = (COMPARED_MS * this.#rate) / 1000;
    let own = 1;
    for (let back = 1; back <= compared; back += step) own += past[(end - back + size) % size]! ** 2;
    let best = from;
    this.#likeness = 0;
    for (let lag = from; lag <= to; lag += step) {
      let product = 0;
      let energy = 1;
      for (let back = 1; back <= compared; back += step) {
        const before = past[(end - back - lag + size) % size]!;
        product += past[(end - back + size) % size]! * before;
        energy += before * before;
      }
      const likeness = product / Math.sqrt(own * energy);
      if (likeness <= this.#likeness) continue;
      this.#likeness = likeness;
      best = lag;
    }
    return best;
  }
}
