/**
 * The adaptive predictor of G.722's bands: two poles and six zeros, which coder and decoder steer by the same decoded differences
 * (ITU-T G.722 §3.6; names in capitals are those of its blocks in §6.2). Level 0.
 */

const ZEROS = 6;

/** One band's. */
export class G722Predictor {
  /** SL, SH: what the next sample is expected to be. */
  estimate = 0;
  /** SZ: the zeros' share of it. */
  #zeroPart = 0;
  /** A1, A2, and the decoded samples (R) and their parts without poles (P, signs only matter) that they go by. */
  #pole1 = 0;
  #pole2 = 0;
  #sample1 = 0;
  #partial1 = 0;
  #partial2 = 0;
  /** B1–B6, and twice the decoded differences (D) that they go by, the newest first. */
  readonly #zeros = new Int32Array(ZEROS);
  readonly #doubled = new Int32Array(ZEROS);

  /** Takes the decoded difference between the sample and its estimate, and makes the next estimate. */
  adapt(difference: number): void {
    const sample = saturate(this.estimate + difference); // RECONS
    const partial = saturate(this.#zeroPart + difference); // PARREC
    this.#adaptPoles(partial);
    const zeroPart = this.#adaptZeros(difference);
    // FILTEP: the newest samples are told twice as large, as the coefficients have 14 bits behind the point.
    const pole =
      ((this.#pole1 * saturate(2 * sample)) >> 15) + ((this.#pole2 * saturate(2 * this.#sample1)) >> 15);
    this.#sample1 = sample;
    this.#partial2 = this.#partial1;
    this.#partial1 = partial;
    this.#zeroPart = zeroPart;
    this.estimate = saturate(saturate(pole) + zeroPart); // PREDIC
  }

  reset(): void {
    this.estimate = 0;
    this.#zeroPart = 0;
    this.#pole1 = 0;
    this.#pole2 = 0;
    this.#sample1 = 0;
    this.#partial1 = 0;
    this.#partial2 = 0;
    this.#zeros.fill(0);
    this.#doubled.fill(0);
  }

  /** UPPOL2, UPPOL1: kept where the filter is stable. */
  #adaptPoles(partial: number): void {
    const likeLast = partial < 0 === this.#partial1 < 0;
    const likeBefore = partial < 0 === this.#partial2 < 0;
    const first = saturate(4 * this.#pole1);
    const turned = likeLast ? Math.min(32_767, -first) : first;
    let pole2 = (likeBefore ? 128 : -128) + (turned >> 7) + ((this.#pole2 * 32_512) >> 15);
    if (pole2 > 12_288) pole2 = 12_288;
    else if (pole2 < -12_288) pole2 = -12_288;
    const bound = saturate(15_360 - pole2);
    let pole1 = saturate((likeLast ? 192 : -192) + ((this.#pole1 * 32_640) >> 15));
    if (pole1 > bound) pole1 = bound;
    else if (pole1 < -bound) pole1 = -bound;
    this.#pole2 = pole2;
    this.#pole1 = pole1;
  }

  /** UPZERO, DELAYA, FILTEZ: gives the zeros' share of the next estimate. */
  #adaptZeros(difference: number): number {
    const zeros = this.#zeros;
    const doubled = this.#doubled;
    const falls = difference < 0;
    const gain = difference === 0 ? 0 : 128;
    let newest = saturate(2 * difference);
    let sum = 0;
    for (let i = 0; i < ZEROS; i++) {
      const old = doubled[i]!;
      // Within 16 bits by itself: leaking takes 128 from the largest.
      const zero = (old < 0 === falls ? gain : -gain) + (Math.imul(zeros[i]!, 32_640) >> 15);
      zeros[i] = zero;
      doubled[i] = newest;
      sum = (sum + (Math.imul(zero, newest) >> 15)) | 0;
      newest = old;
    }
    return saturate(sum);
  }
}

function saturate(value: number): number {
  return value > 32_767 ? 32_767 : value < -32_768 ? -32_768 : value;
}
