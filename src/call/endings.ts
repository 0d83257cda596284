/** Everything that can end a call, in one place: what is told of it, and what a caller who was not answered yet hears. */
import type { LineLoss } from '../operation/media-engine.ts';
import type { DialogEnd } from '../sip/user-agent.ts';
import type { CallEnding } from './model.ts';

export interface Ending {
  readonly ending: CallEnding;
  /** SIP status for a caller who was not answered yet; one who was gets a BYE. */
  readonly refusal: number;
  /** With that status. */
  readonly headers?: Readonly<Record<string, string>>;
}

const ending = (by: CallEnding['by'], refusal: number, message: string, sipStatus?: number): Ending => ({
  ending: { by, sipStatus, message },
  refusal,
});

/** Nobody answered in time. */
export const unanswered = (limitMs: number): Ending =>
  ending('unanswered', 480, `The call was not answered within ${limitMs / 1000} s.`, 480);

/** CANCEL: the refusal has gone out already. */
export const callerGaveUp: Ending = ending(
  'caller',
  487,
  'The caller gave up before the call was answered.',
  487,
);

const refusals = {
  none: { status: 603, message: 'The bot declined the call.' },
  busy: { status: 486, message: 'The bot is busy.' },
  forbidden: { status: 403, message: 'The bot does not take calls from this caller.' },
} as const;

export function rejected(reason: keyof typeof refusals): Ending {
  const { status, message } = refusals[reason];
  return ending('rejected', status, message, status);
}

/** The caller is told where else to call, in the order of preference: 302, with several 300 (RFC 3261 §21.3). */
export function redirected(uris: readonly string[]): Ending {
  const status = uris.length > 1 ? 300 : 302;
  const contacts = uris.map((uri, at) =>
    uris.length > 1 ? `<${uri}>;q=${(1 - at / 10).toFixed(1)}` : `<${uri}>`,
  );
  return {
    ...ending('redirected', status, 'The bot sent the caller elsewhere.', status),
    headers: { Contact: contacts.join(', ') },
  };
}

export const transferred: Ending = ending('transferred', 487, 'The call was transferred.', 200);

/** The far end let it ring for too long. */
export const ringsForEver = (limitMs: number): Ending =>
  ending('unanswered', 487, `Nobody answered within ${limitMs / 1000} s.`, 480);

/** The far end's final answer to our INVITE, or what became of it on the way (408, 503). */
export const refusedBy = (status: number, reason: string): Ending =>
  ending('refused', 487, `The far end did not take the call: ${status} ${reason}`, status);

export const botHungUp: Ending = ending('bot', 603, 'The bot ended the call.');

/** No line for it: the port range is full or the media engine is gone. */
export const noMedia = (why: string): Ending =>
  ending('failed', 503, `The call could not be answered: ${why}`, 503);

/** The store refused it: nothing would survive a restart. */
export const notKept: Ending = ending('failed', 503, 'The call could not be written to the store.', 503);

const neverAcknowledged = ending('failed', 408, 'The caller never acknowledged the answer.', 408);

/** How a dialog ended; our own BYE is preceded by what caused it, so `local` is only a fallback. */
export function dialogEnded(end: DialogEnd | undefined): Ending {
  switch (end?.by) {
    case 'no-ack':
      return neverAcknowledged;
    case 'closed':
      return shutDown;
    case 'gone':
      return callerGone;
    case 'remote':
      return ending('caller', 487, end.reasonHeader ?? 'The far end hung up.');
    default:
      return ending('failed', 500, 'The dialog ended.');
  }
}

const callerGone = ending('caller', 487, 'The WebSocket of the far end closed, and it did not come back.');

/** To our offer in the 200. */
export const unusableAnswer = (why: string): Ending =>
  ending('failed', 488, `The caller's answer to our offer cannot be used: ${why}`, 488);

/** A browser that closed its media, or is gone, has hung up. */
export const mediaLost = ({ by, message }: LineLoss): Ending => {
  if (by === 'worker') return ending('failed', 500, 'The media worker that carried the call died.');
  return by === 'failed' ? ending('failed', 500, message) : ending('caller', 487, message);
};

export const shutDown: Ending = ending('shutdown', 503, 'The server was shut down.');

export const restarted: Ending = ending('shutdown', 503, 'The server was restarted.');
