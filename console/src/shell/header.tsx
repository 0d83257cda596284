import { useState } from 'react';
import type { Health } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import type { Route } from '../base/route.ts';
import { Logo } from './logo.tsx';
import { applyTheme, storedTheme, type Theme } from './theme.ts';

const PAGES = [
  ['phone', 'Phone'],
  ['calls', 'Calls'],
  ['recordings', 'Recordings'],
  ['try', 'Try it'],
  ['undelivered', 'Undelivered'],
  ['health', 'Health'],
] as const;

/** Where one can go, and how it looks. */
export function Header({
  route,
  health,
  isOpen,
  onSignedOut,
}: {
  readonly route: Route;
  readonly health: Health | undefined;
  readonly isOpen: boolean;
  readonly onSignedOut: () => void;
}) {
  const { desk } = useConsole();
  const [theme, setTheme] = useState(storedTheme);
  const current = route.page === 'call' ? 'calls' : route.page;
  const counts: Readonly<Record<string, number | undefined>> = {
    calls: health?.calls,
    recordings: health?.recordingsLive,
    undelivered: health?.outboxUndelivered,
  };
  const choose = (chosen: Theme) => {
    applyTheme(chosen);
    setTheme(chosen);
  };
  return (
    <header className="header">
      <a className="brand" href="#/phone">
        <Logo /> Tonearm
      </a>
      <nav aria-label="Console">
        <ul>
          {PAGES.map(([page, name]) => (
            <li key={page}>
              <a href={`#/${page}`} aria-current={page === current ? 'page' : undefined}>
                {name}
                {Boolean(counts[page]) && (
                  <span className={page === 'undelivered' ? 'count bad' : 'count'}>
                    {counts[page]}
                    {page !== 'undelivered' && <span className="unseen"> live</span>}
                  </span>
                )}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <div className="header-end">
        <span className={isOpen ? 'connection' : 'connection lost'} role="status">
          {isOpen ? '' : 'Not connected'}
        </span>
        <label className="theme">
          <span className="unseen">Colours</span>
          <select value={theme} onChange={(event) => choose(event.target.value as Theme)}>
            <option value="auto">Auto</option>
            <option value="light">Light</option>
            <option value="dark">Dark</option>
          </select>
        </label>
        <button
          type="button"
          className="plain"
          onClick={() => desk.send('POST', 'sign-out').then(onSignedOut, onSignedOut)}
        >
          Sign out
        </button>
      </div>
    </header>
  );
}
