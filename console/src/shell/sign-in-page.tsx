import { useState } from 'react';
import { signIn, wordsOf } from '../base/desk.ts';
import { Logo } from './logo.tsx';
import { Trouble } from './trouble.tsx';

/** Asks for the secret that the server printed at its first start. */
export function SignInPage({
  refusal,
  onSignedIn,
}: {
  readonly refusal: string | undefined;
  readonly onSignedIn: () => void;
}) {
  const [secret, setSecret] = useState('');
  const [trouble, setTrouble] = useState(refusal);
  const [isAsking, setAsking] = useState(false);
  const submit = async () => {
    setAsking(true);
    setTrouble(undefined);
    try {
      await signIn(secret.trim());
      onSignedIn();
    } catch (thrown) {
      setTrouble(wordsOf(thrown));
      setAsking(false);
    }
  };
  return (
    <main className="sign-in">
      <form
        className="panel stack"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h1>
          <Logo /> Tonearm
        </h1>
        <label className="field">
          <span>Admin secret</span>
          <input
            type="password"
            autoComplete="current-password"
            required
            value={secret}
            onChange={(event) => setSecret(event.target.value)}
          />
        </label>
        <button type="submit" className="main" disabled={isAsking}>
          Sign in
        </button>
        <Trouble words={trouble} />
        <p className="quiet">
          The server printed it when it first started. Lost? <code>tonearm console secret</code> makes
          another.
        </p>
      </form>
    </main>
  );
}
