/**
 * Kaiser's window, for filters cut out of a sinc (Oppenheim, Schafer: Discrete-Time Signal Processing, §7.5.3).
 *
 * @param position from the middle of the window (0) to either of its ends (−1, 1)
 * @param beta how far the side lobes are down against how wide the main lobe is: 7.3 gives about −75 dB
 */
export function kaiserWindow(position: number, beta: number): number {
  if (position < -1 || position > 1) return 0;
  return besselI0(beta * Math.sqrt(1 - position * position)) / besselI0(beta);
}

/** Modified Bessel function of the first kind, order 0. */
function besselI0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
