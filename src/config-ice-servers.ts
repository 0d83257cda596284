/**
 * The STUN and TURN servers of `webrtc.iceServers`. They matter to browsers alone: the server's side is ICE-lite, has one address, and asks
 * nobody for another.
 */
import { createHmac } from 'node:crypto';
import { BadValue, type Reader } from './config-values.ts';
import type { IceServer } from './http/console/wire.ts';

/** As it is configured; `secret`: shared with the TURN server, which takes the credentials that it makes. */
export type ConfiguredIceServer = IceServer | { readonly urls: string; readonly secret: string };

/** How long credentials made of a secret are good: what the scheme's draft advises. */
const LIFETIME_S = 86_400;

/** Reads one. */
export const iceServer: Reader<ConfiguredIceServer> = (value) => {
  const [urls = '', ...login] = typeof value === 'string' ? value.trim().split(/\s+/) : [];
  if (/^stuns?:[^\s?]+$/.test(urls) && login.length === 0) return { urls };
  if (/^turns?:[^\s?]+(\?transport=(udp|tcp))?$/.test(urls)) {
    const [first = '', credential] = login;
    const secret = /^secret=(.+)$/.exec(first)?.[1];
    if (login.length === 1 && secret !== undefined) return { urls, secret };
    if (login.length === 2 && credential !== undefined) return { urls, username: first, credential };
  }
  throw new BadValue(
    'stun:host:port, or turn:host:port followed by user and password, or by secret=…, with blanks between',
  );
};

/**
 * What a page is given now. A TURN server with a secret gets credentials of a day (draft-uberti-behave-turn-rest-00 §2.2): the
 * time at which they end, and the HMAC that shows that we said so.
 *
 * @param now milliseconds since the epoch
 */
export function iceServersFor(
  configured: readonly ConfiguredIceServer[] | undefined,
  now: number,
): readonly IceServer[] {
  return (configured ?? []).map((server) => {
    if (!('secret' in server)) return server;
    const username = `${Math.floor(now / 1000) + LIFETIME_S}:tonearm`;
    const credential = createHmac('sha1', server.secret).update(username).digest('base64');
    return { urls: server.urls, username, credential };
  });
}
