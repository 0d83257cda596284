import type { Peaks } from './peaks.ts';

/** Decoded, an hour takes 230 MB: what is longer than about that is played without a waveform. */
const MOST_BYTES = 20_000_000;
/** What recordings have: nothing is to be made up. */
const RATE = 16_000;

/** Reads a recording into `peaks`: WAV as it arrives, the rest once it is there. */
export async function readPeaks(
  source: string,
  format: string,
  peaks: Peaks,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(source, { signal });
  if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
  if (format !== 'wav') {
    if (Number(response.headers.get('content-length')) > MOST_BYTES) throw new Error('the file is too long');
    const context = new OfflineAudioContext(1, 1, RATE);
    const decoded = await context.decodeAudioData(await response.arrayBuffer());
    return peaks.addDecoded(decoded.getChannelData(0), decoded.sampleRate);
  }
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) peaks.add(part.value);
}
