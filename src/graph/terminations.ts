/** How a call ended, in Graph's words: `terminationReason` says who ended it, `resultInfo` what SIP said. */
import type { CallEnding, CallSnapshot } from '../call/model.ts';

/** What `terminationReason` and `resultInfo` are made of. */
export interface SpelledTermination {
  readonly terminationReason: string;
  readonly code: number;
  readonly message: string;
}

/** The ending's own message and status go before the table's. */
export function spellTermination(
  { by, sipStatus, message }: CallEnding,
  direction: CallSnapshot['direction'],
): SpelledTermination {
  const row = TERMINATIONS[by];
  const byCallee = by === 'caller' && direction === 'outgoing';
  return {
    terminationReason:
      by === 'refused' ? refusalReason(sipStatus) : byCallee ? 'CalleeInitiated' : row.reason,
    code: sipStatus ?? row.code,
    message: message ?? row.message,
  };
}

const TERMINATIONS: Readonly<
  Record<CallEnding['by'], { readonly reason: string; readonly code: number; readonly message: string }>
> = {
  bot: { reason: 'AppInitiated', code: 200, message: 'The bot ended the call.' },
  rejected: { reason: 'AppInitiated', code: 603, message: 'The bot rejected the call.' },
  redirected: { reason: 'AppInitiated', code: 302, message: 'The bot sent the caller elsewhere.' },
  transferred: { reason: 'CallTransferred', code: 200, message: 'The call was transferred.' },
  caller: { reason: 'CallerInitiated', code: 200, message: 'The far end ended the call.' },
  unanswered: { reason: 'NoAnswer', code: 480, message: 'Nobody answered the call in time.' },
  refused: { reason: 'Failed', code: 500, message: 'The far end did not take the call.' },
  failed: { reason: 'Failed', code: 500, message: 'The call failed.' },
  shutdown: { reason: 'ServiceShutdown', code: 503, message: 'The server stopped.' },
};

/** RFC 3261 §21.4, §21.6: what the far end, or the way to it, made of our INVITE. */
const REFUSALS: Readonly<Record<number, string>> = {
  403: 'Declined',
  404: 'NotFound',
  407: 'Declined',
  408: 'NoAnswer',
  410: 'NotFound',
  480: 'NoAnswer',
  484: 'NotFound',
  486: 'Busy',
  600: 'Busy',
  603: 'Declined',
  604: 'NotFound',
};

function refusalReason(sipStatus: number | undefined): string {
  return (sipStatus !== undefined && REFUSALS[sipStatus]) || 'Failed';
}
