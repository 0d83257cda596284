/** Blind and attended transfer (RFC 3515, RFC 5589): the far end is asked to call somebody else, and tells how that goes. */
import { reasonOf } from '../errors.ts';
import type { Dialog } from '../sip/user-agent.ts';
import { parseNameAddr } from '../wire/sip-uri.ts';
import type { DialPlan, Unreachable } from './dial-plan.ts';
import * as endings from './endings.ts';
import type { LiveCall } from './live-call.ts';
import type { Command } from './model.ts';

/** What Refer-To says: the target, or the far end of the call that is to be replaced, with how it knows that call (RFC 3891). */
export function referTo(
  { target, replacing }: Extract<Command, { name: 'transfer' }>,
  dialPlan: DialPlan,
  dialog: Dialog,
): string | Unreachable {
  if (replacing === undefined)
    return dialPlan.uriOf(target, parseNameAddr(dialog.remoteUri)?.uri.host ?? 'anonymous.invalid');
  return `${replacing.target}?Replaces=${encodeURIComponent(replacing.replaces)}`;
}

/** Sends the REFER and follows it to its end: the call is over when it succeeds, and goes on when it does not. */
export async function transfer(dialog: Dialog, referTo: string, call: LiveCall): Promise<void> {
  try {
    const referredBy = parseNameAddr(dialog.localUri)?.uri.text;
    const { status, reason } = await dialog.refer({ referTo, referredBy });
    if (call.over) return;
    if (status >= 200 && status < 300) {
      call.step('transferSucceeded');
      call.end(endings.transferred);
    } else call.resume({ status, message: `The transfer failed: ${status} ${reason}` });
  } catch (thrown) {
    call.parts.log.error({ callId: call.snapshot.id, error: reasonOf(thrown) }, 'a transfer failed');
    if (!call.over) call.resume({ status: 500, message: 'The transfer failed.' });
  }
}
