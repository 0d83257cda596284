/**
 * What a request must be before the console looks at it: to a name of ours, from a page of ours, of somebody who is signed in, and, when it changes
 * something, with the session's CSRF token. docs/security.md says against what each of these is.
 */
import { isIP } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Session, Sessions } from './sessions.ts';

export interface GuardOptions {
  readonly sessions: Sessions;
  /** Where the server is reached. */
  readonly publicUrl: string;
}

const READS = new Set(['GET', 'HEAD']);

/** What browsers are told with every answer of the console. */
const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** Refuses what was made to come here by a name that is not ours (DNS rebinding), before anything else. */
export async function ofOurHost(
  request: FastifyRequest,
  reply: FastifyReply,
  { publicUrl }: Pick<GuardOptions, 'publicUrl'>,
): Promise<FastifyReply | undefined> {
  reply.headers(HEADERS);
  return isOurHost(request.headers.host, publicUrl)
    ? undefined
    : refuse(reply, 421, 'otherHost', `The console is at ${publicUrl}: http.publicUrl of the configuration.`);
}

/** Refuses what a page that is not ours has sent. Browsers say so by themselves; programs that are none have no cookie to be lent. */
export async function ofOurPage(
  request: FastifyRequest,
  reply: FastifyReply,
  { publicUrl }: Pick<GuardOptions, 'publicUrl'>,
): Promise<FastifyReply | undefined> {
  const { origin, host } = request.headers;
  const site = request.headers['sec-fetch-site'] ?? 'same-origin';
  // `none`: typed by whoever sits there. Nobody types what changes something.
  const isNear = site === 'same-origin' || (site === 'none' && READS.has(request.method));
  const isSame = origin === undefined || isOurOrigin(origin, host, publicUrl);
  return isNear && isSame
    ? undefined
    : refuse(reply, 403, 'otherSite', 'Another page may not use the console.');
}

/** Refuses who is not signed in, and changes without the CSRF token; decorates the request with its session. */
export async function signedIn(
  request: FastifyRequest,
  reply: FastifyReply,
  options: GuardOptions,
): Promise<FastifyReply | undefined> {
  const token = cookieOf(request, cookieName(options.publicUrl, isSecure(request, options.publicUrl)));
  const session = token === undefined ? undefined : options.sessions.find(token);
  if (session === undefined) return refuse(reply, 401, 'notSignedIn', 'Sign in with the console’s secret.');
  if (!READS.has(request.method) && !session.allows(String(request.headers['x-csrf-token'] ?? '')))
    return refuse(reply, 403, 'csrf', 'The header x-csrf-token must have the csrfToken of the session.');
  request.setDecorator('session', session);
  return undefined;
}

/** Of a request that was let through `signedIn`. */
export function sessionOf(request: FastifyRequest): Session {
  return request.getDecorator<Session>('session');
}

/** The console's one shape of errors. */
export function refuse(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply.code(status).type('application/json').send({ error: { code, message } });
}

/** Sets the session's cookie; `undefined` takes it away. */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  publicUrl: string,
  token: string | undefined,
): FastifyReply {
  const secure = isSecure(request, publicUrl);
  const parts = [
    `${cookieName(publicUrl, secure)}=${token ?? ''}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Strict',
    ...(secure ? ['Secure'] : []),
    ...(token === undefined ? ['Max-Age=0'] : []),
  ];
  return reply.header('set-cookie', parts.join('; '));
}

/** The page's own origin, as the browser that asks has it; its Host was looked at before. `scheme`: `http` or `ws`. */
export function originOf(request: FastifyRequest, publicUrl: string, scheme: 'http' | 'ws' = 'http'): string {
  return `${scheme}${isSecure(request, publicUrl) ? 's' : ''}://${request.headers.host}`;
}

/** By TLS of our own, or of a proxy that speaks for us. */
function isSecure(request: FastifyRequest, publicUrl: string): boolean {
  return request.protocol === 'https' || new URL(publicUrl).protocol === 'https:';
}

/** Cookies know no ports: without one in its name, two servers on a machine would take each other's away. */
function cookieName(publicUrl: string, secure: boolean): string {
  if (secure) return '__Host-tonearm';
  return `tonearm-${new URL(publicUrl).port || '80'}`;
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=');
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** An address cannot be made to lead elsewhere, and `localhost` is the browser's own machine; any other name must be the public one. */
function isOurHost(host: string | undefined, publicUrl: string): boolean {
  if (host === undefined || !/^[\w.:[\]-]+$/.test(host)) return false;
  const url = URL.parse(`http://${host}`);
  if (url === null) return false;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return url.hostname === new URL(publicUrl).hostname || name === 'localhost' || isIP(name) !== 0;
}

function isOurOrigin(origin: string, host: string | undefined, publicUrl: string): boolean {
  const url = URL.parse(origin);
  return (
    url !== null &&
    (url.host === URL.parse(`http://${host}`)?.host || url.origin === new URL(publicUrl).origin)
  );
}
