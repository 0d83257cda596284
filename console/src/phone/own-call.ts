import { useEffect, useState } from 'react';
import type { CallRow, CallTrace } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { useEvent } from '../base/loaded.ts';
import type { Dialled } from './phone.ts';

/** Clocks of two machines differ. */
const CLOCKS_DIFFER_MS = 60_000;

/** The server's id of the call that this page placed, once it is known: by the Call-ID of its SIP messages. */
export function useOwnCall(dialled: Dialled | undefined): string | undefined {
  const { desk, phone } = useConsole();
  const [found, setFound] = useState<{ readonly id: string; readonly at: number }>();
  const [tried] = useState(() => new Set<string>());
  const at = dialled?.at;

  const consider = (row: CallRow) => {
    if (at === undefined || found?.at === at || row.direction !== 'incoming') return;
    if (row.createdAt < at - CLOCKS_DIFFER_MS || tried.has(row.id)) return;
    const sipCallId = phone.sipCallId();
    if (sipCallId === undefined) return;
    tried.add(row.id);
    desk.get<CallTrace>(`calls/${row.id}`).then(
      ({ events }) => {
        if (events.some((event) => event.kind === 'sip' && event.text.includes(sipCallId)))
          setFound({ id: row.id, at });
        // Its SIP may be told after it was.
        else if (events.every((event) => event.kind !== 'sip')) tried.delete(row.id);
      },
      () => {},
    );
  };
  useEvent('call', consider);

  // What came before this part of the page was shown.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each call
  useEffect(() => {
    if (at === undefined || found?.at === at) return;
    const stop = new AbortController();
    desk.get<readonly CallRow[]>('calls', stop.signal).then(
      (rows) => rows.forEach(consider),
      () => {},
    );
    return () => stop.abort();
  }, [desk, at]);

  return found?.at === at ? found?.id : undefined;
}
