/** Of full scale, in decibels: what is quieter than this shows as nothing. */
const FLOOR_DB = -60;

/** Tells the level of `stream`, 0 to 1 on a scale of decibels, `perSecond` times a second at most, until `signal` aborts. */
export function meter(
  context: AudioContext,
  stream: MediaStream,
  perSecond: number,
  tell: (level: number) => void,
  signal: AbortSignal,
): void {
  const source = context.createMediaStreamSource(stream);
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let told = 0;
  let frame = requestAnimationFrame(function look(now) {
    frame = requestAnimationFrame(look);
    if (now - told < 1000 / perSecond) return;
    told = now;
    analyser.getFloatTimeDomainData(samples);
    tell(levelOf(samples));
  });
  signal.addEventListener('abort', () => {
    cancelAnimationFrame(frame);
    source.disconnect();
  });
}

function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length || 1e-12);
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
