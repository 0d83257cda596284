/** Where a request of a dialog goes: the part of RFC 3263 that a server behind trunks and softphones needs. */
import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { parseSipUri } from '../wire/sip-uri.ts';
import type { Peer } from './transport.ts';

const PRIVATE = new BlockList();
PRIVATE.addSubnet('10.0.0.0', 8);
PRIVATE.addSubnet('172.16.0.0', 12);
PRIVATE.addSubnet('192.168.0.0', 16);
PRIVATE.addSubnet('100.64.0.0', 10);
PRIVATE.addSubnet('169.254.0.0', 16);

/**
 * The peer of a URI. `via` is where the dialog's messages came from: over TCP its connection serves while it lasts, and a private address that the
 * source contradicts is a phone behind NAT, which is reached where it came from. `undefined`: the name is not known.
 */
export async function locate(uri: string, via: Peer): Promise<Peer | undefined> {
  // RFC 7118 §5: a browser's Contact is a name that does not exist (`.invalid`); its connection is all there is.
  if (via.transport === 'ws') return via;
  const target = parseSipUri(uri);
  if (target === undefined || target.host === '') return undefined;
  const host = target.host.startsWith('[') ? target.host.slice(1, -1) : target.host;
  const address = isIP(host) !== 0 ? host : (await lookup(host).catch(() => undefined))?.address;
  if (address === undefined) return undefined;
  const behindNat =
    address !== via.address && isIP(address) === 4 && PRIVATE.check(address) && !isPrivate(via.address);
  if (behindNat) return via;
  return { ...via, address, port: target.port ?? 5060 };
}

function isPrivate(address: string): boolean {
  return isIP(address) !== 4 || PRIVATE.check(address);
}
