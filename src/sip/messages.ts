/** Requests and responses as the layers build them (RFC 3261 §8.1.1, §8.2.6). Pure but for random identifiers. */
import { randomBytes } from 'node:crypto';
import { header, type SipHeader, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { parseNameAddr } from '../wire/sip-uri.ts';

export const ALLOW = 'INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY';

export const REASONS: Readonly<Record<number, string>> = {
  100: 'Trying',
  180: 'Ringing',
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  415: 'Unsupported Media Type',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  469: 'Bad Info Package',
  480: 'Temporarily Unavailable',
  481: 'Call/Transaction Does Not Exist',
  482: 'Loop Detected',
  483: 'Too Many Hops',
  486: 'Busy Here',
  487: 'Request Terminated',
  488: 'Not Acceptable Here',
  489: 'Bad Event',
  491: 'Request Pending',
  500: 'Server Internal Error',
  501: 'Not Implemented',
  503: 'Service Unavailable',
  505: 'Version Not Supported',
  603: 'Decline',
};

/** 64 random bits: a tag (RFC 3261 §19.3 asks for 32). */
export function newTag(): string {
  return randomBytes(8).toString('hex');
}

/** A branch that is unique across space and time (RFC 3261 §8.1.1.7). */
export function newBranch(): string {
  return `z9hG4bK${randomBytes(12).toString('hex')}`;
}

export interface ResponseParts {
  readonly reason?: string | undefined;
  /** Added to To unless it has a tag already. */
  readonly toTag?: string | undefined;
  /** Names as on the wire or lower-case; both are the same. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly sdp?: string | undefined;
}

/** RFC 3261 §8.2.6.2: Via, From, To, Call-ID and CSeq are the request's; Record-Route too when it makes a dialog (§12.1.1). */
export function responseTo(request: SipRequest, status: number, parts: ResponseParts = {}): SipResponse {
  const headers: SipHeader[] = [];
  const dialogMaking = request.method === 'INVITE' && status > 100 && status < 300;
  for (const one of request.headers) {
    if (one.name === 'to' && parts.toTag !== undefined && !hasTag(one.value)) {
      headers.push({ name: 'to', value: `${one.value};tag=${parts.toTag}` });
    } else if (
      COPIED.has(one.name) ||
      (one.name === 'record-route' && dialogMaking) ||
      (one.name === 'timestamp' && status === 100)
    ) {
      headers.push(one);
    }
  }
  headers.push(...headersOf(parts.headers), ...(parts.sdp === undefined ? [] : [SDP_TYPE]));
  const body = parts.sdp === undefined ? NO_BODY : Buffer.from(parts.sdp);
  return { kind: 'response', status, reason: parts.reason ?? REASONS[status] ?? 'Unknown', headers, body };
}

/** What looks like a tag may stand in a display name, or within the URI. */
function hasTag(value: string): boolean {
  const address = parseNameAddr(value);
  return address === undefined ? /;\s*tag\s*=/i.test(value) : 'tag' in address.parameters;
}

const COPIED = new Set(['via', 'from', 'to', 'call-id', 'cseq']);
const NO_BODY = new Uint8Array();
const SDP_TYPE: SipHeader = { name: 'content-type', value: 'application/sdp' };

export interface RequestParts {
  readonly method: string;
  readonly uri: string;
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
  readonly routes?: readonly string[];
  readonly contact?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly sdp?: string | undefined;
}

/** A request without its Via, which the transaction puts on top (RFC 3261 §8.1.1). */
export function makeRequest(parts: RequestParts): SipRequest {
  const headers: SipHeader[] = [
    { name: 'max-forwards', value: '70' },
    { name: 'from', value: parts.from },
    { name: 'to', value: parts.to },
    { name: 'call-id', value: parts.callId },
    { name: 'cseq', value: `${parts.cseq} ${parts.method}` },
    ...(parts.routes ?? []).map((value) => ({ name: 'route', value })),
    ...(parts.contact === undefined ? [] : [{ name: 'contact', value: parts.contact }]),
    ...headersOf(parts.headers),
    ...(parts.sdp === undefined ? [] : [SDP_TYPE]),
  ];
  const body = parts.sdp === undefined ? NO_BODY : Buffer.from(parts.sdp);
  return { kind: 'request', method: parts.method, uri: parts.uri, headers, body };
}

/** The request again with another CSeq number, and this header in the place of any of its name. It has no Via yet. */
export function requestAgain(request: SipRequest, sequence: number, added: SipHeader): SipRequest {
  const kept = request.headers.filter(({ name }) => name !== 'cseq' && name !== added.name);
  const cseq = { name: 'cseq', value: `${sequence} ${request.method}` };
  return { ...request, headers: [...kept, cseq, added] };
}

/** The ACK of a non-2xx final response: same branch, same Request-URI, the response's To (RFC 3261 §17.1.1.3). */
export function ackOf(invite: SipRequest, response: SipResponse): SipRequest {
  const kept = invite.headers.filter(({ name }, at, all) => {
    return (
      ['from', 'call-id', 'max-forwards', 'route'].includes(name) ||
      (name === 'via' && all.findIndex((one) => one.name === 'via') === at)
    );
  });
  const sequence = header(invite, 'cseq')?.split(/\s/)[0] ?? '1';
  const headers = [
    ...kept,
    { name: 'to', value: header(response, 'to') ?? '' },
    { name: 'cseq', value: `${sequence} ACK` },
  ];
  return { kind: 'request', method: 'ACK', uri: invite.uri, headers, body: NO_BODY };
}

/** The CANCEL of an INVITE: same branch, Request-URI, To, From, Call-ID, CSeq number and Route (RFC 3261 §9.1). */
export function cancelOf(invite: SipRequest): SipRequest {
  const sequence = header(invite, 'cseq')?.split(/\s/)[0] ?? '1';
  const kept = invite.headers.filter(({ name }) =>
    ['via', 'from', 'to', 'call-id', 'max-forwards', 'route'].includes(name),
  );
  return {
    kind: 'request',
    method: 'CANCEL',
    uri: invite.uri,
    headers: [...kept, { name: 'cseq', value: `${sequence} CANCEL` }],
    body: NO_BODY,
  };
}

/** The SDP of a message; `undefined` when it has no body. */
export function sdpOf(message: { readonly body: Uint8Array }): string | undefined {
  return message.body.length === 0 ? undefined : Buffer.from(message.body).toString('utf8');
}

/** A bare URI as a name-addr: its parameters would else be the header's (RFC 3261 §20). */
export function inBrackets(address: string): string {
  return address.includes('<') ? address : `<${address}>`;
}

function headersOf(headers: Readonly<Record<string, string>> = {}): SipHeader[] {
  return Object.entries(headers).map(([name, value]) => ({ name: name.toLowerCase(), value }));
}
