/** The side of a call that a caller placed: it rings until the bot answers, rejects, redirects or runs out of time. */
import type { Clock, Timer } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import type { Dialog, IncomingInvite } from '../sip/user-agent.ts';
import type { Connection } from './connection.ts';
import type { Unreachable } from './dial-plan.ts';
import * as endings from './endings.ts';
import { type LiveCall, onAbort, type Side, type Steering } from './live-call.ts';
import type { Reply } from './model.ts';
import { callEnded, refuse } from './refusal.ts';

/** `secure`: the call's media goes over ICE and DTLS-SRTP. */
export function incomingSide(
  invite: IncomingInvite,
  clock: Clock,
  answerTimeoutMs: number,
  secure = false,
): Side {
  let patience: Timer | undefined;
  let answering = false;

  /** Where the bot wants to hear of the call from now on. */
  const follow = (call: LiveCall, callbackUri: string | undefined) => {
    if (callbackUri !== undefined) call.change({ callbackUri });
  };

  const answer = async (
    { callbackUri, preFetch }: Extract<Steering, { name: 'answer' }>,
    call: LiveCall,
  ): Promise<Reply> => {
    answering = true;
    let connection: Connection;
    try {
      connection = await call.openConnection({ signalledFrom: invite.source.address, secure });
    } catch (thrown) {
      const why = reasonOf(thrown);
      call.end(endings.noMedia(why));
      return refuse('unavailable', `The call could not be answered: ${why}`);
    }
    patience?.cancel();
    follow(call, callbackUri);
    call.change({ preFetch });
    if (preFetch.length === 0) return pickUp(connection, call);
    // What cannot be had fails the operation that asks for it, not the call. Meanwhile the bot may still hang up.
    const fetched = Promise.allSettled(
      preFetch.map((media) => call.parts.prompts.get(media, call.snapshot.applicationId)),
    );
    void fetched.then(() => pickUp(connection, call));
    return { ok: true, call: call.snapshot };
  };

  const pickUp = (connection: Connection, call: LiveCall): Reply => {
    const dialog = call.over ? undefined : accept(connection);
    if (dialog === undefined) {
      call.end(endings.callerGaveUp);
      return callEnded();
    }
    call.step('answered');
    call.enter(dialog);
    void dialog.confirmed.then((ack) => acknowledge(ack, connection, call));
    return { ok: true, call: call.snapshot };
  };

  /** `undefined` when the caller gave up first. */
  const accept = (connection: Connection): Dialog | undefined => {
    if (invite.offer === undefined) return invite.accept(connection.offer(), connection.handler);
    // Checked when the call was admitted, so it can be met.
    const sdp = connection.answer(invite.offer);
    return sdp === undefined ? undefined : invite.accept(sdp, connection.handler);
  };

  const acknowledge = (ack: Awaited<Dialog['confirmed']>, connection: Connection, call: LiveCall) => {
    if (ack === 'lost') return call.end(endings.dialogEnded({ by: 'no-ack' }));
    connection.confirm();
    if (connection.waiting) connection.take(ack.ackSdp ?? '');
    call.establish();
  };

  const redirect = (
    { targets, callbackUri }: Extract<Steering, { name: 'redirect' }>,
    call: LiveCall,
  ): Reply => {
    const uris = targets.map((target) => call.parts.dialPlan.uriOf(target, invite.from.uri.host));
    const unreachable = uris.find((uri): uri is Unreachable => typeof uri !== 'string');
    if (unreachable !== undefined) return refuse('badTarget', unreachable.why);
    follow(call, callbackUri);
    call.step('redirected');
    call.end(endings.redirected(uris as string[]));
    return { ok: true };
  };

  return {
    begin(call) {
      patience = clock.after(answerTimeoutMs, () => call.end(endings.unanswered(answerTimeoutMs)));
      onAbort(invite.cancelled, () => {
        if (!call.answered) call.end(endings.callerGaveUp);
      });
      invite.ring();
    },
    steer(command, call) {
      if (answering) return refuse('conflict', 'The call is being answered already.');
      if (command.name === 'answer') return answer(command, call);
      if (command.name === 'redirect') return redirect(command, call);
      follow(call, command.callbackUri);
      call.end(endings.rejected(command.reason));
      return { ok: true };
    },
    abandon({ refusal, headers }) {
      invite.reject(refusal, headers === undefined ? {} : { headers });
    },
    close: () => patience?.cancel(),
  };
}
