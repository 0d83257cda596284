/** A user agent whose callers do what a test tells them. */
import type {
  Dialog,
  DialogEnd,
  DialogHandler,
  IncomingInvite,
  InviteOutcome,
  OutgoingInvite,
  ReferOutcome,
  ReferRequest,
  UserAgent,
} from '../../src/sip/user-agent.ts';
import type { NameAddr } from '../../src/wire/sip-uri.ts';
import { parseNameAddr, parseSipUri } from '../../src/wire/sip-uri.ts';

export const OFFER = [
  'v=0',
  'o=caller 1 1 IN IP4 192.0.2.7',
  's=-',
  'c=IN IP4 192.0.2.7',
  't=0 0',
  'm=audio 40000 RTP/AVP 0 101',
  'a=rtpmap:101 telephone-event/8000',
  '',
].join('\r\n');

export const withDirection = (direction: string) => `${OFFER}a=${direction}\r\n`;

export class ScriptedUserAgent implements Pick<UserAgent, 'invites' | 'invite'> {
  /** What our side dialled, oldest first. */
  readonly dialled: ScriptedCallee[] = [];
  readonly #waiting: IncomingInvite[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  ring(options: InviteOptions = {}): ScriptedInvite {
    const invite = new ScriptedInvite(options);
    this.#waiting.push(invite);
    this.#wake?.();
    return invite;
  }

  invite(request: OutgoingInvite, signal: AbortSignal): Promise<InviteOutcome> {
    const callee = new ScriptedCallee(request, signal);
    this.dialled.push(callee);
    return callee.outcome;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *invites(): AsyncGenerator<IncomingInvite> {
    while (!this.#closed) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Whom our side called: rings, answers, refuses. */
export class ScriptedCallee {
  readonly request: OutgoingInvite;
  /** Whether our side gave up. */
  readonly cancelled: AbortSignal;
  readonly dialog: ScriptedDialog;
  readonly #outcome = Promise.withResolvers<InviteOutcome>();

  constructor(request: OutgoingInvite, cancelled: AbortSignal) {
    this.request = request;
    this.cancelled = cancelled;
    this.dialog = new ScriptedDialog(request.sdp, request.handler, []);
    cancelled.addEventListener('abort', () => this.refuse(487, 'Request Terminated'));
  }

  get outcome(): Promise<InviteOutcome> {
    return this.#outcome.promise;
  }

  ring(status = 180, sdp?: string): void {
    this.request.onProgress?.(status, sdp);
  }

  answer(sdp = ANSWER): void {
    this.#outcome.resolve({ answered: true, dialog: this.dialog, sdp });
  }

  refuse(status: number, reason: string): void {
    this.#outcome.resolve({ answered: false, status, reason, contacts: [] });
  }
}

/** To our offer. */
export const ANSWER = OFFER;

export interface InviteOptions {
  readonly to?: string;
  readonly from?: string;
  /** `null`: the caller wants us to offer. */
  readonly offer?: string | null;
}

/** What our side sent is in `sent`: `ring`, `accept`, `reject 480`, `bye`. */
export class ScriptedInvite implements IncomingInvite {
  readonly callId = 'call-id@caller';
  readonly source = { transport: 'udp', address: '192.0.2.7', port: 5060 } as const;
  readonly sent: string[] = [];
  readonly requestUri;
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly offer: string | undefined;
  /** There once our side accepted. */
  dialog: ScriptedDialog | undefined;
  rejection: Readonly<Record<string, string>> | undefined;
  readonly #cancelled = new AbortController();

  constructor({
    to = 'sip:voicemail@tonearm.example',
    from = '"Ada" <sip:+14255550100@caller.example>;tag=1',
    offer,
  }: InviteOptions) {
    this.requestUri = parseSipUri(to)!;
    this.from = parseNameAddr(from)!;
    this.to = parseNameAddr(`<${to}>`)!;
    this.offer = offer === null ? undefined : (offer ?? OFFER);
  }

  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  get #final(): boolean {
    return this.#cancelled.signal.aborted || this.sent.some((message) => message !== 'ring');
  }

  cancel(): void {
    if (!this.#final) this.#cancelled.abort();
  }

  ring(): void {
    if (!this.#final) this.sent.push('ring');
  }

  accept(sdp: string, handler: DialogHandler): Dialog | undefined {
    if (this.#final) return undefined;
    this.sent.push('accept');
    this.dialog = new ScriptedDialog(sdp, handler, this.sent);
    return this.dialog;
  }

  reject(status: number, options?: { headers?: Readonly<Record<string, string>> }): void {
    if (this.#final) return;
    this.sent.push(`reject ${status}`);
    this.rejection = options?.headers;
  }
}

export class ScriptedDialog implements Dialog {
  readonly callId = 'call-id@caller';
  readonly localUri = 'sip:voicemail@tonearm.example';
  readonly remoteUri = 'sip:+14255550100@caller.example';
  readonly remoteTarget = 'sip:phone@192.0.2.7';
  readonly replaces = 'call-id@caller;to-tag=far;from-tag=near';
  /** Where our side sent the far end, and what became of it. */
  readonly referrals: { readonly referTo: string; readonly end: (outcome: ReferOutcome) => void }[] = [];
  /** The SDP of our 200. */
  readonly sdp: string;
  readonly handler: DialogHandler;
  readonly #sent: string[];
  readonly #ack = Promise.withResolvers<{ readonly ackSdp: string | undefined } | 'lost'>();
  readonly #ended = new AbortController();

  constructor(sdp: string, handler: DialogHandler, sent: string[]) {
    this.sdp = sdp;
    this.handler = handler;
    this.#sent = sent;
  }

  get confirmed() {
    return this.#ack.promise;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  acknowledge(ackSdp?: string): void {
    if (ackSdp !== undefined) this.handler.onAnswer(ackSdp);
    this.#ack.resolve({ ackSdp });
  }

  /** The ACK never comes: the agent ends the dialog by itself. */
  loseAck(): void {
    this.#ack.resolve('lost');
    this.#end({ by: 'no-ack' });
  }

  hangUp(reasonHeader?: string): void {
    this.#end({ by: 'remote', reasonHeader });
  }

  closeAgent(): void {
    this.#end({ by: 'closed' });
  }

  /** What our side sent: `accept`, `bye` … */
  get sent(): readonly string[] {
    return this.#sent;
  }

  refer({ referTo }: ReferRequest): Promise<ReferOutcome> {
    const { promise, resolve } = Promise.withResolvers<ReferOutcome>();
    this.referrals.push({ referTo, end: resolve });
    return promise;
  }

  async bye(): Promise<void> {
    if (this.#ended.signal.aborted) return;
    this.#sent.push('bye');
    this.#end({ by: 'local' });
  }

  #end(reason: DialogEnd): void {
    this.#ended.abort(reason);
  }
}
