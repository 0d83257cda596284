/** What a dialog consists of (RFC 3261 §12), as data and functions on it. Pure. */
import { parseCSeq } from '../wire/sip-header.ts';
import { header, headerList, onItsOwn, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { parseNameAddr, withoutHeaderFields } from '../wire/sip-uri.ts';
import { makeRequest, type RequestParts } from './messages.ts';

export interface DialogState {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** From or To values with their tags, as they stand in our requests. */
  readonly local: string;
  readonly remote: string;
  /** Route values in our order. */
  readonly routes: readonly string[];
  /** Where requests go: the remote Contact; refreshed by re-INVITE and UPDATE (§12.2). */
  remoteTarget: string;
  localSequence: number;
  remoteSequence: number | undefined;
}

/** As the called side, from the INVITE and the To tag of our 2xx (§12.1.1). */
export function dialogOfInvite(invite: SipRequest, toTag: string): DialogState | undefined {
  const target = contactOf(invite);
  const from = parseNameAddr(header(invite, 'from') ?? '');
  if (target === undefined || from === undefined) return undefined;
  return {
    callId: onItsOwn(header(invite, 'call-id') ?? ''),
    localTag: toTag,
    // RFC 2543 peers may have none (§12.1.1).
    remoteTag: onItsOwn(from.parameters.tag ?? ''),
    local: onItsOwn(`${header(invite, 'to') ?? ''};tag=${toTag}`),
    remote: onItsOwn(header(invite, 'from') ?? ''),
    routes: headerList(invite, 'record-route').map(onItsOwn),
    remoteTarget: target,
    localSequence: 0,
    remoteSequence: parseCSeq(header(invite, 'cseq') ?? '')?.sequence,
  };
}

/** As the calling side, from our INVITE and its 2xx (§12.1.2). */
export function dialogOfAnswer(invite: SipRequest, answer: SipResponse): DialogState | undefined {
  const target = contactOf(answer);
  const from = parseNameAddr(header(invite, 'from') ?? '');
  const to = parseNameAddr(header(answer, 'to') ?? '');
  if (target === undefined || from === undefined || to === undefined) return undefined;
  return {
    callId: header(invite, 'call-id') ?? '',
    localTag: from.parameters.tag ?? '',
    remoteTag: onItsOwn(to.parameters.tag ?? ''),
    local: header(invite, 'from') ?? '',
    remote: onItsOwn(header(answer, 'to') ?? ''),
    routes: headerList(answer, 'record-route').map(onItsOwn).reverse(),
    remoteTarget: target,
    localSequence: parseCSeq(header(invite, 'cseq') ?? '')?.sequence ?? 1,
    remoteSequence: undefined,
  };
}

/** One key for both directions: of a request that came, To is ours. */
export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}

export function keyOfRequest(request: SipRequest): string {
  const tag = (name: string) => parseNameAddr(header(request, name) ?? '')?.parameters.tag ?? '';
  return dialogKey(header(request, 'call-id') ?? '', tag('to'), tag('from'));
}

/** A request within the dialog (§12.2.1.1), with the next CSeq; `sequence` for an ACK, which has its INVITE's. */
export function requestIn(
  dialog: DialogState,
  method: string,
  parts: Pick<RequestParts, 'contact' | 'headers' | 'sdp'> & { readonly sequence?: number } = {},
): SipRequest {
  const cseq = parts.sequence ?? ++dialog.localSequence;
  const [first] = dialog.routes;
  const firstUri = first === undefined ? undefined : parseNameAddr(first)?.uri;
  const base = { ...parts, method, cseq, from: dialog.local, to: dialog.remote, callId: dialog.callId };
  // §12.2.1.1: a strict router (no lr) stands in the Request-URI, and the target goes last.
  if (firstUri !== undefined && !('lr' in firstUri.parameters)) {
    return makeRequest({
      ...base,
      uri: firstUri.text,
      routes: [...dialog.routes.slice(1), `<${dialog.remoteTarget}>`],
    });
  }
  return makeRequest({ ...base, uri: dialog.remoteTarget, routes: dialog.routes });
}

/** The URI that a request of this dialog is sent to: the first route, or the target. */
export function nextHop(dialog: DialogState): string {
  const [first] = dialog.routes;
  return (first === undefined ? undefined : parseNameAddr(first)?.uri.text) ?? dialog.remoteTarget;
}

/**
 * The URI of a Contact; `undefined`: none, or none that a request could be sent to. RFC 3261 §19.1.1 has no header fields in that of a dialog: they
 * would be in our requests, and, by way of Refer-To, in those of whoever is to call it.
 */
export function contactOf(message: SipRequest | SipResponse): string | undefined {
  const value = headerList(message, 'contact')[0];
  const uri = value === undefined ? undefined : parseNameAddr(value)?.uri;
  return uri === undefined || uri.scheme === 'tel' ? undefined : onItsOwn(withoutHeaderFields(uri));
}
