/** A request to where a stranger's URL leads: looked up once, and connected to an address that the rules allow or to none. */
import { type Agent, request as askHttp, type IncomingMessage } from 'node:http';
import { request as askHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { mayConnect, notAllowed, type OutboundRules, type Reach } from './rules.ts';

/** Finds the addresses of a host; rejects when there are none. */
export type Resolve = (
  host: string,
) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** Whom it may reach. An address in the URL itself is judged by `admitUrl`. */
export interface Bounds {
  readonly rules: OutboundRules;
  readonly reach: Reach;
  readonly resolve: Resolve;
}

export interface OutboundRequest {
  readonly url: URL;
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /**
   * Of connections that nothing but requests with the same bounds go over; default: a connection of its own. A request that finds such a
   * connection closed by the other side is made once more, on a new one: it must be one that may come twice.
   */
  readonly agent?: Agent | undefined;
}

/** Informational answers (1xx) before the answer: one or two are usual, and more are somebody's game. */
const MOST_INFORMATIONAL = 8;

/**
 * Resolves with the status line and headers; redirects are not followed, and whoever gets the answer reads or destroys it. Rejects as
 * soon as `signal` aborts, which also breaks off the answer's body. An answer's headers are bounded by Node.js, at 16 kB.
 */
export function sendRequest(
  outbound: OutboundRequest,
  bounds: Bounds,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { url, method = 'GET', headers = {}, body, agent } = outbound;
  return new Promise((done, fail) => {
    const ask = url.protocol === 'https:' ? askHttps : askHttp;
    const own = { 'accept-encoding': 'identity', 'user-agent': 'tonearm' };
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = ask(url, {
      method,
      agent: agent ?? false,
      lookup: guardedLookup(bounds),
      headers: { ...own, ...headers, ...length },
      signal,
    });
    let informational = 0;
    request.on('information', () => {
      if (++informational > MOST_INFORMATIONAL) request.destroy(new Error('it answers 1xx without end'));
    });
    // Last of all, also where nothing was said before: one that switches protocols is closed without an error.
    request.on('close', () => fail(new Error('it closed the connection without an answer')));
    request.on('error', (error: NodeJS.ErrnoException) => {
      if (request.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted)
        done(sendRequest({ ...outbound, agent: undefined }, bounds, signal));
      else fail(error);
    });
    request.on('response', done).end(body);
  });
}

/** The body; `undefined` when it is longer than `maxBytes`: the connection is then closed. Rejects when it breaks off. */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isTooLong = Number(response.headers['content-length'] ?? 0) > maxBytes;
  if (!isTooLong) {
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      length += chunk.length;
      isTooLong = length > maxBytes;
      if (isTooLong) break;
      chunks.push(chunk);
    }
  }
  if (!isTooLong) return Buffer.concat(chunks, length);
  response.destroy();
  return undefined;
}

/** Refuses a host when one of its addresses is not allowed: a name that changes its address between two looks gains nothing. */
export function guardedLookup({ rules, reach, resolve }: Bounds): LookupFunction {
  return (host, options, callback) => {
    const refuse = (error: Error) => callback(error, '', 0);
    resolve(host).then((addresses) => {
      const first = addresses[0];
      const bad = addresses.find(({ address }) => !mayConnect(rules, reach, address));
      if (first === undefined) refuse(new Error(`${host} has no address`));
      else if (bad !== undefined) refuse(new Error(notAllowed(rules, host, bad.address)));
      else if (options.all) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    }, refuse);
  };
}

/** One look-up of a name at a time, whoever asks: the system's resolver does few at once, and one that is slow must not take all. */
export function sharedResolve(resolve: Resolve): Resolve {
  const underWay = new Map<string, ReturnType<Resolve>>();
  return (host) => {
    const begun = underWay.get(host);
    if (begun !== undefined) return begun;
    const looking = resolve(host).finally(() => underWay.delete(host));
    underWay.set(host, looking);
    return looking;
  };
}
