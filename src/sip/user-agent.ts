/**
 * What the SIP layer gives to the layers above, and what it asks of them. The call layer sees only this file.
 *
 * Lifetimes: the user agent owns its sockets, transactions and dialogs; closing it ends them all. A `Dialog`
 * ends once, by either side's BYE, by a missing ACK, or by the agent's closing; `ended` then aborts.
 */
import type { NameAddr, SipUri } from '../wire/sip-uri.ts';
import type { SipSocket } from './ws-transport.ts';

/** RFC 3261 §18; `ws`: RFC 7118, with TLS or without. */
export type TransportName = 'udp' | 'tcp' | 'ws';

export interface UserAgent {
  /** Where it listens, with the ports the system gave when 0 was asked for. */
  readonly listening: readonly ListenAddress[];
  /** What it carries at this moment. */
  readonly counts: SipCounts;
  /** The one consumer of incoming calls. Ends when the agent closes. */
  invites(): AsyncIterable<IncomingInvite>;
  /** Places a call. Resolves with the final outcome of the INVITE; never rejects for what the far end says. */
  invite(request: OutgoingInvite, signal: AbortSignal): Promise<InviteOutcome>;
  /** Whether one more WebSocket from this address is to be taken; when there are too many, whoever has the most may lose one for it. */
  mayAdopt(address: string): boolean;
  /** Takes in a WebSocket that a browser opened; it is closed with the agent. */
  adopt(socket: SipSocket): void;
  /** From now on new INVITEs are answered 503 with Retry-After; what runs goes on. */
  drain(): void;
  /** Cancels what is being placed, ends every dialog with BYE, waits a few seconds for the answers, closes the sockets. */
  close(): Promise<void>;
}

export interface SipCounts {
  readonly transactions: number;
  readonly dialogs: number;
  /** Calls that are being placed and requests in dialogs: what closing waits for. */
  readonly pending: number;
  /** Addresses that something came from and that are still remembered. */
  readonly sources: number;
  /** What was not read, answered or done because it was too much, since the start, by what there was too much of. */
  readonly turnedAway: Readonly<Record<string, number>>;
}

export interface ListenAddress {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
}

/** An initial INVITE that passed the checks of RFC 3261 §8.2 (415, 420, 482, … are answered below this layer). */
export interface IncomingInvite {
  /** Call-ID header, for logs. */
  readonly callId: string;
  readonly requestUri: SipUri;
  readonly from: NameAddr;
  readonly to: NameAddr;
  readonly source: { readonly transport: TransportName; readonly address: string; readonly port: number };
  /** The SDP of the INVITE; `undefined` when the caller wants us to offer (RFC 3261 §13.2.1, delayed offer). */
  readonly offer: string | undefined;
  /** Aborts when the caller gives up (CANCEL: 487 was already sent) or the agent closes. */
  readonly cancelled: AbortSignal;
  /** Sends 180 Ringing. Does nothing once a final answer went out. */
  ring(): void;
  /**
   * Sends 200 with `sdp` (our answer, or our offer when the INVITE had none) and goes on sending it until the ACK.
   * The dialog is usable at once; `dialog.confirmed` tells of the ACK.
   * Returns `undefined` when the caller gave up first: a normal outcome of a race.
   */
  accept(sdp: string, handler: DialogHandler): Dialog | undefined;
  /** Sends a final 3xx–6xx. Does nothing once a final answer went out. */
  reject(status: number, options?: { reason?: string; headers?: Readonly<Record<string, string>> }): void;
}

/** What a dialog asks of its owner. */
export interface DialogHandler {
  /**
   * A re-INVITE or UPDATE with an offer, or (offer `undefined`) a re-INVITE that wants ours.
   * Returns the SDP for the 200, or a status (488 when the offer can't be met: the session stays as it was).
   */
  onOffer(offer: string | undefined): { readonly sdp: string } | { readonly status: number };
  /** The answer to an offer that we made in a 200 arrived in the ACK. */
  onAnswer(sdp: string): void;
  /** The far end pressed a key and says so by INFO: an RFC 4733 event, 0–16. Left out: no keys are taken so. */
  onKey?(event: number, durationMs: number): void;
}

export interface Dialog {
  readonly callId: string;
  readonly localUri: string;
  readonly remoteUri: string;
  /**
   * The value of a Replaces header (RFC 3891 §3) for this dialog, as a third party names it to the far end:
   * `callid;to-tag=<the far end's>;from-tag=<ours>`. Unescaped.
   */
  readonly replaces: string;
  /** The remote Contact URI. */
  readonly remoteTarget: string;
  /**
   * Resolves with the SDP of the ACK (`undefined` when it had none) when the 200 was acknowledged;
   * resolves `'lost'` when it never was (64·T1, RFC 3261 §13.3.1.4): the dialog has then been ended with BYE.
   */
  readonly confirmed: Promise<{ readonly ackSdp: string | undefined } | 'lost'>;
  /** Aborts when the dialog is over, whoever ended it; `signal.reason` is a `DialogEnd`. */
  readonly ended: AbortSignal;
  /** Ends the dialog with BYE. Idempotent; resolves when the BYE is answered or timed out. */
  bye(reason?: string): Promise<void>;
  /**
   * Asks the far end to call somebody (REFER, RFC 3515) and resolves when it told how that ended, when the dialog
   * ended (487), or when it told nothing for long (408). One at a time: a second is refused with 491. Abort stops the
   * listening (487), not the far end. Never rejects.
   */
  refer(request: ReferRequest, signal?: AbortSignal): Promise<ReferOutcome>;
}

export interface ReferRequest {
  /** Refer-To: an URI; a Replaces header is in its header part, escaped. */
  readonly referTo: string;
  /** Referred-By (RFC 3892): an URI or name-addr. */
  readonly referredBy?: string | undefined;
  /** Told of each NOTIFY before the last: the status of its sipfrag (100, 180 …). */
  readonly onProgress?: (status: number) => void;
}

export interface ReferOutcome {
  /** The REFER itself got 2xx. */
  readonly accepted: boolean;
  /** The status that ended it: of the last NOTIFY's sipfrag, or of the REFER's own refusal. */
  readonly status: number;
  readonly reason: string;
}

export type DialogEnd =
  | { readonly by: 'remote'; readonly reasonHeader: string | undefined }
  | { readonly by: 'local' }
  | { readonly by: 'no-ack' }
  /** Its WebSocket closed, and the far end did not come back over another. */
  | { readonly by: 'gone' }
  | { readonly by: 'closed' };

export interface OutgoingInvite {
  readonly requestUri: string;
  /** `user` is unescaped; `host`: default our own address. */
  readonly from: {
    readonly displayName?: string | undefined;
    readonly user: string;
    readonly host?: string | undefined;
  };
  /** An URI or a name-addr. */
  readonly to: string;
  readonly transport: 'udp' | 'tcp';
  /** Where to send it, when that is not the Request-URI's host and port. */
  readonly destination?: { readonly address: string; readonly port: number };
  readonly sdp: string;
  /** Its Call-ID: globally unique (RFC 3261 §8.1.1.4); default: a new one. */
  readonly callId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** What a challenge (401, 407) to the INVITE or to a later request of its dialog is answered with. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  readonly handler: DialogHandler;
  /** Told of each 1xx (with its SDP, if any) before the final answer. */
  readonly onProgress?: (status: number, sdp: string | undefined) => void;
}

export type InviteOutcome =
  | { readonly answered: true; readonly dialog: Dialog; readonly sdp: string }
  | {
      readonly answered: false;
      readonly status: number;
      readonly reason: string;
      readonly contacts: readonly string[];
    };
