import { useEffect, useRef } from 'react';

/** Pixels of a bar and of what is between two. */
const BAR = 2;
const GAP = 1;

/**
 * Peaks as bars, those before `position` (0 to 1) as played. Pointing at it seeks; what it shows is told by the slider beside it.
 * A canvas of ours: wavesurfer.js writes a <style> into its shadow root, which the Content-Security-Policy forbids.
 */
export function Waveform({
  peaks,
  position,
  onSeek,
}: {
  readonly peaks: readonly number[];
  readonly position: number;
  readonly onSeek: ((position: number) => void) | undefined;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const draw = useRef(() => {});
  draw.current = () => canvas.current && paint(canvas.current, peaks, position);
  useEffect(() => draw.current());
  useEffect(() => {
    const again = () => draw.current();
    const resized = new ResizeObserver(again);
    resized.observe(canvas.current!);
    const dark = matchMedia('(prefers-color-scheme: dark)');
    dark.addEventListener('change', again);
    return () => {
      resized.disconnect();
      dark.removeEventListener('change', again);
    };
  }, []);
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas takes no focus
    <canvas
      className="waveform"
      ref={canvas}
      aria-hidden="true"
      onPointerDown={(event) => {
        const { left, width } = event.currentTarget.getBoundingClientRect();
        onSeek?.(Math.min(1, Math.max(0, (event.clientX - left) / width)));
      }}
    />
  );
}

function paint(canvas: HTMLCanvasElement, peaks: readonly number[], position: number): void {
  const { clientWidth, clientHeight } = canvas;
  const scale = devicePixelRatio;
  canvas.width = clientWidth * scale;
  canvas.height = clientHeight * scale;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.scale(scale, scale);
  // Custom properties come as they are written; these two as colours.
  const { color, outlineColor } = getComputedStyle(canvas);
  const bars = Math.floor(clientWidth / (BAR + GAP));
  for (let bar = 0; bar < bars; bar++) {
    const from = Math.floor((bar * peaks.length) / bars);
    const to = Math.max(from + 1, Math.floor(((bar + 1) * peaks.length) / bars));
    let loudest = 0;
    for (let at = from; at < to && at < peaks.length; at++) loudest = Math.max(loudest, peaks[at]!);
    // Speech is far below full scale: its root shows it.
    const height = Math.max(1, Math.sqrt(loudest) * clientHeight);
    context.fillStyle = (bar + 0.5) / bars <= position ? outlineColor : color;
    context.fillRect(bar * (BAR + GAP), (clientHeight - height) / 2, BAR, height);
  }
}
