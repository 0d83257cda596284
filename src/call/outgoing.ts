/** The side of a call that a bot placed: it is dialled, rings, and is answered, refused or given up. */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { InviteOutcome, UserAgent } from '../sip/user-agent.ts';
import type { Connection } from './connection.ts';
import type { Dialling } from './dial-plan.ts';
import * as endings from './endings.ts';
import type { LiveCall, Side } from './live-call.ts';
import { refuse } from './refusal.ts';

export interface OutgoingParts {
  readonly userAgent: Pick<UserAgent, 'invite'>;
  readonly clock: Clock;
  /** How long it may ring. */
  readonly ringTimeoutMs: number;
}

/** The call has its connection already: one that cannot have a line is not placed. */
export function outgoingSide(
  { requestUri, transport, from, credentials }: Dialling,
  { userAgent, clock, ringTimeoutMs }: OutgoingParts,
): Side {
  const giveUp = new AbortController();
  let patience: Timer | undefined;

  const dial = async (call: LiveCall, connection: Connection) => {
    // Whoever answers has got our INVITE.
    connection.confirm();
    const outcome = await userAgent.invite(
      {
        requestUri,
        transport,
        from,
        to: requestUri,
        credentials,
        sdp: connection.offer(),
        callId: call.snapshot.sipCallId,
        handler: connection.handler,
        onProgress(status, sdp) {
          if (call.over) return;
          if (sdp !== undefined) connection.preview(sdp);
          if (status > 100) call.step('rings');
        },
      },
      giveUp.signal,
    );
    if (!outcome.answered) return call.end(endings.refusedBy(outcome.status, outcome.reason));
    answered(outcome, call);
    connection.take(outcome.sdp);
    call.establish();
  };

  const answered = ({ dialog }: Extract<InviteOutcome, { answered: true }>, call: LiveCall) => {
    patience?.cancel();
    // The bot hung up, and the answer crossed the CANCEL.
    if (call.over) void dialog.bye();
    else call.enter(dialog);
  };

  return {
    begin(call) {
      patience = clock.after(ringTimeoutMs, () => call.end(endings.ringsForEver(ringTimeoutMs)));
      if (call.connection === undefined) throw new Error('a call without a line cannot be dialled');
      void dial(call, call.connection).catch((thrown: unknown) => {
        call.parts.log.error(
          { callId: call.snapshot.id, error: reasonOf(thrown) },
          'a call could not be placed',
        );
        call.end(endings.refusedBy(500, 'the call could not be placed'));
      });
    },
    steer: () => refuse('conflict', 'The bot placed this call: it is the far end that answers.'),
    abandon: () => giveUp.abort(),
    close: () => patience?.cancel(),
  };
}
