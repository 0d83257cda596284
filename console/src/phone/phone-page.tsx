import { type Dispatch, type SetStateAction, useState, useSyncExternalStore } from 'react';
import type { ApplicationRow } from '../../../src/http/console/wire.ts';
import { useConsole } from '../base/console-context.ts';
import { useLoaded, useNow } from '../base/loaded.ts';
import { fragmentOf } from '../base/route.ts';
import { duration } from '../base/words.ts';
import { CallTimeline } from '../calls/call-timeline.tsx';
import { Trouble } from '../shell/trouble.tsx';
import { DialPad } from './dial-pad.tsx';
import { Level } from './level.tsx';
import { useOwnCall } from './own-call.ts';
import type { PhoneState } from './phone.ts';

/** Calls an application, or whatever else the server takes, and shows what comes of it. */
export function PhonePage() {
  const { phone } = useConsole();
  const state = useSyncExternalStore(phone.onChange, phone.state);
  const call = useOwnCall(state.phase === 'idle' ? state.ended : state);
  // Kept while a call is up: who called once calls again.
  const form = useState<Choice>({ picked: undefined, typed: '', isProcessed: true });

  return (
    <>
      <h1 tabIndex={-1}>Phone</h1>
      <div className="beside">
        <section className="panel" aria-label="The phone">
          <PhoneStatus state={state} />
          {state.phase === 'idle' ? <CallForm state={state} form={form} /> : <Talking state={state} />}
        </section>
        <section className="panel" aria-labelledby="phone-timeline">
          <h2 id="phone-timeline">What the server does</h2>
          {call === undefined ? (
            <p className="quiet">Place a call: everything that happens in it appears here as it happens.</p>
          ) : (
            <>
              <p className="row">
                <a href={fragmentOf({ page: 'call', id: call })}>The whole call</a>
                {state.phase !== 'idle' && <a href={fragmentOf({ page: 'try', call })}>Try actions on it</a>}
                <a href="#/recordings">Recordings</a>
              </p>
              <CallTimeline id={call} isBrief />
            </>
          )}
        </section>
      </div>
    </>
  );
}

/** What is filled in. */
interface Choice {
  /** An application's id, or `other`; `undefined`: nobody has picked yet. */
  readonly picked: string | undefined;
  readonly typed: string;
  readonly isProcessed: boolean;
}

function CallForm({
  state,
  form: [{ picked, typed, isProcessed }, setForm],
}: {
  readonly state: Extract<PhoneState, { phase: 'idle' }>;
  readonly form: readonly [Choice, Dispatch<SetStateAction<Choice>>];
}) {
  const { phone } = useConsole();
  const { data: applications, error } = useLoaded<readonly ApplicationRow[]>('applications');
  const change = (changes: Partial<Choice>) => setForm((form) => ({ ...form, ...changes }));
  const reachable = applications?.filter(({ address }) => address !== undefined) ?? [];
  // The built-in bot answers whether or not there is another.
  const first = reachable.find(({ callbackUri }) => callbackUri === undefined) ?? reachable[0];
  const application = reachable.find(({ id }) => id === (picked ?? first?.id));
  const isOther = picked === 'other' || application === undefined;
  const target = isOther ? typed.trim() : application.address!;

  const call = (microphone: 'processed' | 'raw' | 'none') => {
    if (target === '') return;
    phone.call(
      isOther ? { target, name: target } : { target, name: application.name, applicationId: application.id },
      microphone,
    );
  };
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        call(isProcessed ? 'processed' : 'raw');
      }}
    >
      {state.ended?.isMicrophone && (
        <p>
          <button type="button" onClick={() => call('none')}>
            Call without a microphone
          </button>{' '}
          <span className="quiet">You hear, and can press keys.</span>
        </p>
      )}
      <Trouble words={error} />
      <fieldset className="choices">
        <legend>Whom to call</legend>
        {reachable.map((one) => (
          <label key={one.id} className="choice">
            <input
              type="radio"
              name="application"
              checked={!isOther && one.id === application.id}
              onChange={() => change({ picked: one.id })}
            />
            <span>
              <b>{one.name}</b>
              <small>{one.callbackUri === undefined ? 'the built-in test bot' : one.address}</small>
            </span>
          </label>
        ))}
        <label className="choice">
          <input
            type="radio"
            name="application"
            checked={isOther}
            onChange={() => change({ picked: 'other' })}
          />
          <span>
            <b>Another number or SIP URI</b>
          </span>
        </label>
      </fieldset>
      {isOther && (
        <label className="field">
          <span>Number or SIP URI</span>
          <input
            value={typed}
            onChange={(event) => change({ typed: event.target.value })}
            placeholder="+14255550100 or sip:voicemail@tonearm.invalid"
            autoComplete="off"
            spellCheck={false}
          />
        </label>
      )}
      <label className="check">
        <input
          type="checkbox"
          checked={isProcessed}
          onChange={(event) => change({ isProcessed: event.target.checked })}
        />
        Clean up the microphone’s sound (echo, noise, level)
      </label>
      <button type="submit" className="main" disabled={target === ''}>
        Call {isOther ? '' : application.name}
      </button>
    </form>
  );
}

function Talking({ state }: { readonly state: Exclude<PhoneState, { phase: 'idle' }> }) {
  const { phone } = useConsole();
  const { said, heard } = phone.streams();
  const talking = state.phase === 'talking' ? state : undefined;
  return (
    <div className="stack">
      <div className="levels">
        <Level label="You" stream={said} />
        <Level label={state.name} stream={heard} />
      </div>
      <DialPad isOn={talking !== undefined} pressed={talking?.keys ?? ''} onPress={phone.press} />
      <div className="row">
        <button
          type="button"
          aria-pressed={talking?.isMuted === true}
          disabled={!talking}
          onClick={phone.toggleMute}
        >
          Mute
        </button>
        <button
          type="button"
          aria-pressed={talking?.isHeld === true}
          disabled={!talking}
          onClick={phone.toggleHold}
        >
          Hold
        </button>
        <button type="button" className="danger" onClick={phone.hangUp}>
          Hang up
        </button>
      </div>
    </div>
  );
}

function PhoneStatus({ state }: { readonly state: PhoneState }) {
  const isFailure = state.phase === 'idle' && state.ended?.isFailure === true;
  return (
    <p className={isFailure ? 'phone-status failed' : 'phone-status'}>
      <span role="status">
        {isFailure && <b>Not connected: </b>}
        {statusOf(state)}
      </span>{' '}
      {state.phase === 'talking' && <Elapsed since={state.since} />}
    </p>
  );
}

function Elapsed({ since }: { readonly since: number }) {
  const now = useNow();
  return (
    <span className="mono" aria-hidden="true">
      {duration(now - since)}
    </span>
  );
}

function statusOf(state: PhoneState): string {
  switch (state.phase) {
    case 'idle':
      return state.ended?.why ?? 'Ready to call.';
    case 'microphone':
      return 'Opening the microphone: allow it if the browser asks.';
    case 'connecting':
      return `Calling ${state.name} …`;
    case 'ringing':
      return `${state.name} is ringing …`;
    case 'talking':
      if (state.isHeld) return `On hold with ${state.name}.`;
      return `In a call with ${state.name}${state.isMuted ? ', muted' : ''}.`;
  }
}
