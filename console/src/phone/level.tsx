import { useEffect, useRef, useState } from 'react';
import { useConsole } from '../base/console-context.ts';
import { meter } from './meter.ts';

/** How often the words beside a meter change, at most. */
const WORDS_MS = 2000;

/** How loud a stream is: a bar for who sees it, a word for who does not. */
export function Level({
  label,
  stream,
}: {
  readonly label: string;
  readonly stream: MediaStream | undefined;
}) {
  const { phone } = useConsole();
  const bar = useRef<HTMLDivElement>(null);
  const [word, setWord] = useState('silent');

  useEffect(() => {
    const context = phone.audio();
    if (stream === undefined || context === undefined) return;
    const stop = new AbortController();
    const isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
    let [loudest, since] = [0, performance.now()];
    const tell = (level: number) => {
      bar.current?.style.setProperty('--level', level.toFixed(3));
      loudest = Math.max(loudest, level);
      if (performance.now() - since < WORDS_MS) return;
      setWord(loudest > 0.7 ? 'loud' : loudest > 0.3 ? 'audible' : 'silent');
      [loudest, since] = [0, performance.now()];
    };
    meter(context, stream, isCalm ? 4 : 30, tell, stop.signal);
    const shown = bar.current;
    return () => {
      stop.abort();
      shown?.style.setProperty('--level', '0');
    };
  }, [phone, stream]);

  return (
    <div className="level">
      <span>{label}</span>
      <div className="level-bar" ref={bar} aria-hidden="true" />
      <span className="unseen">{stream === undefined ? 'no sound yet' : word}</span>
    </div>
  );
}
