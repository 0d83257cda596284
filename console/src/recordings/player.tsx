import { useEffect, useRef, useState } from 'react';
import type { RecordingRow } from '../../../src/http/console/wire.ts';
import { wordsOf } from '../base/desk.ts';
import { duration } from '../base/words.ts';
import { Trouble } from '../shell/trouble.tsx';
import { createPeaks } from './peaks.ts';
import { readPeaks } from './read-peaks.ts';
import { Waveform } from './waveform.tsx';

/** Where a recording's audio is, in a format that it is offered in. */
export const contentOf = (id: string, format: string): string =>
  `console/recordings/${encodeURIComponent(id)}/content?format=${encodeURIComponent(format)}`;

/** How often a waveform that is being read is drawn. */
const DRAW_MS = 150;

/** Plays a recording, also while it is being made. */
export function Player({ row }: { readonly row: RecordingRow }) {
  const audio = useRef<HTMLAudioElement>(null);
  // What is being made is to be had as WAV, whatever it becomes; once opened it stays what it was.
  const [format] = useState(() => (row.downloads.includes('wav') ? 'wav' : row.format));
  const { peaks, lengthMs, trouble: unread } = usePeaks(contentOf(row.id, format), format);
  const [atMs, setAtMs] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const wholeMs = Math.max(lengthMs, row.durationMs ?? 0);

  useEffect(() => {
    if (!isPlaying) return;
    let frame = requestAnimationFrame(function look() {
      if (audio.current) setAtMs(audio.current.currentTime * 1000);
      frame = requestAnimationFrame(look);
    });
    return () => cancelAnimationFrame(frame);
  }, [isPlaying]);

  const seek = (ms: number) => {
    if (!audio.current) return;
    audio.current.currentTime = ms / 1000;
    setAtMs(ms);
  };
  const toggle = () => {
    const { current } = audio;
    if (current === null) return;
    setTrouble(undefined);
    if (!current.paused) return current.pause();
    current.play().catch((thrown) => setTrouble(`It cannot be played: ${wordsOf(thrown)}`));
  };
  return (
    <section className="player" aria-label="Player">
      {/* biome-ignore lint/a11y/useMediaCaption: nobody has written down what callers say */}
      <audio
        ref={audio}
        src={contentOf(row.id, format)}
        preload="none"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => setPlaying(false)}
      />
      <button type="button" className="main" onClick={toggle}>
        {isPlaying ? 'Pause' : 'Play'}
      </button>
      <div className="player-track">
        <Waveform
          peaks={peaks}
          position={wholeMs > 0 ? atMs / wholeMs : 0}
          onSeek={wholeMs > 0 ? (position) => seek(position * wholeMs) : undefined}
        />
        <input
          type="range"
          aria-label="Position"
          min={0}
          max={Math.max(1, wholeMs)}
          step={100}
          value={Math.min(atMs, wholeMs)}
          aria-valuetext={`${duration(atMs)} of ${duration(wholeMs)}`}
          onChange={(event) => seek(Number(event.target.value))}
        />
      </div>
      <span className="mono player-time">
        {duration(atMs)} / {duration(wholeMs)}
      </span>
      <Trouble words={trouble ?? unread} />
    </section>
  );
}

/** Read as the file arrives: of one that is still being made it arrives as it is spoken. */
function usePeaks(source: string, format: string) {
  const [shown, setShown] = useState<{
    readonly peaks: readonly number[];
    readonly lengthMs: number;
    readonly trouble?: string;
  }>({ peaks: [], lengthMs: 0 });
  useEffect(() => {
    const stop = new AbortController();
    const peaks = createPeaks();
    const show = (trouble?: string) =>
      setShown({
        peaks: peaks.values,
        lengthMs: peaks.durationMs(),
        ...(trouble !== undefined && { trouble }),
      });
    const timer = setInterval(() => show(), DRAW_MS);
    readPeaks(source, format, peaks, stop.signal)
      .then(
        () => show(),
        (thrown) => !stop.signal.aborted && show(`The waveform cannot be shown: ${wordsOf(thrown)}`),
      )
      .finally(() => clearInterval(timer));
    return () => {
      clearInterval(timer);
      stop.abort();
    };
  }, [source, format]);
  return shown;
}
