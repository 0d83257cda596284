import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { secretIn } from './base/route.ts';
import './console.css';
import { App } from './shell/app.tsx';
import { applyTheme, storedTheme } from './shell/theme.ts';

applyTheme(storedTheme());
const root = createRoot(document.getElementById('page')!);
let opened = 0;

/** Shows the page, signed in with the secret of its address if there is one: that stays neither in the address bar nor in the history. */
function open(): void {
  const secret = secretIn(location.hash);
  if (secret === undefined && opened > 0) return;
  if (secret !== undefined) history.replaceState(null, '', `${location.pathname}${location.search}`);
  root.render(
    <StrictMode>
      <App key={++opened} secret={secret} />
    </StrictMode>,
  );
}

// A link with a secret may be opened where the page already is.
addEventListener('hashchange', open);
open();
