/** SIP messages: bytes to values and back (RFC 3261 §7, §20, §25). No I/O, no clock; nothing here throws on any bytes. */
import { formatVia, parseCSeq, parseVia, salvageVia, splitList } from './sip-header.ts';
import { isList, isToken, longName, wireName } from './sip-header-name.ts';
import { parseNameAddr } from './sip-uri.ts';

/** A header as it stood on the wire; `name` is lower-case and in its long form (`v` → `via`). */
export interface SipHeader {
  readonly name: string;
  readonly value: string;
}

export interface SipRequest {
  readonly kind: 'request';
  readonly method: string;
  /** The Request-URI as it stood on the wire. */
  readonly uri: string;
  readonly headers: readonly SipHeader[];
  readonly body: Uint8Array;
}

export interface SipResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly SipHeader[];
  readonly body: Uint8Array;
}

export type SipMessage = SipRequest | SipResponse;

export type ParsedSip =
  | { readonly ok: true; readonly message: SipMessage }
  /**
   * `reason` says what is wrong, for the 400's reason phrase and for counting.
   * `answerable`: of a request, enough could be read to answer it.
   */
  | { readonly ok: false; readonly reason: string; readonly answerable?: SipRequest };

/** Longest message that is looked at: what fits a UDP datagram. */
export const MAX_MESSAGE_BYTES = 65_535;
/** Longest start line and headers together; four times the longest of RFC 4475. */
export const MAX_HEADER_BYTES = 16_384;
const MAX_HEADERS = 256;
/** More hops than Max-Forwards lets a request take (RFC 3261 §8.1.1.6) have not been taken. */
const MAX_VIAS = 71;
/** Each of them may have recorded its route. All stand in every request of the dialog. */
const MAX_ROUTES = MAX_VIAS;

/** RFC 3261 §7.3.1: a second one of these contradicts the first. */
const SINGLE: ReadonlySet<string> = new Set([
  'from',
  'to',
  'call-id',
  'cseq',
  'max-forwards',
  'content-length',
  'content-type',
]);

/** RFC 3261 §25.1 has CR in CRLF alone; some take it for the end of a line, and would see other headers than we do. */
const BARE_CR = /\r(?!\n|$)/;

const CR = 13;
const LF = 10;
const TAB = 9;
const SPACE = 32;

/**
 * Reads one whole message: a datagram, or what the framer cut out of a stream. Line breaks before it are stepped over
 * (RFC 3261 §7.5), bytes after the body are dropped (§18.3).
 */
export function parseSipMessage(bytes: Uint8Array): ParsedSip {
  if (bytes.length > MAX_MESSAGE_BYTES) return { ok: false, reason: 'Message too long' };
  let from = 0;
  while (bytes[from] === CR || bytes[from] === LF) from++;
  const end = headerEnd(bytes, from);
  if (typeof end === 'string') return { ok: false, reason: end };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8', from, end.headers);
  const lineEnd = endOfLine(text, 0);
  const start = text.slice(0, text[lineEnd - 1] === '\r' ? lineEnd - 1 : lineEnd);
  const { headers, problem } = parseHeaders(text, lineEnd + 1);
  const first = parseStartLine(start);
  if (typeof first === 'string') return refuse(first, start, headers);
  const fault = problem ?? (BARE_CR.test(text) ? 'A CR without LF' : faultOf(headers, first));
  if (fault !== undefined) return refuse(fault, start, headers);
  const length = header({ headers }, 'content-length');
  const available = bytes.length - end.body;
  const wanted = length === undefined ? available : Number(length);
  if (wanted > available) return refuse('Content-Length exceeds the body', start, headers);
  return { ok: true, message: { ...first, headers, body: bytes.subarray(end.body, end.body + wanted) } };
}

/** Writes a message; Content-Length is computed, any given one is replaced. Line breaks in values become spaces. */
export function formatSipMessage(message: SipMessage): Buffer {
  const start =
    message.kind === 'request'
      ? `${message.method} ${oneLine(message.uri)} SIP/2.0`
      : `SIP/2.0 ${message.status} ${oneLine(message.reason)}`;
  const lines = [start];
  for (const { name, value } of message.headers) {
    if (name !== 'content-length') lines.push(`${wireName(name)}: ${oneLine(value)}`);
  }
  lines.push(`Content-Length: ${message.body.length}`, '', '');
  return Buffer.concat([Buffer.from(lines.join('\r\n')), message.body]);
}

/** The same text by itself: of a message the whole is kept in memory for as long as any piece of it is. */
export function onItsOwn(text: string): string {
  return Buffer.from(text).toString();
}

/** The first header of that (lower-case, long) name. */
export function header(
  message: { readonly headers: readonly SipHeader[] },
  name: string,
): string | undefined {
  for (const one of message.headers) if (one.name === name) return one.value;
  return undefined;
}

/** Every value of that header, in order, however they were spread over lines (RFC 3261 §7.3.1); split at commas where the header is a list. */
export function headerList(message: { readonly headers: readonly SipHeader[] }, name: string): string[] {
  const values: string[] = [];
  const list = isList(name);
  for (const one of message.headers) {
    if (one.name !== name) continue;
    if (list) values.push(...splitList(one.value));
    else values.push(one.value);
  }
  return values;
}

/** Where the start line and headers end and the body begins, a bare LF being taken for CRLF; or why they don't. */
function headerEnd(
  bytes: Uint8Array,
  from: number,
): { readonly headers: number; readonly body: number } | string {
  for (let i = bytes.indexOf(LF, from); i >= 0; i = bytes.indexOf(LF, i + 1)) {
    if (i - from > MAX_HEADER_BYTES) return 'Headers too long';
    const next = bytes[i + 1];
    if (next === LF) return { headers: i, body: i + 2 };
    if (next === CR && bytes[i + 2] === LF) return { headers: i, body: i + 3 };
  }
  return 'No empty line after the headers';
}

/** Index of the LF that ends the line, or of the end of the text. */
function endOfLine(text: string, from: number): number {
  const found = text.indexOf('\n', from);
  return found < 0 ? text.length : found;
}

function parseStartLine(
  line: string,
): Pick<SipRequest, 'kind' | 'method' | 'uri'> | Pick<SipResponse, 'kind' | 'status' | 'reason'> | string {
  if (line.startsWith('SIP/')) {
    const found = /^SIP\/2\.0 ([1-6]\d\d)(?: (.*))?$/s.exec(line);
    if (found === null) return line.startsWith('SIP/2.0 ') ? 'Bad status line' : 'Version not supported';
    return { kind: 'response', status: Number(found[1]), reason: found[2] ?? '' };
  }
  const found = /^(\S+) (\S+) SIP\/(\d+\.\d+)$/i.exec(line);
  if (found === null) return 'Bad request line';
  const [, method = '', uri = '', version] = found;
  if (version !== '2.0') return 'Version not supported';
  if (!isToken(method)) return 'Bad method';
  if (/[^!-~\u0080-\uffff]|[<>"]/.test(uri)) return 'Bad Request-URI';
  return { kind: 'request', method, uri };
}

/** Goes on after a bad line, so that what is wanted for an answer is found wherever it stands. */
function parseHeaders(
  text: string,
  from: number,
): { readonly headers: readonly SipHeader[]; readonly problem: string | undefined } {
  const headers: SipHeader[] = [];
  let problem: string | undefined;
  let end = from;
  for (let at = from; at < text.length; at = end + 1) {
    end = endOfLine(text, at);
    // A line that begins with a blank continues the one before (RFC 3261 §7.3.1).
    while (text.charCodeAt(end + 1) === SPACE || text.charCodeAt(end + 1) === TAB)
      end = endOfLine(text, end + 1);
    const colon = text.indexOf(':', at);
    const name = colon < 0 || colon > end ? undefined : longName(text.slice(at, colon).trimEnd());
    if (name === undefined) {
      problem ??= 'Bad header line';
      continue;
    }
    if (headers.length >= MAX_HEADERS) return { headers, problem: 'Too many headers' };
    headers.push({ name, value: unfolded(text.slice(colon + 1, end)) });
  }
  return { headers, problem };
}

function unfolded(value: string): string {
  if (!value.includes('\n')) return value.trim();
  return value
    .split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim();
}

/** What RFC 3261 §8.1.1 demands of every message, or nothing. Max-Forwards may be missing, as RFC 2543 had none. */
function faultOf(
  headers: readonly SipHeader[],
  first: { readonly kind: string; readonly method?: string },
): string | undefined {
  const single = new Map<string, string>();
  for (const { name, value } of headers) {
    if (!SINGLE.has(name)) continue;
    if (single.has(name)) return `More than one ${wireName(name)}`;
    single.set(name, value);
  }
  const vias = headerList({ headers }, 'via');
  if (vias.length === 0) return 'No Via';
  if (vias.length > MAX_VIAS) return 'Too many Vias';
  if (headerList({ headers }, 'record-route').length > MAX_ROUTES) return 'Too many Record-Routes';
  if (vias.some((via) => parseVia(via) === undefined)) return 'Bad Via';
  for (const name of ['from', 'to', 'call-id', 'cseq']) {
    if (!single.get(name)) return `No ${wireName(name)}`;
  }
  // Departs from RFC 4475 §3.3.4: a From or To of another scheme than ours is well-formed, but nobody we could talk to.
  if (parseNameAddr(single.get('from') ?? '') === undefined) return 'Bad From';
  if (parseNameAddr(single.get('to') ?? '') === undefined) return 'Bad To';
  if (!/^[!-~]+$/.test(single.get('call-id') ?? '')) return 'Bad Call-ID';
  const cseq = parseCSeq(single.get('cseq') ?? '');
  if (cseq === undefined) return 'Bad CSeq';
  if (first.kind === 'request' && cseq.method !== first.method) return 'CSeq of another method';
  const length = single.get('content-length');
  if (length !== undefined && !/^\d{1,9}$/.test(length)) return 'Bad Content-Length';
  const hops = single.get('max-forwards');
  if (hops !== undefined && !(/^\d{1,9}$/.test(hops) && Number(hops) <= 255)) return 'Bad Max-Forwards';
  return undefined;
}

/** A refusal that can be answered when it is a request with all that a response must copy (RFC 3261 §8.2.6.2). */
function refuse(reason: string, start: string, headers: readonly SipHeader[]): ParsedSip {
  const method = start.slice(0, Math.max(0, start.search(/\s/)));
  // An ACK is never answered (RFC 3261 §17.1).
  if (!isToken(method) || method === 'ACK') return { ok: false, reason };
  const seen = new Set<string>();
  const copied = headers.filter(({ name }) => {
    const again = SINGLE.has(name) && seen.has(name);
    seen.add(name);
    return !again;
  });
  const top = copied.findIndex(({ name }) => name === 'via');
  const via = salvageVia(copied[top]?.value ?? '');
  const complete = ['from', 'to', 'call-id', 'cseq'].every((name) => header({ headers }, name));
  if (via === undefined || !complete) return { ok: false, reason };
  const uri = start.split(' ')[1] ?? '';
  // A top Via that can't be read is answered with what could be: the way back needs host, port and branch, no more.
  const readable = parseVia(splitList(copied[top]?.value ?? '')[0] ?? '') !== undefined;
  const fit = readable ? copied : copied.with(top, { name: 'via', value: formatVia(via) });
  const body = new Uint8Array();
  return { ok: false, reason, answerable: { kind: 'request', method, uri, headers: fit, body } };
}

function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text;
}
