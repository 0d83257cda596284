import { useSyncExternalStore } from 'react';
import { useConsole } from '../base/console-context.ts';

/** Reminds of the phone's call on the other parts of the page. */
export function CallBar() {
  const { phone } = useConsole();
  const state = useSyncExternalStore(phone.onChange, phone.state);
  if (state.phase === 'idle') return null;
  return (
    <aside className="call-bar" aria-label="Your call">
      <span>{state.phase === 'talking' ? `In a call with ${state.name}` : `Calling ${state.name} …`}</span>
      <a href="#/phone">Phone</a>
      <button type="button" className="danger" onClick={phone.hangUp}>
        Hang up
      </button>
    </aside>
  );
}
