import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import type { Session } from '../../../src/http/console/wire.ts';
import { type Console, ConsoleContext } from '../base/console-context.ts';
import { openDesk } from '../base/desk.ts';
import { openLive } from '../base/live.ts';
import { parseRoute, type Route } from '../base/route.ts';
import { CallPage } from '../calls/call-page.tsx';
import { CallsPage } from '../calls/calls-page.tsx';
import { useHealth } from '../health/health-history.ts';
import { HealthPage } from '../health/health-page.tsx';
import { CallBar } from '../phone/call-bar.tsx';
import { createPhone } from '../phone/phone.ts';
import { PhonePage } from '../phone/phone-page.tsx';
import { RecordingsPage } from '../recordings/recordings-page.tsx';
import { TryPage } from '../try/try-page.tsx';
import { UndeliveredPage } from '../undelivered/undelivered-page.tsx';
import { Header } from './header.tsx';

/** The console of whoever is signed in. */
export function Desktop({
  session,
  onSignedOut,
}: {
  readonly session: Session;
  readonly onSignedOut: () => void;
}) {
  const [told, setTold] = useState('');
  const [live, setLive] = useState<Console['live']>();
  const phone = useMemo(() => createPhone(session.webrtc), [session]);
  const desk = useMemo(() => openDesk(session, onSignedOut), [session, onSignedOut]);
  useEffect(() => {
    const opened = openLive(() => void desk.get('session').catch(() => {}));
    setLive(opened);
    return () => opened.close();
  }, [desk]);
  useEffect(() => () => phone.hangUp(), [phone]);
  const shared = useMemo<Console | undefined>(
    () => live && { desk, live, phone, announce: setTold },
    [desk, live, phone],
  );
  return (
    <>
      <p className="unseen" role="status">
        {told}
      </p>
      {shared !== undefined && (
        <ConsoleContext value={shared}>
          <Pages console={shared} onSignedOut={onSignedOut} />
        </ConsoleContext>
      )}
    </>
  );
}

function Pages({ console, onSignedOut }: { readonly console: Console; readonly onSignedOut: () => void }) {
  const route = useRoute();
  const { history, error } = useHealth();
  const isOpen = useSyncExternalStore(console.live.onOpen, console.live.isOpen);
  const main = useRef<HTMLElement>(null);
  const place = JSON.stringify(route);
  const before = useRef(place);

  useEffect(() => {
    const heading = main.current?.querySelector('h1');
    document.title = `${heading?.textContent ?? 'Console'} · Tonearm`;
    if (before.current === place) return;
    before.current = place;
    heading?.focus();
    scrollTo(0, 0);
  }, [place]);

  return (
    <>
      {/* Not a link: the fragment says which page it is. */}
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header route={route} health={history.at(-1)} isOpen={isOpen} onSignedOut={onSignedOut} />
      <main id="main" ref={main} tabIndex={-1}>
        <Page key={place} route={route} health={{ history, error }} />
      </main>
      {route.page !== 'phone' && <CallBar />}
    </>
  );
}

function Page({ route, health }: { readonly route: Route; readonly health: ReturnType<typeof useHealth> }) {
  switch (route.page) {
    case 'phone':
      return <PhonePage />;
    case 'calls':
      return <CallsPage />;
    case 'call':
      return <CallPage id={route.id} />;
    case 'recordings':
      return <RecordingsPage />;
    case 'try':
      return <TryPage call={route.call} />;
    case 'undelivered':
      return <UndeliveredPage />;
    case 'health':
      return <HealthPage {...health} />;
  }
}

function useRoute(): Route {
  const fragment = useSyncExternalStore(onHashChange, () => location.hash);
  return useMemo(() => parseRoute(fragment), [fragment]);
}

function onHashChange(hear: () => void): () => void {
  addEventListener('hashchange', hear);
  return () => removeEventListener('hashchange', hear);
}
