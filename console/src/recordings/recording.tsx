import { useId, useState } from 'react';
import type { RecordingRow } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { wordsOf } from '../base/desk.ts';
import { fragmentOf } from '../base/route.ts';
import { duration, moment, size, spaced } from '../base/words.ts';
import { Confirm } from '../shell/confirm.tsx';
import { Content } from '../shell/content.tsx';
import { Trouble } from '../shell/trouble.tsx';
import { contentOf, Player } from './player.tsx';

/** One recording of the list; opened, it plays. */
export function Recording({
  row,
  now,
  isOpen,
  onToggle,
}: {
  readonly row: RecordingRow;
  readonly now: number;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}) {
  const id = useId();
  const isLive = row.state === 'recording';
  const lengthMs = isLive && row.beganAt !== undefined ? now - row.beganAt : row.durationMs;
  return (
    <li className={isLive ? 'recording live' : 'recording'}>
      <button
        type="button"
        className="recording-head"
        aria-expanded={isOpen}
        aria-controls={id}
        onClick={onToggle}
      >
        <span className="recording-name">
          <b>{row.applicationName ?? 'An application that is gone'}</b>
          <span className="quiet">{row.beganAt === undefined ? '' : moment(row.beganAt)}</span>
        </span>
        <span className="recording-facts">
          {isLive ? (
            <span className="badge live">recording</span>
          ) : (
            <span className="quiet">{row.ending === undefined ? '' : spaced(row.ending)}</span>
          )}
          <span className="mono">{lengthMs === undefined ? '' : duration(lengthMs)}</span>
          <span className="quiet recording-size">
            {row.format}
            {row.bytes === undefined ? '' : ` · ${size(row.bytes)}`}
          </span>
        </span>
      </button>
      <div id={id} className="recording-body" hidden={!isOpen}>
        {isOpen && <Opened row={row} />}
      </div>
    </li>
  );
}

function Opened({ row }: { readonly row: RecordingRow }) {
  const { desk, announce } = useConsole();
  const [isAsking, setAsking] = useState(false);
  const [trouble, setTrouble] = useState<string>();
  const remove = async () => {
    setAsking(false);
    try {
      await desk.send('DELETE', `recordings/${encodeURIComponent(row.id)}`);
      announce('The recording was deleted.');
      // What had the focus is gone in a moment.
      document.querySelector('h1')?.focus();
    } catch (thrown) {
      setTrouble(wordsOf(thrown));
    }
  };
  return (
    <>
      <Player row={row} />
      <div className="row">
        {row.state === 'finished' &&
          row.downloads.map((format) => (
            <a
              key={format}
              className="button"
              href={contentOf(row.id, format)}
              download={`${row.id}.${format}`}
            >
              Download {format}
            </a>
          ))}
        <a href={fragmentOf({ page: 'call', id: row.callId })}>The call</a>
        {row.state === 'finished' && (
          <button type="button" className="danger" onClick={() => setAsking(true)}>
            Delete …
          </button>
        )}
      </div>
      <Trouble words={trouble} />
      <p className="quiet">
        Recording <span className="mono">{row.id}</span>
        {row.ending !== undefined && `, ended: ${spaced(row.ending)}`}
      </p>
      {row.endReport !== undefined && (
        <Content heading="How it ended, as the bot is told" content={row.endReport} />
      )}
      {isAsking && (
        <Confirm
          question="Delete this recording?"
          detail="Its files are removed from the server, and nobody can bring them back."
          action="Delete"
          onAnswer={(yes) => (yes ? void remove() : setAsking(false))}
        />
      )}
    </>
  );
}
