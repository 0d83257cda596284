import { useCallback, useEffect, useState } from 'react';
import type { Session } from '../../../src/http/console/wire.ts';
import { fetchSession, signIn, wordsOf } from '../base/desk.ts';
import { Desktop } from './desktop.tsx';
import { SignInPage } from './sign-in-page.tsx';
import { Trouble } from './trouble.tsx';

type State =
  | { readonly is: 'asking' }
  | { readonly is: 'unreachable'; readonly why: string }
  | { readonly is: 'signedOut'; readonly why?: string }
  | { readonly is: 'signedIn'; readonly session: Session };

/** The whole page. `secret`: of the address that it was opened with. */
export function App({ secret }: { readonly secret: string | undefined }) {
  const [state, setState] = useState<State>({ is: 'asking' });
  const ask = useCallback(
    () =>
      fetchSession().then(
        (session) => setState(session === undefined ? { is: 'signedOut' } : { is: 'signedIn', session }),
        (thrown) => setState({ is: 'unreachable', why: wordsOf(thrown) }),
      ),
    [],
  );
  useEffect(() => {
    if (secret === undefined) void ask();
    else signIn(secret).then(ask, (thrown) => setState({ is: 'signedOut', why: wordsOf(thrown) }));
  }, [secret, ask]);
  const onSignedOut = useCallback(() => setState({ is: 'signedOut', why: 'You are signed out.' }), []);

  switch (state.is) {
    case 'asking':
      return null;
    case 'unreachable':
      return (
        <main className="sign-in">
          <h1>Tonearm</h1>
          <Trouble words={state.why} />
          <button type="button" onClick={ask}>
            Try again
          </button>
        </main>
      );
    case 'signedOut':
      return <SignInPage refusal={state.why} onSignedIn={ask} />;
    case 'signedIn':
      return <Desktop session={state.session} onSignedOut={onSignedOut} />;
  }
}
