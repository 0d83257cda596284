/** SIP messages: bytes to values and back (RFC 3261 §7, §20, §25). No I/O, no clock; nothing here throws on any bytes. */
import { parseCSeq, parseVia, splitList } from './sip-header.ts';
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
/** Longest start line and headers together. */
export const MAX_HEADER_BYTES = 32_768;
const MAX_HEADERS = 256;

/** RFC 3261 §7.3.3, and the registrations since. */
const COMPACT: Readonly<Record<string, string>> = {
  a: 'accept-contact',
  b: 'referred-by',
  c: 'content-type',
  d: 'request-disposition',
  e: 'content-encoding',
  f: 'from',
  i: 'call-id',
  j: 'reject-contact',
  k: 'supported',
  l: 'content-length',
  m: 'contact',
  n: 'identity-info',
  o: 'event',
  r: 'refer-to',
  s: 'subject',
  t: 'to',
  u: 'allow-events',
  v: 'via',
  x: 'session-expires',
  y: 'identity',
};

/** RFC 3261 §7.3.1: a second one of these contradicts the first. */
const SINGLE = ['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-length', 'content-type'];

const TOKEN = /^[\w\-.!%*+`'~]+$/;
const CR = 13;
const LF = 10;

/** Reads one whole message: a datagram, or what the framer cut out of a stream. Bytes after the body are dropped (RFC 3261 §18.3). */
export function parseSipMessage(bytes: Uint8Array): ParsedSip {
  if (bytes.length > MAX_MESSAGE_BYTES) return { ok: false, reason: 'Message too long' };
  const end = headerEnd(bytes);
  if (end === undefined) return { ok: false, reason: 'No empty line after the headers' };
  if (end.headers > MAX_HEADER_BYTES) return { ok: false, reason: 'Headers too long' };
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines = unfold(buffer.toString('utf8', 0, end.headers));
  const start = lines[0] ?? '';
  const { headers, problem } = parseHeaders(lines);
  const first = parseStartLine(start);
  if (typeof first === 'string') return refuse(first, start, headers);
  const fault = problem ?? faultOf(headers, first);
  if (fault !== undefined) return refuse(fault, start, headers);
  const length = contentLength(headers);
  const available = bytes.length - end.body;
  if (length !== undefined && length > available)
    return refuse('Content-Length exceeds the body', start, headers);
  const body = bytes.subarray(end.body, end.body + (length ?? available));
  return { ok: true, message: { ...first, headers, body } };
}

/** Writes a message; Content-Length is computed, any given one is replaced. Line breaks in values become spaces. */
export function formatSipMessage(message: SipMessage): Buffer {
  const start =
    message.kind === 'request'
      ? `${message.method} ${message.uri} SIP/2.0`
      : `SIP/2.0 ${message.status} ${oneLine(message.reason)}`;
  const lines = [start];
  for (const { name, value } of message.headers) {
    if (name !== 'content-length') lines.push(`${wireName(name)}: ${oneLine(value)}`);
  }
  lines.push(`Content-Length: ${message.body.length}`, '', '');
  return Buffer.concat([Buffer.from(lines.join('\r\n')), message.body]);
}

/** The first header of that (lower-case, long) name. */
export function header(
  message: { readonly headers: readonly SipHeader[] },
  name: string,
): string | undefined {
  for (const one of message.headers) if (one.name === name) return one.value;
  return undefined;
}

/** Every value of a list header, in order, however they were spread over lines (RFC 3261 §7.3.1). */
export function headerList(message: { readonly headers: readonly SipHeader[] }, name: string): string[] {
  return message.headers.filter((one) => one.name === name).flatMap((one) => splitList(one.value));
}

/** Where the start line and headers end and the body begins; a bare LF is taken for CRLF. */
function headerEnd(bytes: Uint8Array): { readonly headers: number; readonly body: number } | undefined {
  for (let i = bytes.indexOf(LF); i >= 0; i = bytes.indexOf(LF, i + 1)) {
    const next = bytes[i + 1];
    if (next === LF) return { headers: i, body: i + 2 };
    if (next === CR && bytes[i + 2] === LF) return { headers: i, body: i + 3 };
  }
  return undefined;
}

/** Lines, with folded ones joined (RFC 3261 §7.3.1). Element 0 is the start line. */
function unfold(text: string): string[] {
  const lines: string[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (lines.length > 1 && /^[ \t]/.test(line)) lines[lines.length - 1] += ` ${line.trim()}`;
    else lines.push(line);
  }
  return lines;
}

function parseStartLine(
  line: string,
): Pick<SipRequest, 'kind' | 'method' | 'uri'> | Pick<SipResponse, 'kind' | 'status' | 'reason'> | string {
  if (line.startsWith('SIP/')) {
    const found = /^SIP\/2\.0 ([1-6]\d\d) ?(.*)$/i.exec(line);
    if (found === null) return line.startsWith('SIP/2.0 ') ? 'Bad status line' : 'Version not supported';
    return { kind: 'response', status: Number(found[1]), reason: found[2] ?? '' };
  }
  const found = /^(\S+) (\S+) SIP\/(\d+\.\d+)$/i.exec(line);
  if (found === null) return 'Bad request line';
  const [, method = '', uri = '', version] = found;
  if (version !== '2.0') return 'Version not supported';
  if (!TOKEN.test(method)) return 'Bad method';
  if (/[<>"]/.test(uri)) return 'Bad Request-URI';
  return { kind: 'request', method, uri };
}

function parseHeaders(lines: readonly string[]): {
  readonly headers: readonly SipHeader[];
  readonly problem: string | undefined;
} {
  const headers: SipHeader[] = [];
  let problem: string | undefined;
  for (let i = 1; i < lines.length; i++) {
    const line = lines[i] ?? '';
    const colon = line.indexOf(':');
    const written = colon < 0 ? '' : line.slice(0, colon).trimEnd();
    if (!TOKEN.test(written)) {
      problem ??= 'Bad header line';
      continue;
    }
    const lower = written.toLowerCase();
    headers.push({ name: COMPACT[lower] ?? lower, value: line.slice(colon + 1).trim() });
    if (headers.length > MAX_HEADERS) return { headers, problem: 'Too many headers' };
  }
  return { headers, problem };
}

/** What RFC 3261 §8.1.1 demands of every message, or nothing. */
function faultOf(
  headers: readonly SipHeader[],
  first: { readonly kind: string; readonly method?: string },
): string | undefined {
  for (const name of SINGLE) {
    if (headers.filter((one) => one.name === name).length > 1) return `More than one ${wireName(name)}`;
  }
  const vias = headerList({ headers }, 'via');
  if (vias.length === 0) return 'No Via';
  if (vias.some((via) => parseVia(via) === undefined)) return 'Bad Via';
  for (const name of ['from', 'to', 'call-id', 'cseq']) {
    if (!header({ headers }, name)) return `No ${wireName(name)}`;
  }
  if (parseNameAddr(header({ headers }, 'from') ?? '') === undefined) return 'Bad From';
  if (parseNameAddr(header({ headers }, 'to') ?? '') === undefined) return 'Bad To';
  const cseq = parseCSeq(header({ headers }, 'cseq') ?? '');
  if (cseq === undefined) return 'Bad CSeq';
  if (first.kind === 'request' && cseq.method !== first.method) return 'CSeq of another method';
  const length = header({ headers }, 'content-length');
  if (length !== undefined && !/^\d{1,9}$/.test(length)) return 'Bad Content-Length';
  const hops = header({ headers }, 'max-forwards');
  if (hops !== undefined && !(/^\d+$/.test(hops) && Number(hops) <= 255)) return 'Bad Max-Forwards';
  return undefined;
}

function contentLength(headers: readonly SipHeader[]): number | undefined {
  const value = header({ headers }, 'content-length');
  return value === undefined ? undefined : Number(value);
}

/** A refusal that can be answered when it is a request with all that a response must copy (RFC 3261 §8.2.6.2). */
function refuse(reason: string, start: string, headers: readonly SipHeader[]): ParsedSip {
  const method = /^([\w\-.!%*+`'~]+)\s/.exec(start)?.[1];
  const isRequest = method !== undefined && !start.startsWith('SIP/') && method !== 'ACK';
  const complete = ['from', 'to', 'call-id', 'cseq'].every((name) => header({ headers }, name) !== undefined);
  const via = headerList({ headers }, 'via')[0];
  if (!isRequest || !complete || via === undefined || parseVia(via) === undefined)
    return { ok: false, reason };
  const uri = start.split(' ')[1] ?? '';
  return { ok: false, reason, answerable: { kind: 'request', method, uri, headers, body: new Uint8Array() } };
}

function oneLine(text: string): string {
  return /[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text;
}

const WIRE_NAMES: Readonly<Record<string, string>> = {
  'call-id': 'Call-ID',
  cseq: 'CSeq',
  'www-authenticate': 'WWW-Authenticate',
};

/** `record-route` as `Record-Route`: no parser may care, and people who read traces do. */
function wireName(name: string): string {
  return WIRE_NAMES[name] ?? name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
