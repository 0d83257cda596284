import { memo, useEffect, useRef, useState } from 'react';
import type { TraceEvent } from '../../../src/http/console/wire.ts';
import { offset } from '../base/words.ts';
import { Content } from '../shell/content.tsx';
import { LANES, tellingOf } from './telling.ts';

/** How near to its end a list must be scrolled to be kept there, in pixels. */
const NEAR = 80;

/** Events as a ladder between the caller, the server and the bot. `follows`: stays at the newest while nobody scrolls away from it. */
export function Timeline({
  events,
  from,
  follows,
}: {
  readonly events: readonly TraceEvent[];
  readonly from: number;
  readonly follows: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const last = events.at(-1)?.sequence;
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever there is a newer one
  useEffect(() => {
    if (follows && isAtEnd.current) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [follows, last]);

  return (
    <section
      className={follows ? 'timeline-box follows' : 'timeline-box'}
      ref={box}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR;
      }}
      tabIndex={follows ? 0 : undefined}
      aria-label="Timeline"
    >
      <div className="ladder-head" aria-hidden="true">
        <span>Caller</span>
        <span>Tonearm</span>
        <span>Bot</span>
      </div>
      <ol className="timeline">
        {events.toSorted(byTime).map((event) => (
          <Entry key={event.sequence} event={event} from={from} />
        ))}
      </ol>
      {events.length === 0 && <p className="quiet">Nothing yet.</p>}
    </section>
  );
}

const Entry = memo(function Entry({ event, from }: { readonly event: TraceEvent; readonly from: number }) {
  const { kind, lane, title, aside, more } = tellingOf(event);
  const [isOpen, setOpen] = useState(false);
  const line = (
    <>
      <span className="entry-title">{title}</span>
      {aside !== undefined && <span className="entry-aside">{aside}</span>}
      {event.error !== undefined && (
        <span className="entry-error">
          <b>Error:</b> {event.error}
        </span>
      )}
    </>
  );
  return (
    <li className={`entry kind-${kind}${event.error === undefined ? '' : ' failed'}`}>
      <time className="mono" dateTime={new Date(event.at).toISOString()}>
        {offset(event.at - from)}
      </time>
      <span className={`lane ${lane}`} aria-hidden="true" />
      <span className="unseen">{LANES[lane]}: </span>
      {more.length === 0 ? (
        <div className="entry-text">{line}</div>
      ) : (
        <details className="entry-text" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
          <summary>{line}</summary>
          {isOpen &&
            more.map(({ heading, content }) => <Content key={heading} heading={heading} content={content} />)}
        </details>
      )}
    </li>
  );
});

/** A request stands where it came, though it is told only when it is answered. */
function byTime(a: TraceEvent, b: TraceEvent): number {
  return a.at - b.at || a.sequence - b.sequence;
}
