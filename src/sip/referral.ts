/** What becomes of a REFER: the subscription that it makes (RFC 3515 §2.4, RFC 6665). */
import type { Clock, Timer } from '../clock.ts';
import { header, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { parseParameters } from '../wire/sip-uri.ts';
import type { ResponseParts } from './messages.ts';
import type { ReferOutcome, ReferRequest } from './user-agent.ts';

/** What a NOTIFY of a REFER tells. */
export interface Notice {
  /** CSeq of its REFER; `undefined`: it is about the only one there is (RFC 3515 §2.4.6). */
  readonly id: string | undefined;
  /** The status line of its sipfrag; `undefined`: it had no body. */
  readonly told: { readonly status: number; readonly reason: string } | undefined;
  /** Subscription-State: terminated, so it is the last. */
  readonly terminated: boolean;
}

export type ReadNotify =
  | { readonly ok: true; readonly notice: Notice }
  /** How it is to be refused. */
  | { readonly ok: false; readonly status: number; readonly parts?: ResponseParts };

/** Reads a NOTIFY. Pure; never throws. */
export function readNotify(request: SipRequest): ReadNotify {
  const [event = '', rest = ''] = splitAtSemicolon(header(request, 'event') ?? '');
  // RFC 6665 §7.2.1; a NOTIFY without an Event is about nothing that we know.
  if (event.toLowerCase() !== 'refer')
    return { ok: false, status: 489, parts: { headers: { 'Allow-Events': 'refer' } } };
  const [type = ''] = splitAtSemicolon(header(request, 'content-type') ?? 'message/sipfrag');
  if (request.body.length > 0 && type.toLowerCase() !== 'message/sipfrag')
    return { ok: false, status: 415, parts: { headers: { Accept: 'message/sipfrag' } } };
  // RFC 3420 §2: a fragment may lack anything, but what a REFER came to is in its status line.
  const [line = ''] = Buffer.from(request.body).toString('utf8').split(/\r?\n/, 1);
  const found = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/.exec(line);
  if (request.body.length > 0 && found === null)
    return { ok: false, status: 400, parts: { reason: 'Bad sipfrag' } };
  const [state = ''] = splitAtSemicolon(header(request, 'subscription-state') ?? 'active');
  return {
    ok: true,
    notice: {
      id: parseParameters(rest)?.id,
      told: found === null ? undefined : { status: Number(found[1]), reason: found[2] ?? '' },
      terminated: state.toLowerCase() === 'terminated',
    },
  };
}

/** One REFER of ours, from its sending until its outcome. Owns the timer of its patience. */
export class Referral {
  readonly outcome: Promise<ReferOutcome>;
  readonly #request: ReferRequest;
  readonly #options: { readonly clock: Clock; readonly referPatienceMs: number };
  readonly #resolve: (outcome: ReferOutcome) => void;
  #state: 'asked' | 'accepted' | 'over' = 'asked';
  #sequence = 0;
  #told: Notice['told'];
  #patience: Timer | undefined;

  constructor(request: ReferRequest, options: { readonly clock: Clock; readonly referPatienceMs: number }) {
    this.#request = request;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<ReferOutcome>();
    this.outcome = promise;
    this.#resolve = resolve;
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  /** It goes out with this CSeq; again with another one when it was challenged. */
  sent(sequence: number): void {
    this.#sequence = sequence;
  }

  /** The final answer to the REFER itself. */
  onAnswer(answer: Pick<SipResponse, 'status' | 'reason' | 'headers'>): void {
    if (this.#state === 'over') return;
    if (answer.status >= 300) return this.end(answer.status, answer.reason);
    this.#accepted();
    // RFC 4488 §4: there is no subscription, so there will be no news.
    if (/^\s*false\s*(;|$)/i.test(header(answer, 'refer-sub') ?? '')) this.end(200, answer.reason);
  }

  /** Whether a NOTIFY is about this REFER. */
  concerns(notice: Notice): boolean {
    return this.#state !== 'over' && (notice.id === undefined || notice.id === String(this.#sequence));
  }

  /** A NOTIFY that concerns it; it may come before the answer to the REFER, and shows that it was accepted. */
  onNotice({ told, terminated }: Notice): void {
    this.#accepted();
    this.#told = told ?? this.#told;
    if (told !== undefined && told.status >= 200) this.end(told.status, told.reason);
    else if (terminated) this.end(this.#told?.status ?? 487, this.#told?.reason ?? 'the subscription ended');
    else if (told !== undefined) this.#request.onProgress?.(told.status);
  }

  /** Idempotent. */
  end(status: number, reason: string): void {
    if (this.#state === 'over') return;
    this.#patience?.cancel();
    const accepted = this.#state === 'accepted';
    this.#state = 'over';
    this.#resolve({ accepted, status, reason });
  }

  #accepted(): void {
    this.#state = 'accepted';
    this.#patience?.cancel();
    const { clock, referPatienceMs } = this.#options;
    this.#patience = clock.after(referPatienceMs, () => this.end(408, 'nothing was heard of the referral'));
  }
}

function splitAtSemicolon(value: string): [string, string] {
  const at = value.indexOf(';');
  return at < 0 ? [value.trim(), ''] : [value.slice(0, at).trim(), value.slice(at)];
}
