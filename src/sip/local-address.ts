import { BlockList, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Peer, Transport } from './transport.ts';

/** The address that a peer reaches us at: `listening` itself, or for a wildcard the interface in the peer's network, else the first outward one. */
export function facing(listening: string, peer: string): string {
  if (listening !== '0.0.0.0' && listening !== '::') return listening;
  const family = isIPv6(peer) ? 'IPv6' : 'IPv4';
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((one) => one.family === family);
  const sameNetwork = own.find((one) => {
    const network = new BlockList();
    network.addSubnet(
      one.address,
      Number(one.cidr?.split('/')[1] ?? 32),
      family === 'IPv6' ? 'ipv6' : 'ipv4',
    );
    return network.check(peer, family === 'IPv6' ? 'ipv6' : 'ipv4');
  });
  return (sameNetwork ?? own.find((one) => !one.internal) ?? own[0])?.address ?? listening;
}

/** An address as the host of a URI or a Via: IPv6 in brackets. */
export function hostOf(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Our Contact, as this peer reaches us. */
export function contactFor(transport: Transport, peer: Peer): string {
  const { address, port } = transport.localAddress(peer);
  return `<sip:tonearm@${hostOf(address)}:${port}${peer.transport === 'udp' ? '' : `;transport=${peer.transport}`}>`;
}
