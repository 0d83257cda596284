/** A phone that speaks SIP as it should, and hears of what was lost: one call, to the server or from it. */
import {
  ackOf,
  cancelOf,
  makeRequest,
  newBranch,
  newTag,
  responseTo,
  sdpOf,
} from '../../../src/sip/messages.ts';
import { header, type SipMessage, type SipRequest, type SipResponse } from '../../../src/wire/sip-message.ts';
import { parseNameAddr } from '../../../src/wire/sip-uri.ts';

export const PHONE = { transport: 'udp', address: '192.0.2.7', port: 5060 } as const;
const SERVER_URI = 'sip:voicemail@192.0.2.1';

/** Its media is at another port for each phone. */
export function sdp(port: number, direction = 'sendrecv', version = 1): string {
  return [
    'v=0',
    `o=phone 1 ${version} IN IP4 ${PHONE.address}`,
    's=-',
    `c=IN IP4 ${PHONE.address}`,
    't=0 0',
    `m=audio ${port} RTP/AVP 0 101`,
    'a=rtpmap:101 telephone-event/8000',
    `a=${direction}`,
    '',
  ].join('\r\n');
}

export class Phone {
  readonly port: number;
  readonly callId: string;
  /** Where the server wants its media. */
  serverPort: number | undefined;
  /** The server was told that nobody is there: it may have given up what was under way. */
  unreachable = false;
  /** Keeps its ACKs to itself. */
  rude = false;
  readonly #send: (message: SipMessage) => void;
  readonly #tag = newTag();
  /** From or To values of its own requests. */
  #local = '';
  #remote = '';
  #target = SERVER_URI;
  #sequence = 1;
  #version = 1;
  #invite: SipRequest | undefined;
  /** Its INVITE had a final answer. */
  #answered = false;
  /** There is a dialog. */
  #established = false;
  #over = false;
  readonly #mine = new Map<string, SipRequest>();
  /** Its own requests that had a 1xx. */
  readonly #proceeding = new Set<string>();
  /** INVITEs of its own that had a 2xx, which may come again. */
  readonly #acknowledged = new Map<string, SipRequest>();
  /** The server's INVITE, and what was answered to it last. */
  #offered: { readonly invite: SipRequest; last: SipResponse; acknowledged: boolean } | undefined;
  /** The server's other requests, by branch, with their answers. */
  readonly #answers = new Map<string, SipResponse>();
  #referred: SipRequest | undefined;

  constructor(port: number, send: (message: SipMessage) => void, invite?: SipRequest) {
    this.port = port;
    this.#send = send;
    this.callId = invite === undefined ? newTag() : (header(invite, 'call-id') ?? '');
  }

  /** Calls the server. */
  dial(offers: boolean): void {
    this.#local = `<sip:+14255550100@phones.example>;tag=${this.#tag}`;
    this.#remote = `<${SERVER_URI}>`;
    this.#invite = this.#request('INVITE', offers ? sdp(this.port) : undefined);
  }

  cancel(): void {
    if (this.#invite === undefined || this.#answered) return;
    this.#send(cancelOf(this.#invite));
  }

  hangUp(): void {
    if (!this.#established || this.#over) return;
    this.#over = true;
    this.#request('BYE');
  }

  /** With an offer in that direction, or wanting the server's. */
  reinvite(direction: string | undefined): void {
    if (!this.#established || this.#over) return;
    this.#request('INVITE', direction === undefined ? undefined : sdp(this.port, direction, ++this.#version));
  }

  update(direction: string): void {
    if (this.#established && !this.#over) this.#request('UPDATE', sdp(this.port, direction, ++this.#version));
  }

  /** What became of the REFER that came last. */
  notify(status: number): void {
    if (this.#referred === undefined || this.#over) return;
    const request = this.#make('NOTIFY', undefined, {
      Event: 'refer',
      'Subscription-State': status >= 200 ? 'terminated;reason=noresource' : 'active;expires=60',
      'Content-Type': 'message/sipfrag',
    });
    this.#launch({ ...request, body: Buffer.from(`SIP/2.0 ${status} Whatever\r\n`) });
  }

  /** As whom the server called. */
  ring(): void {
    this.#answer(180, undefined);
  }

  pickUp(): void {
    this.#answer(200, sdp(this.port));
  }

  refuse(): void {
    this.#answer(486, undefined);
  }

  /** Sends again what had no answer. `true`: there was something. */
  insist(): boolean {
    // RFC 3261 §17.1.1.2: an INVITE is not sent again once there was a provisional answer.
    for (const [key, request] of this.#mine) if (!this.#proceeding.has(key)) this.#send(request);
    const offered = this.#offered;
    const unheard = offered !== undefined && offered.last.status >= 200 && !offered.acknowledged;
    if (unheard) this.#send(offered.last);
    return this.#mine.size > 0 || unheard;
  }

  /** What it still waits for, in words; empty: nothing. */
  get waits(): readonly string[] {
    if (this.unreachable) return [];
    const offered = this.#offered;
    return [
      ...[...this.#mine.values()].map(({ method }) => `an answer to its ${method}`),
      ...(this.#established && !this.#over ? ['the end of its call'] : []),
      ...(offered !== undefined && offered.last.status < 200 ? ['a CANCEL or the end of the ringing'] : []),
      ...(offered !== undefined && offered.last.status >= 200 && !offered.acknowledged ? ['an ACK'] : []),
    ];
  }

  receive(message: SipMessage): void {
    if (message.kind === 'response') this.#onResponse(message);
    else this.#onRequest(message);
  }

  #onResponse(response: SipResponse): void {
    const key = header(response, 'cseq') ?? '';
    const request = this.#mine.get(key);
    const [, method] = key.split(' ');
    if (response.status < 200) {
      this.#proceeding.add(key);
      return;
    }
    if (method !== 'INVITE') {
      this.#mine.delete(key);
      return;
    }
    const invite = request ?? this.#acknowledged.get(key);
    if (invite === undefined) return;
    if (response.status >= 300) {
      this.#mine.delete(key);
      if (invite === this.#invite) this.#answered = true;
      this.#send(ackOf(invite, response));
      return;
    }
    if (invite === this.#invite && !this.#answered) {
      this.#answered = this.#established = true;
      this.#remote = header(response, 'to') ?? '';
      this.#hearOf(response);
    }
    this.#mine.delete(key);
    this.#acknowledged.set(key, invite);
    if (!this.rude) this.#send(this.#ack(invite, response));
  }

  #ack(invite: SipRequest, response: SipResponse): SipRequest {
    const sequence = Number(header(invite, 'cseq')?.split(' ')[0]);
    const answer = sdpOf(invite) === undefined && sdpOf(response) !== undefined ? sdp(this.port) : undefined;
    return this.#stamp(
      makeRequest({ ...this.#base('ACK', sequence), ...(answer !== undefined && { sdp: answer }) }),
    );
  }

  #onRequest(request: SipRequest): void {
    const branch = `${/branch=([^;]+)/.exec(header(request, 'via') ?? '')?.[1]} ${request.method}`;
    if (request.method === 'ACK') {
      if (this.#offered !== undefined) this.#offered.acknowledged = true;
      return;
    }
    if (request.method === 'INVITE') return this.#onInvite(request);
    const known = this.#answers.get(branch);
    const answer = known ?? responseTo(request, this.#statusFor(request));
    this.#answers.set(branch, answer);
    this.#send(answer);
    if (known === undefined && request.method === 'CANCEL' && this.#offered!.last.status < 200)
      this.#answer(487, undefined);
  }

  #statusFor(request: SipRequest): number {
    if (request.method === 'CANCEL') return this.#offered === undefined ? 481 : 200;
    if (!this.#established || (this.#over && request.method !== 'BYE')) return 481;
    if (request.method === 'BYE') this.#over = true;
    if (request.method === 'REFER') this.#referred = request;
    return request.method === 'REFER' ? 202 : 200;
  }

  #onInvite(invite: SipRequest): void {
    if (this.#offered !== undefined) return this.#send(this.#offered.last);
    this.#offered = { invite, last: responseTo(invite, 100), acknowledged: false };
    this.#local = `${header(invite, 'to')};tag=${this.#tag}`;
    this.#remote = header(invite, 'from') ?? '';
    this.#hearOf(invite);
    this.#send(this.#offered.last);
  }

  #answer(status: number, body: string | undefined): void {
    const offered = this.#offered;
    if (offered === undefined || offered.last.status >= 200) return;
    const headers = { Contact: `<sip:phone@${PHONE.address}>` };
    offered.last = responseTo(offered.invite, status, { toTag: this.#tag, headers, sdp: body });
    this.#established = status === 200;
    this.#send(offered.last);
  }

  #hearOf(message: SipMessage): void {
    const contact = parseNameAddr(header(message, 'contact') ?? '');
    if (contact !== undefined) this.#target = contact.uri.text;
    const port = /m=audio (\d+)/.exec(sdpOf(message) ?? '')?.[1];
    if (port !== undefined) this.serverPort = Number(port);
  }

  #base(method: string, cseq: number, headers: Readonly<Record<string, string>> = {}) {
    const dialog = { uri: this.#target, from: this.#local, to: this.#remote, callId: this.callId };
    return { ...dialog, method, cseq, contact: `<sip:phone@${PHONE.address}>`, headers };
  }

  #make(method: string, body?: string, headers?: Readonly<Record<string, string>>): SipRequest {
    return makeRequest({ ...this.#base(method, ++this.#sequence, headers), sdp: body });
  }

  #request(method: string, body?: string): SipRequest {
    return this.#launch(this.#make(method, body));
  }

  #launch(request: SipRequest): SipRequest {
    const stamped = this.#stamp(request);
    this.#mine.set(header(stamped, 'cseq') ?? '', stamped);
    this.#send(stamped);
    return stamped;
  }

  #stamp(request: SipRequest): SipRequest {
    const value = `SIP/2.0/UDP ${PHONE.address}:${PHONE.port};rport;branch=${newBranch()}`;
    return { ...request, headers: [{ name: 'via', value }, ...request.headers] };
  }
}
