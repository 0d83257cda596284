import { useState } from 'react';
import type { CallTrace } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { useNow } from '../base/loaded.ts';
import { fragmentOf } from '../base/route.ts';
import { duration, moment } from '../base/words.ts';
import { Trouble } from '../shell/trouble.tsx';
import { beginningOf, useCallTrace } from './call-trace.ts';
import { State } from './state.tsx';
import { KINDS, type Kind, tellingOf } from './telling.ts';
import { Timeline } from './timeline.tsx';

/** One call: what happened, and what happens, in it. */
export function CallPage({ id }: { readonly id: string }) {
  const { data, error, isMissing } = useCallTrace(id);
  return (
    <>
      <p className="back">
        <a href="#/calls">All calls</a>
      </p>
      <h1 tabIndex={-1}>{data === undefined ? 'Call' : `Call from ${data.call.caller}`}</h1>
      {isMissing ? <p className="empty">This call is not remembered any more.</p> : <Trouble words={error} />}
      {data !== undefined && <Whole trace={data} />}
    </>
  );
}

function Whole({ trace }: { readonly trace: CallTrace }) {
  const { call, events, dropped } = trace;
  const isLive = call.endedAt === undefined;
  const now = useNow(isLive);
  const [hidden, setHidden] = useState<ReadonlySet<Kind>>(new Set());
  const [isFailuresOnly, setFailuresOnly] = useState(false);
  const toggle = (kind: Kind) => setHidden((before) => before.symmetricDifference(new Set([kind])));
  const shown = events.filter(
    (event) => !hidden.has(tellingOf(event).kind) && (!isFailuresOnly || event.error !== undefined),
  );
  return (
    <>
      <dl className="facts">
        <Fact name="From">{call.caller}</Fact>
        <Fact name="To">{call.callee}</Fact>
        <Fact name="Application">{call.applicationName}</Fact>
        <Fact name="State">
          <State row={call} />
        </Fact>
        <Fact name="Began">{moment(call.createdAt)}</Fact>
        <Fact name="Length">{duration((call.endedAt ?? now) - call.createdAt)}</Fact>
        <Fact name="Id">
          <span className="mono">{call.id}</span>
        </Fact>
      </dl>
      <div className="row">
        {isLive && (
          <a className="button" href={fragmentOf({ page: 'try', call: call.id })}>
            Try actions on it
          </a>
        )}
        <Export id={call.id} />
      </div>
      <fieldset className="kinds">
        <legend>Show</legend>
        {Object.entries(KINDS).map(([kind, name]) => (
          <label key={kind} className="check">
            <input
              type="checkbox"
              checked={!hidden.has(kind as Kind)}
              onChange={() => toggle(kind as Kind)}
            />
            {name}
          </label>
        ))}
        <label className="check">
          <input
            type="checkbox"
            checked={isFailuresOnly}
            onChange={(event) => setFailuresOnly(event.target.checked)}
          />
          Errors only
        </label>
      </fieldset>
      {dropped > 0 && <p className="quiet">The first {dropped} events are not remembered any more.</p>}
      <section className="panel" aria-labelledby="timeline-heading">
        <h2 id="timeline-heading">Timeline</h2>
        <Timeline events={shown} from={beginningOf(trace)} follows={false} />
      </section>
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Export({ id }: { readonly id: string }) {
  const { announce } = useConsole();
  const [trouble, setTrouble] = useState<string>();
  const source = (format: string) => `console/calls/${encodeURIComponent(id)}/export?format=${format}`;
  const text = async (format: string) => {
    const response = await fetch(source(format));
    if (!response.ok) throw new Error(`The server answered ${response.status}.`);
    return new Blob([await response.text()], { type: 'text/plain' });
  };
  const copy = (format: string, what: string) =>
    Promise.resolve()
      // Begun at once: a browser lets a page copy only while it handles a click.
      .then(() => navigator.clipboard.write([new ClipboardItem({ 'text/plain': text(format) })]))
      .then(
        () => announce(`Copied as ${what}.`),
        () => setTrouble('The browser did not let this page copy: download it.'),
      );
  return (
    <>
      <button type="button" onClick={() => copy('json', 'JSON')}>
        Copy as JSON
      </button>
      <button type="button" onClick={() => copy('http', 'a .http file')}>
        Copy as .http
      </button>
      <a className="button" href={source('json')} download>
        Download JSON
      </a>
      <a className="button" href={source('http')} download>
        Download .http
      </a>
      <Trouble words={trouble} />
    </>
  );
}
