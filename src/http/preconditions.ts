/** Conditional requests (RFC 9110 §13) and byte ranges (§14) for a file that does not change. Pure functions. */
import type { IncomingHttpHeaders } from 'node:http';

/** What a file is known by. */
export interface Validators {
  /** Strong, with its quotes. */
  readonly etag: string;
  /** HTTP counts whole seconds: the rest is cut off. */
  readonly lastModified: Date;
}

/**
 * What the conditions of a request make of it, in the order of RFC 9110 §13.2.2: the answer is 412, 304, or as without
 * conditions.
 */
export function judge(
  method: string,
  headers: IncomingHttpHeaders,
  { etag, lastModified }: Validators,
): 'failed' | 'notModified' | 'go' {
  const modified = seconds(lastModified);
  const ifMatch = headers['if-match'];
  const unmodifiedSince = date(headers['if-unmodified-since']);
  if (ifMatch !== undefined) {
    // §13.1.1: the strong comparison; a weak tag never fits.
    if (!names(ifMatch, etag, false)) return 'failed';
  } else if (unmodifiedSince !== undefined && modified > unmodifiedSince) return 'failed';

  const reads = method === 'GET' || method === 'HEAD';
  const ifNoneMatch = headers['if-none-match'];
  const modifiedSince = date(headers['if-modified-since']);
  if (ifNoneMatch !== undefined) {
    if (names(ifNoneMatch, etag, true)) return reads ? 'notModified' : 'failed';
  } else if (reads && modifiedSince !== undefined && modified <= modifiedSince) return 'notModified';
  return 'go';
}

export type ByteRange =
  /** The whole file is to be sent: no range was asked for, or none that has to be honoured. */
  | { readonly kind: 'whole' }
  /** Bytes [start, end). */
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

const WHOLE: ByteRange = { kind: 'whole' };

/**
 * The range that a GET asks for of `bytes` bytes. One range is honoured; several are answered with the whole file, as
 * §14.2 leaves to the server; so is what is no range of bytes, and one whose If-Range does not fit.
 */
export function rangeOf(headers: IncomingHttpHeaders, bytes: number, validators: Validators): ByteRange {
  const match = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(headers.range ?? '');
  if (match === null || !ifRangeFits(headers['if-range'], validators)) return WHOLE;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return WHOLE;
    const length = Math.min(Number(last), bytes);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: bytes - length, end: bytes };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return WHOLE;
  if (start >= bytes) return { kind: 'unsatisfiable' };
  return { kind: 'part', start, end: last === '' ? bytes : Math.min(Number(last) + 1, bytes) };
}

/** §13.1.5: a strong tag, or the very date. */
function ifRangeFits(ifRange: string | string[] | undefined, { etag, lastModified }: Validators): boolean {
  if (ifRange === undefined) return true;
  const condition = String(ifRange).trim();
  return condition === etag || date(condition) === seconds(lastModified);
}

/** Whether a list of entity tags, or `*`, names this one. `weakly`: a weak tag with the same text does, too. */
function names(list: string, etag: string, weakly: boolean): boolean {
  if (list.trim() === '*') return true;
  const tags = list.match(/(?:W\/)?"[^"]*"/g) ?? [];
  return tags.some((tag) => tag === etag || (weakly && tag === `W/${etag}`));
}

/** Seconds since the epoch; `undefined` for what is no HTTP date (§5.6.7): then there is no condition. */
function date(text: string | undefined): number | undefined {
  if (text === undefined || !/^[A-Z][a-z]{2,8},? .*\d/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}

function seconds(moment: Date): number {
  return Math.floor(moment.getTime() / 1000);
}
