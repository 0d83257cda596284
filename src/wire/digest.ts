/** Digest authentication as SIP uses it (RFC 3261 §22.4, RFC 7616, RFC 8760). No I/O; nothing here throws. */
import { createHash } from 'node:crypto';
import { quotedString, unquoted } from './sip-uri.ts';

/** A challenge that can be answered. Texts are unquoted. */
export interface DigestChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  /** As it stood on the wire, to be given back; `undefined`: none was named, which means MD5. */
  readonly algorithm: string | undefined;
  readonly hash: 'md5' | 'sha256' | 'sha512-256';
  /** A `-sess` algorithm: the key is bound to the nonce and our first cnonce (RFC 7616 §3.4.2). */
  readonly session: boolean;
  /** `auth` is offered; else the response is that of RFC 2069, without a count. */
  readonly qop: boolean;
  /** The credentials were right, their nonce was too old. */
  readonly stale: boolean;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** What the credentials are for. */
export interface DigestUse {
  readonly method: string;
  /** The Request-URI as it is sent. */
  readonly uri: string;
  /** Random, and the same for as long as the nonce is. */
  readonly cnonce: string;
  /** How often this nonce was used, this time included: from 1. */
  readonly count: number;
}

/** By strength, the weakest first. */
const HASHES = ['md5', 'sha256', 'sha512-256'] as const;
const ALGORITHMS: ReadonlyMap<string, DigestChallenge['hash']> = new Map([
  ['md5', 'md5'],
  ['sha-256', 'sha256'],
  ['sha-512-256', 'sha512-256'],
]);

/** Longer than any challenge that means well. */
const MAX_CHALLENGE = 4096;
const MAX_PARAMETERS = 32;

/** Reads a WWW-Authenticate or Proxy-Authenticate value. `undefined`: no Digest, malformed, or one that can't be answered. */
export function parseChallenge(text: string): DigestChallenge | undefined {
  const scheme = text.length > MAX_CHALLENGE ? null : /^digest\s+/i.exec(text);
  const parameters = scheme === null ? undefined : parseAuthParameters(text.slice(scheme[0].length));
  const realm = parameters?.get('realm');
  const nonce = parameters?.get('nonce');
  if (parameters === undefined || realm === undefined || nonce === undefined) return undefined;
  const algorithm = parameters.get('algorithm');
  const name = algorithm?.toLowerCase() ?? 'md5';
  const session = name.endsWith('-sess');
  const hash = ALGORITHMS.get(session ? name.slice(0, -'-sess'.length) : name);
  const qop = parameters
    .get('qop')
    ?.toLowerCase()
    .split(/[\s,]+/);
  if (hash === undefined || (qop !== undefined && !qop.includes('auth'))) return undefined;
  return {
    realm,
    nonce,
    opaque: parameters.get('opaque'),
    algorithm,
    hash,
    session,
    qop: qop !== undefined,
    stale: parameters.get('stale')?.toLowerCase() === 'true',
  };
}

/**
 * The strongest challenge of those in one response that can be answered; of equals the first.
 * RFC 8760 §2.4 takes the topmost where no local policy says otherwise; with ours the order of headers can't weaken it.
 */
export function strongestChallenge(values: readonly string[]): DigestChallenge | undefined {
  let best: DigestChallenge | undefined;
  for (const value of values) {
    const challenge = parseChallenge(value);
    if (challenge !== undefined && (best === undefined || strength(challenge) > strength(best)))
      best = challenge;
  }
  return best;
}

/** The value of Authorization or Proxy-Authorization that answers the challenge (RFC 7616 §3.4). */
export function formatAuthorization(
  challenge: DigestChallenge,
  credentials: Credentials,
  use: DigestUse,
): string {
  const { realm, nonce, opaque, algorithm, session, qop } = challenge;
  const hash = (text: string) => createHash(challenge.hash).update(text).digest('hex');
  const count = use.count.toString(16).padStart(8, '0');
  const secret = hash(`${credentials.username}:${realm}:${credentials.password}`);
  const key = session ? hash(`${secret}:${nonce}:${use.cnonce}`) : secret;
  const what = hash(`${use.method}:${use.uri}`);
  const response = hash(
    qop ? `${key}:${nonce}:${count}:${use.cnonce}:auth:${what}` : `${key}:${nonce}:${what}`,
  );
  const parameters = [
    `username=${quotedString(credentials.username)}`,
    `realm=${quotedString(realm)}`,
    `nonce=${quotedString(nonce)}`,
    `uri=${quotedString(use.uri)}`,
    `response="${response}"`,
    // RFC 7616 §3.4: algorithm, qop and nc have no quotes here, unlike in the challenge.
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
    ...(qop || session ? [`cnonce=${quotedString(use.cnonce)}`] : []),
    ...(opaque === undefined ? [] : [`opaque=${quotedString(opaque)}`]),
    ...(qop ? ['qop=auth', `nc=${count}`] : []),
  ];
  return `Digest ${parameters.join(', ')}`;
}

function strength(challenge: DigestChallenge): number {
  return HASHES.indexOf(challenge.hash) * 2 + (challenge.qop ? 1 : 0);
}

/** `a=b, c="d"`; names lower-case, quotes taken off. `undefined`: malformed, or a name stands twice. */
function parseAuthParameters(text: string): ReadonlyMap<string, string> | undefined {
  const parameters = new Map<string, string>();
  const pattern =
    /[\s,]*([\w\-.!%*+`'~]+)\s*=\s*("(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*"|[^\s",\p{Cc}]+)\s*(?:,[\s,]*|$)/suy;
  for (let at = 0; at < text.length; at = pattern.lastIndex) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    const name = found?.[1]?.toLowerCase();
    const value = found?.[2];
    if (name === undefined || value === undefined) return undefined;
    if (parameters.has(name) || parameters.size >= MAX_PARAMETERS) return undefined;
    parameters.set(name, value.startsWith('"') ? unquoted(value) : value);
  }
  return parameters;
}
