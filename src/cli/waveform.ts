const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/**
 * Sound as one line of block characters, loudest bar full; each bar is the loudest instant of its share.
 * `columns` bars for any length; empty sound is an empty line.
 */
export function waveform(samples: Int16Array, columns: number): string {
  if (samples.length === 0) return '';
  const peaks = Array.from({ length: columns }, (_, column) => {
    const from = Math.floor((column * samples.length) / columns);
    const to = Math.max(from + 1, Math.floor(((column + 1) * samples.length) / columns));
    return samples.subarray(from, to).reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  });
  const loudest = Math.max(1, ...peaks);
  return peaks
    .map((peak) => BARS[Math.min(BARS.length - 1, Math.floor((peak / loudest) * BARS.length))])
    .join('');
}
