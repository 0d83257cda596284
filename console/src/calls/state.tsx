import type { CallRow } from '../../../src/http/console/wire.ts';
import { spaced } from '../base/words.ts';

/** Where a call stands: its state, what runs in it, why it ended. */
export function State({ row }: { readonly row: CallRow }) {
  const isLive = row.endedAt === undefined;
  return (
    <span className="state">
      <span className={isLive ? 'badge live' : 'badge'}>{spaced(row.state)}</span>
      {row.running !== undefined && <span className="badge working">{row.running}</span>}
      {row.hasErrors && <span className="badge bad">errors</span>}
      {row.ending !== undefined && <span className="quiet">{row.ending}</span>}
    </span>
  );
}
