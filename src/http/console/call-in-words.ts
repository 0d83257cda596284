/** Of a call and what runs in it, what the console says in a few words. Pure. */
import type { CallEnding, CallSnapshot, Party } from '../../call/model.ts';
import type { OperationProgress } from '../../operation/operation.ts';
import { maskedText } from './masks.ts';

/** A name, or a number, or a SIP URI. */
export function partyInWords({ id, displayName }: Party): string {
  return maskedText(displayName === undefined || displayName === '' ? id : displayName);
}

/** `undefined`: its phase says it all. */
export function progressInWords(progress: OperationProgress): string | undefined {
  if (progress.phase === 'prompt') return `prompt ${progress.index + 1}`;
  return progress.phase === 'bargeIn' ? `by ${progress.by}` : undefined;
}

const ENDINGS: Readonly<Record<CallEnding['by'], string>> = {
  bot: 'the bot hung up',
  caller: 'the far end hung up',
  unanswered: 'nobody answered in time',
  rejected: 'the bot rejected it',
  redirected: 'the bot sent the caller elsewhere',
  transferred: 'it was transferred',
  refused: 'the far end refused it',
  failed: 'it failed',
  shutdown: 'the server was shut down',
};

/** As one would tell it: "the bot hung up". */
export function endingInWords({ by, sipStatus, message }: CallEnding): string {
  if (by === 'caller' && sipStatus === 487) return 'the caller gave up';
  return (by === 'failed' || by === 'refused') && message !== undefined ? message : ENDINGS[by];
}

/** Why a call failed, if that is how it ended. */
export function failureOf(ending: CallEnding | undefined): string | undefined {
  return ending?.by === 'failed' || ending?.by === 'refused' ? endingInWords(ending) : undefined;
}

/** Of a call that goes on. */
export function transferFailureOf({ state, transferFailure: failure }: CallSnapshot): string | undefined {
  if (failure === undefined || state !== 'established') return undefined;
  return `the transfer failed: ${failure.status} ${failure.message}`;
}
