/**
 * The states of a call, as data. What ends a call is in endings.ts; who drives it through these states, in incoming.ts.
 *
 * incoming      the caller hears it ring; the bot may answer, reject or hang up
 * establishing  200 was sent, its ACK has not come: media may flow, nothing can be asked of it yet
 * established   media flows and operations run
 * hold          the caller put us on hold; operations may be asked for as before
 * terminating   it is over and every operation has been told of; nothing can be asked any more
 * terminated    told last of all
 */
import type { CallSnapshot, CallState, Fact } from './model.ts';

export type CallEvent =
  /** Our 200 went out. */
  | 'answered'
  /** The ACK came. */
  | 'acknowledged'
  | 'held'
  | 'resumed'
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
    ended: { next: 'terminated', change: 'deleted' },
  },
  establishing: {
    acknowledged: { next: 'established', change: 'updated', audioBegins: true },
    ending: { next: 'terminating', change: 'updated' },
  },
  established: {
    held: { next: 'hold', change: 'updated' },
    ending: { next: 'terminating', change: 'updated' },
  },
  hold: {
    resumed: { next: 'established', change: 'updated' },
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
