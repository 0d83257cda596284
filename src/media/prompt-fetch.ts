/**
 * Fetches a prompt as far as the rules let it. A bot chooses the URI, so it is a stranger's: every hop is asked about, and a
 * host that only a scheme allows is connected to at public addresses alone, looked at when connecting, not before.
 */
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Clock } from '../clock.ts';
import { reasonOf } from '../errors.ts';
import { type Fetched, readPromptFile } from './prompt-file.ts';
import { admitUrl, type PromptRules } from './prompt-rules.ts';
import { isPublicAddress } from './public-address.ts';

/** Finds the addresses of a host; rejects when there are none. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

export interface FetchLimits {
  readonly rules: PromptRules;
  /** For all of it: looking up, connecting, every hop, the last byte. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly resolve: Resolve;
}

const MAX_REDIRECTS = 3;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Fetches the bytes behind a prompt's URI. Never rejects. */
export async function fetchPrompt(uri: string, limits: FetchLimits): Promise<Fetched> {
  const scheme = /^([a-z][a-z0-9+.-]*:)/i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === 'file:') return readPromptFile(uri, limits.rules, limits.maxBytes);
  if ((scheme !== 'https:' && scheme !== 'http:') || !URL.canParse(uri))
    return { ok: false, message: 'it is not a URI that can be fetched: https:, http: and file: can' };
  const controller = new AbortController();
  const timer = limits.clock.after(limits.timeoutMs, () => controller.abort());
  try {
    return await follow(new URL(uri), limits, controller.signal);
  } catch (error) {
    if (controller.signal.aborted)
      return { ok: false, message: `it did not arrive within ${limits.timeoutMs / 1000} s` };
    return { ok: false, message: explain(error) };
  } finally {
    timer.cancel();
  }
}

async function follow(first: URL, limits: FetchLimits, signal: AbortSignal): Promise<Fetched> {
  let url = first;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const about = hop === 0 ? '' : `it was redirected to ${shortened(url)}: `;
    const admission = admitUrl(limits.rules, url);
    if (!admission.ok) return { ok: false, message: about + admission.message };
    const host = url.hostname.replace(/^\[|\]$/g, '');
    // An address in the URL is connected to without a look-up.
    if (!admission.anyAddress && isIP(host) !== 0 && !isPublicAddress(host))
      return { ok: false, message: about + notPublic(host, host) };
    const response = await request(url, admission.anyAddress, limits.resolve, signal);
    const location = response.headers.location;
    if (!REDIRECTS.has(response.statusCode ?? 0) || location === undefined)
      return receive(response, limits, about);
    response.destroy();
    if (!URL.canParse(location, url.href)) return { ok: false, message: `${about}it redirects to nowhere` };
    url = new URL(location, url);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      return { ok: false, message: `it is redirected to ${url.protocol}, which is not followed` };
  }
  return { ok: false, message: `it is redirected more than ${MAX_REDIRECTS} times` };
}

function request(
  url: URL,
  anyAddress: boolean,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((done, fail) => {
    const options = {
      // A connection of its own: one that is kept open might be one that other rules allowed.
      agent: false,
      lookup: guardedLookup(resolve, anyAddress),
      headers: { accept: 'audio/wav, audio/*;q=0.5', 'accept-encoding': 'identity', 'user-agent': 'tonearm' },
      signal,
    } as const;
    (url.protocol === 'https:' ? getHttps : getHttp)(url, options, done).on('error', fail);
  });
}

/** Refuses a host when one of its addresses is not public: a name that changes its address between two looks gains nothing. */
function guardedLookup(resolve: Resolve, anyAddress: boolean): LookupFunction {
  return (host, options, callback) => {
    const refuse = (error: Error) => callback(error, '', 0);
    resolve(host).then((addresses) => {
      const first = addresses[0];
      const bad = anyAddress ? undefined : addresses.find(({ address }) => !isPublicAddress(address));
      if (first === undefined) refuse(new Error(`${host} has no address`));
      else if (bad !== undefined) refuse(new Error(notPublic(host, bad.address)));
      else if (options.all) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    }, refuse);
  };
}

async function receive(
  response: IncomingMessage,
  { maxBytes }: FetchLimits,
  about: string,
): Promise<Fetched> {
  const no = (message: string): Fetched => {
    response.destroy();
    return { ok: false, message: about + message };
  };
  if (response.statusCode !== 200) return no(`its server answered ${response.statusCode}`);
  const encoding = response.headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    return no(`its server sent it compressed (${encoding}) without being asked to`);
  const tooLong = `it is longer than the limit of ${maxBytes} bytes`;
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) return no(tooLong);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > maxBytes) return no(tooLong);
    chunks.push(chunk);
  }
  return { ok: true, bytes: Buffer.concat(chunks, length) };
}

function notPublic(host: string, address: string): string {
  const named = host.includes(':') ? `[${host}]` : host;
  const which = host === address ? address : `${host} has the address ${address}, which`;
  return `${which} is not a public address: such a host has to be named in prompts.allow ("http://${named}/")`;
}

/** In words, what kept it from arriving. */
function explain(error: unknown): string {
  const cause = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'its host cannot be found';
  if (code === 'ECONNREFUSED') return 'its server refuses connections';
  if (code === 'ECONNRESET') return 'its server closed the connection before it was there in full';
  return `it cannot be fetched: ${reasonOf(cause)}`;
}

/** Without what may be secret in it: credentials and the query. */
function shortened(url: URL): string {
  return `${url.origin}${url.pathname}`.slice(0, 200);
}
