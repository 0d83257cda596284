import { useState } from 'react';
import type { Paged, UndeliveredRow } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { wordsOf } from '../base/desk.ts';
import { useEvent, useLoaded } from '../base/loaded.ts';
import { fragmentOf } from '../base/route.ts';
import { moment } from '../base/words.ts';
import { Content } from '../shell/content.tsx';
import { Trouble } from '../shell/trouble.tsx';

const PAGE = 100;

/** Notifications that were given up. */
export function UndeliveredPage() {
  const { desk, announce } = useConsole();
  const [skip, setSkip] = useState(0);
  const { data, error, reload } = useLoaded<Paged<UndeliveredRow>>(`undelivered?top=${PAGE}&skip=${skip}`);
  useEvent('undelivered', reload);
  const [isSending, setSending] = useState(false);
  const [trouble, setTrouble] = useState<string>();

  const resend = async (rows: readonly UndeliveredRow[]) => {
    setSending(true);
    setTrouble(undefined);
    try {
      // In the order they were made in: the bot's.
      for (const { id } of rows.toSorted((a, b) => a.createdAt - b.createdAt || a.number - b.number))
        await desk.send('POST', `undelivered/${encodeURIComponent(id)}/resend`);
      announce(`${rows.length} sent again.`);
    } catch (thrown) {
      setTrouble(wordsOf(thrown));
    }
    setSending(false);
    reload();
  };
  return (
    <>
      <h1 tabIndex={-1}>Undelivered</h1>
      <p className="lead">
        Notifications that no attempt delivered. Sent again, they are tried anew, and their bot sees the same
        notification id.
      </p>
      <Trouble words={trouble ?? error} />
      {data?.total === 0 && <p className="empty">Every notification was delivered.</p>}
      {data !== undefined && data.rows.length > 0 && (
        <>
          <p className="row">
            <button
              type="button"
              className="main"
              disabled={isSending}
              onClick={() => void resend(data.rows)}
            >
              Send {data.rows.length === data.total ? 'all' : `these ${data.rows.length}`} again
            </button>
          </p>
          <table className="rows">
            <caption>
              {data.total} undelivered {data.total === 1 ? 'notification' : 'notifications'}
            </caption>
            <thead>
              <tr>
                <th scope="col">Made</th>
                <th scope="col">Application and target</th>
                <th scope="col">Attempts</th>
                <th scope="col">Last error</th>
                <th scope="col">Actions</th>
              </tr>
            </thead>
            <tbody>
              {data.rows.map((row) => (
                <Row key={row.id} row={row} isSending={isSending} onResend={() => void resend([row])} />
              ))}
            </tbody>
          </table>
        </>
      )}
      {data !== undefined && data.total > PAGE && (
        <nav className="row" aria-label="Pages of notifications">
          <button type="button" disabled={skip === 0} onClick={() => setSkip(skip - PAGE)}>
            Previous
          </button>
          <button type="button" disabled={skip + PAGE >= data.total} onClick={() => setSkip(skip + PAGE)}>
            Next
          </button>
        </nav>
      )}
    </>
  );
}

function Row({
  row,
  isSending,
  onResend,
}: {
  readonly row: UndeliveredRow;
  readonly isSending: boolean;
  readonly onResend: () => void;
}) {
  return (
    <tr>
      <td data-label="Made">
        {moment(row.createdAt)}
        <br />
        <a href={fragmentOf({ page: 'call', id: row.callId })}>number {row.number} of its call</a>
      </td>
      <td data-label="To">
        {row.applicationName}
        <br />
        <span className="mono small">{row.target}</span>
        <details>
          <summary>Body</summary>
          <Content heading="Body" content={row.body} />
        </details>
      </td>
      <td data-label="Attempts" className="number">
        {row.attempts}
      </td>
      <td data-label="Last error">{row.lastError ?? '–'}</td>
      <td data-label="Actions">
        <button type="button" disabled={isSending} onClick={onResend}>
          Send again
        </button>
      </td>
    </tr>
  );
}
