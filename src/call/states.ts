/**
 * The states of a call, as data. What ends a call is in endings.ts; who drives it through these states, in live-call.ts, incoming.ts
 * and outgoing.ts.
 *
 * incoming          the caller hears it ring; the bot may answer, reject, redirect or hang up
 * redirecting       the caller was told where else to call
 * establishing      incoming: 200 was sent, its ACK has not come; outgoing: INVITE was sent. Nothing can be asked of it yet
 * ringing           outgoing: the far end rings; early media may flow
 * established       media flows and operations run
 * hold              the far end put us on hold; operations may be asked for as before
 * transferring      the far end was sent elsewhere (REFER); media still flows
 * transferAccepted  it got there; the call is about to end
 * terminating       it is over and every operation has been told of; nothing can be asked any more
 * terminated        told last of all
 */
import type { CallSnapshot, CallState, Fact, Tone } from './model.ts';

export type CallEvent =
  /** Our 200 went out. */
  | 'answered'
  /** 180, 183 and their like. */
  | 'rings'
  /** The ACK came, or the far end's 200. */
  | 'acknowledged'
  | 'held'
  | 'resumed'
  | 'redirected'
  | 'transferBegan'
  | 'transferSucceeded'
  | 'transferFailed'
  /** It is over, and its operations are told of. */
  | 'ending'
  | 'ended';

type CallFact = Extract<Fact, { kind: 'call' }>;

export interface Step {
  readonly next: CallState;
  readonly change: CallFact['change'];
  /** Media flows from here on: told this once. */
  readonly audioBegins?: true;
}

export const callStates: { readonly [S in CallState]?: { readonly [E in CallEvent]?: Step } } = {
  incoming: {
    answered: { next: 'establishing', change: 'updated' },
    redirected: { next: 'redirecting', change: 'updated' },
    ended: { next: 'terminated', change: 'deleted' },
  },
  redirecting: {
    ended: { next: 'terminated', change: 'deleted' },
  },
  establishing: {
    rings: { next: 'ringing', change: 'updated' },
    acknowledged: { next: 'established', change: 'updated', audioBegins: true },
    ending: { next: 'terminating', change: 'updated' },
  },
  ringing: {
    acknowledged: { next: 'established', change: 'updated', audioBegins: true },
    ending: { next: 'terminating', change: 'updated' },
  },
  established: {
    held: { next: 'hold', change: 'updated' },
    transferBegan: { next: 'transferring', change: 'updated' },
    ending: { next: 'terminating', change: 'updated' },
  },
  hold: {
    resumed: { next: 'established', change: 'updated' },
    transferBegan: { next: 'transferring', change: 'updated' },
    ending: { next: 'terminating', change: 'updated' },
  },
  transferring: {
    transferSucceeded: { next: 'transferAccepted', change: 'updated' },
    transferFailed: { next: 'established', change: 'updated' },
    ending: { next: 'terminating', change: 'updated' },
  },
  transferAccepted: {
    ending: { next: 'terminating', change: 'updated' },
  },
  terminating: {
    ended: { next: 'terminated', change: 'deleted' },
  },
};

/** The call after an event, as the fact that tells of it; `undefined`: the event means nothing in this state. */
export function advance(
  call: CallSnapshot,
  event: CallEvent,
  changes: Partial<CallSnapshot> = {},
): CallFact | undefined {
  const step = callStates[call.state]?.[event];
  if (step === undefined) return undefined;
  const after: CallSnapshot = {
    ...call,
    ...changes,
    state: step.next,
    audioActive: step.audioBegins ?? call.audioActive,
    revision: call.revision + 1,
  };
  const fact = { kind: 'call', change: step.change, call: after } as const;
  return step.audioBegins ? { ...fact, audioBegan: true } : fact;
}

/** The call after a key was pressed, as the fact that tells of it. */
export function pressed(call: CallSnapshot, tone: Tone): CallFact {
  const after: CallSnapshot = { ...call, lastTone: tone, revision: call.revision + 1 };
  return { kind: 'call', change: 'updated', call: after, tone };
}
