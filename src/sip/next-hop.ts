/** Where a request of a dialog goes: the part of RFC 3263 that a server behind trunks and softphones needs. */
import { lookup, Resolver } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { isUnlikely } from '../outbound/named-address.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import type { Peer } from './transport.ts';

const NAME_PATIENCE_MS = 2000;

/**
 * The peer of a URI. `via` is where the dialog's messages came from, with address '' for a call that is only being placed: over TCP its connection serves
 * while it lasts. What the far end of a dialog names is only followed where its own address makes it likely: a private address that
 * the source contradicts is a phone behind NAT, this machine's own and such as nobody has are a mistake or an attack, and a name that
 * is not known leads nowhere; all of these are reached where they came from. `undefined`: nowhere.
 *
 * @param resolve gives an address of a name, `undefined` when there is none
 */
export async function locate(
  uri: string,
  via: Peer,
  resolve: typeof resolveName = resolveName,
): Promise<Peer | undefined> {
  // RFC 7118 §5: a browser's Contact is a name that does not exist (`.invalid`); its connection is all there is.
  if (via.transport === 'ws') return via;
  const target = parseSipUri(uri);
  if (target === undefined || target.host === '') return undefined;
  const host = target.host.startsWith('[') ? target.host.slice(1, -1) : target.host;
  const isNew = via.address === '';
  const address = isIP(host) !== 0 ? host : await (isNew ? lookUp(host) : resolve(host, isIPv6(via.address)));
  if (!isNew && (address === undefined || isUnlikely(address, via.address))) return via;
  return address === undefined ? undefined : { ...via, address, port: target.port ?? 5060 };
}

/** As the system does, for names that our own configuration and bots give. */
async function lookUp(host: string): Promise<string | undefined> {
  return (await lookup(host).catch(() => undefined))?.address;
}

/**
 * For names that strangers give: not as the system does, which holds one of the four threads that all files are read and written by, for as long as it
 * takes a name server of the stranger's choice to answer.
 */
export async function resolveName(host: string, wantsIPv6: boolean): Promise<string | undefined> {
  const resolver = new Resolver({ timeout: NAME_PATIENCE_MS, tries: 1 });
  const found = wantsIPv6 ? resolver.resolve6(host) : resolver.resolve4(host);
  return (await found.catch(() => []))[0];
}
