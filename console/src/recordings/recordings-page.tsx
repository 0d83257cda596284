import { useState } from 'react';
import type { ApplicationRow, Paged, RecordingRow } from '../../../src/http/console/wire.ts';
import { useEvent, useLoaded, useNow } from '../base/loaded.ts';
import { Trouble } from '../shell/trouble.tsx';
import { Recording } from './recording.tsx';

const PAGE = 50;

/** What was recorded, and what is being recorded. */
export function RecordingsPage() {
  const [application, setApplication] = useState('');
  const [state, setState] = useState('');
  const [text, setText] = useState('');
  const [skip, setSkip] = useState(0);
  const [open, setOpen] = useState<string>();
  const { data: applications } = useLoaded<readonly ApplicationRow[]>('applications');
  const query = new URLSearchParams({ top: String(PAGE), skip: String(skip) });
  if (application !== '') query.set('application', application);
  if (state !== '') query.set('state', state);
  const { data, error, setData } = useLoaded<Paged<RecordingRow>>(`recordings?${query}`);
  const fits = (row: RecordingRow) =>
    (application === '' || row.applicationId === application) &&
    (state === '' ? row.state !== 'gone' : row.state === state);
  useEvent('recording', (row) =>
    setData((before) => before && withRecording(before, row, fits(row), skip === 0)),
  );

  const sought = text.trim().toLowerCase();
  const shown = data?.rows
    .filter(fits)
    .filter((row) =>
      [row.id, row.callId, row.applicationName, row.ending, row.format].some((part) =>
        part?.toLowerCase().includes(sought),
      ),
    );
  const now = useNow(data?.rows.some((row) => row.state === 'recording') === true);
  const choose = (set: (value: string) => void) => (event: React.ChangeEvent<HTMLSelectElement>) => {
    set(event.target.value);
    setSkip(0);
  };
  return (
    <>
      <h1 tabIndex={-1}>Recordings</h1>
      <search className="filters">
        <label className="field">
          <span>Application</span>
          <select value={application} onChange={choose(setApplication)}>
            <option value="">All</option>
            {applications?.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>State</span>
          <select value={state} onChange={choose(setState)}>
            <option value="">All</option>
            <option value="recording">Being recorded</option>
            <option value="finished">Finished</option>
          </select>
        </label>
        <label className="field wide">
          <span>Why it ended, id, call</span>
          <input type="search" value={text} onChange={(event) => setText(event.target.value)} />
        </label>
      </search>
      <Trouble words={error} />
      {shown?.length === 0 && (
        <p className="empty">
          {data?.total === 0 && application + state === '' ? 'No recordings yet.' : 'None fits.'}
        </p>
      )}
      {shown !== undefined && shown.length > 0 && (
        <ul className="recordings" aria-label="Recordings, the newest first">
          {shown.map((row) => (
            <Recording
              key={row.id}
              row={row}
              now={now}
              isOpen={row.id === open}
              onToggle={() => setOpen((before) => (before === row.id ? undefined : row.id))}
            />
          ))}
        </ul>
      )}
      {data !== undefined && data.total > PAGE && (
        <nav className="row" aria-label="Pages of recordings">
          <button type="button" disabled={skip === 0} onClick={() => setSkip(skip - PAGE)}>
            Newer
          </button>
          <span className="quiet">
            {skip + 1}–{Math.min(skip + PAGE, data.total)} of {data.total}
          </span>
          <button type="button" disabled={skip + PAGE >= data.total} onClick={() => setSkip(skip + PAGE)}>
            Older
          </button>
        </nav>
      )}
    </>
  );
}

/** A page of recordings once one of them, or a new one, is as `row` says. */
function withRecording(
  page: Paged<RecordingRow>,
  row: RecordingRow,
  isShown: boolean,
  isFirst: boolean,
): Paged<RecordingRow> {
  const at = page.rows.findIndex(({ id }) => id === row.id);
  if (at >= 0 && isShown) return { ...page, rows: page.rows.with(at, row) };
  if (at >= 0) return { total: page.total - 1, rows: page.rows.toSpliced(at, 1) };
  return isShown && isFirst ? { total: page.total + 1, rows: [row, ...page.rows] } : page;
}
