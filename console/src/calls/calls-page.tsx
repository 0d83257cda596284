import { useState } from 'react';
import type { CallRow } from '../../../src/http/console/wire.ts';
import { useEvent, useLoaded, useNow, withRow } from '../base/loaded.ts';
import { fragmentOf } from '../base/route.ts';
import { duration, moment } from '../base/words.ts';
import { Trouble } from '../shell/trouble.tsx';
import { State } from './state.tsx';

type Which = 'all' | 'live' | 'ended' | 'failed';

const FITS: Readonly<Record<Which, (row: CallRow) => boolean>> = {
  all: () => true,
  live: ({ endedAt }) => endedAt === undefined,
  ended: ({ endedAt }) => endedAt !== undefined,
  failed: ({ hasErrors }) => hasErrors,
};

/** The calls there are, and those that ended lately. */
export function CallsPage() {
  const { data: rows, error, setData } = useLoaded<readonly CallRow[]>('calls');
  useEvent('call', (row) => setData((before) => before && withRow(before, row)));
  const [which, setWhich] = useState<Which>('all');
  const [text, setText] = useState('');
  const sought = text.trim().toLowerCase();
  const shown = rows?.filter(
    (row) =>
      FITS[which](row) &&
      [row.caller, row.callee, row.applicationName, row.state, row.ending, row.id].some((part) =>
        part?.toLowerCase().includes(sought),
      ),
  );
  return (
    <>
      <h1 tabIndex={-1}>Calls</h1>
      <search className="filters">
        <label className="field">
          <span>Which</span>
          <select value={which} onChange={(event) => setWhich(event.target.value as Which)}>
            <option value="all">All</option>
            <option value="live">Live</option>
            <option value="ended">Ended</option>
            <option value="failed">With errors</option>
          </select>
        </label>
        <label className="field wide">
          <span>Number, name, application, id</span>
          <input type="search" value={text} onChange={(event) => setText(event.target.value)} />
        </label>
      </search>
      <Trouble words={error} />
      {shown !== undefined && <CallTable rows={shown} isFiltered={shown.length !== rows?.length} />}
    </>
  );
}

function CallTable({
  rows,
  isFiltered,
}: {
  readonly rows: readonly CallRow[];
  readonly isFiltered: boolean;
}) {
  const now = useNow(rows.some(({ endedAt }) => endedAt === undefined));
  if (rows.length === 0)
    return (
      <p className="empty">
        {isFiltered ? 'No call fits.' : 'No calls yet. '}
        {!isFiltered && <a href="#/phone">Place one from this page.</a>}
      </p>
    );
  return (
    <table className="rows">
      <caption>
        {rows.length} {rows.length === 1 ? 'call' : 'calls'}, the newest first
      </caption>
      <thead>
        <tr>
          <th scope="col">Began</th>
          <th scope="col">From and to</th>
          <th scope="col">Application</th>
          <th scope="col">State</th>
          <th scope="col">Length</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} className={row.hasErrors ? 'failed' : undefined}>
            <td data-label="Began">
              <a href={fragmentOf({ page: 'call', id: row.id })}>{moment(row.createdAt)}</a>
            </td>
            <td data-label="From and to" className="parties">
              <span>{row.caller}</span> <span className="quiet">→ {row.callee}</span>
            </td>
            <td data-label="Application">{row.applicationName}</td>
            <td data-label="State">
              <State row={row} />
            </td>
            <td data-label="Length" className="number">
              {duration((row.endedAt ?? now) - row.createdAt)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
