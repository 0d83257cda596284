/** Which transaction a message belongs to, and where its answer goes: RFC 3261 §17.2.3, §18.2; RFC 3581. Pure. */
import { isIP } from 'node:net';
import { formatVia, parseCSeq, parseVia, splitList, type Via } from '../wire/sip-header.ts';
import { header, headerList, onItsOwn, type SipRequest } from '../wire/sip-message.ts';
import { parseNameAddr } from '../wire/sip-uri.ts';
import type { Peer } from './transport.ts';

const MAGIC = 'z9hG4bK';
const IDENTIFYING = ['from', 'call-id', 'cseq'];
const NO_BODY = new Uint8Array(0);

/** Of a request: an ACK has its INVITE's key (§17.2.3). */
export function serverKey(request: SipRequest): string {
  return keyFor(request, request.method === 'ACK' ? 'INVITE' : request.method);
}

/** The key of the INVITE that a CANCEL is about (§9.2). */
export function inviteKey(cancel: SipRequest): string {
  return keyFor(cancel, 'INVITE');
}

/**
 * Whether a CANCEL with the key of an INVITE is its own (§9.1): a branch may be guessed, where it is counted up, but hardly this too.
 */
export function isCancelOf(cancel: SipRequest, invite: SipRequest): boolean {
  return identifying(cancel) === identifying(invite);
}

/** What of a request `isCancelOf` looks at, on its own. */
export function identityOf(request: SipRequest): SipRequest {
  const headers = request.headers
    .filter(({ name }) => IDENTIFYING.includes(name))
    .map(({ name, value }) => ({ name, value: onItsOwn(value) }));
  return { ...request, uri: onItsOwn(request.uri), headers, body: NO_BODY };
}

function identifying(request: SipRequest): string {
  const from = parseNameAddr(header(request, 'from') ?? '')?.parameters.tag ?? '';
  return `${header(request, 'call-id')} ${from} ${parseCSeq(header(request, 'cseq') ?? '')?.sequence}`;
}

function keyFor(request: SipRequest, method: string): string {
  const via = topVia(request);
  const branch = via?.parameters.branch ?? '';
  if (branch.length > MAGIC.length && branch.startsWith(MAGIC))
    return `${branch} ${via?.host}:${via?.port ?? ''} ${method}`;
  // RFC 2543 peers: the To tag is left out, because the ACK has the response's.
  const from = parseNameAddr(header(request, 'from') ?? '')?.parameters.tag ?? '';
  const sequence = header(request, 'cseq')?.split(/\s/)[0];
  return onItsOwn(
    `2543 ${request.uri} ${from} ${header(request, 'call-id')} ${sequence} ${via === undefined ? '' : formatVia(via)} ${method}`,
  );
}

/** Equal for the same request on two paths (§8.2.2.2); `undefined` inside of a dialog, and for ACK and CANCEL. */
export function mergeKey(request: SipRequest): string | undefined {
  if (request.method === 'CANCEL' || request.method === 'ACK') return undefined;
  if (toTagOf(request) !== undefined) return undefined;
  const from = parseNameAddr(header(request, 'from') ?? '')?.parameters.tag ?? '';
  return onItsOwn(`${from} ${header(request, 'call-id')} ${header(request, 'cseq')}`);
}

/** The request with `received` and `rport` in its top Via, where they tell more than the Via itself (§18.2.1, RFC 3581 §4). */
export function withReceived(request: SipRequest, from: Peer): SipRequest {
  const via = topVia(request);
  if (via === undefined) return request;
  const parameters: Record<string, string> = { ...via.parameters };
  const wantsPort = 'rport' in parameters;
  if (wantsPort) parameters.rport = String(from.port);
  if (wantsPort || bare(via.host) !== from.address) parameters.received = from.address;
  const at = request.headers.findIndex((one) => one.name === 'via');
  const [, ...rest] = splitList(request.headers[at]?.value ?? '');
  const value = [formatVia({ ...via, parameters }), ...rest].join(', ');
  return { ...request, headers: request.headers.with(at, { name: 'via', value }) };
}

/**
 * Where the answer goes (§18.2.2): over TCP back on the connection, over UDP to the source with rport, else to the port of the Via.
 * `maddr` is not followed: it would let anybody aim our answers at a third party.
 */
export function answerPeer(request: SipRequest, from: Peer): Peer {
  const via = topVia(request);
  if (via === undefined || (from.transport === 'udp' && 'rport' in via.parameters)) return from;
  const port = via.port ?? 5060;
  return from.transport === 'udp' ? { ...from, port: port === 0 ? from.port : port } : from;
}

/** What its sender got from us, when it is within a dialog or acknowledges an answer. */
export function toTagOf(request: SipRequest): string | undefined {
  return parseNameAddr(header(request, 'to') ?? '')?.parameters.tag;
}

export function topVia(request: SipRequest): Via | undefined {
  return parseVia(headerList(request, 'via')[0] ?? '');
}

function bare(host: string): string {
  const inside = host.startsWith('[') ? host.slice(1, -1) : host;
  return isIP(inside) ? inside : host;
}
