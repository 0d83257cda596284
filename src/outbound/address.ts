/** What an IP address is, as far as it matters to whoever connects to one that somebody else named. */
import { BlockList, isIP } from 'node:net';

type Ranges = readonly (readonly [network: string, prefix: number])[];

/** Special-purpose IPv4 ranges (RFC 6890 and the IANA registry that it founded), multicast and what is reserved. */
const SPECIAL_IPV4: Ranges = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private, RFC 1918
  ['100.64.0.0', 10], // carrier-grade NAT, RFC 6598
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, and the metadata services of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks, RFC 2544
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
];

/** Of global unicast, 2000::/3, what is not: the ranges that tunnel IPv4 or are set aside. */
const SPECIAL_IPV6: Ranges = [
  ['2001::', 23], // protocol assignments, Teredo among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: any IPv4 address, in disguise
  ['3fff::', 20], // documentation
];

const LOOPBACK_IPV4: Ranges = [['127.0.0.0', 8]];
const LOOPBACK_IPV6: Ranges = [['::1', 128]];

/** Where a bot of one's own may well stand. Link-local addresses are not among them: clouds serve their secrets there. */
const PRIVATE_IPV4: Ranges = [
  ...LOOPBACK_IPV4,
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
];
const PRIVATE_IPV6: Ranges = [...LOOPBACK_IPV6, ['fc00::', 7]]; // unique local, RFC 4193

const isSpecial = checker(SPECIAL_IPV4, SPECIAL_IPV6);
const isGlobalIpv6 = checker([], [['2000::', 3]]);

/**
 * Whether an IP address is one of the public internet, and so not a way into the network that the server stands in. IPv4 within
 * IPv6 (`::ffff:10.0.0.1`, NAT64, 6to4) never is.
 */
export function isPublicAddress(address: string): boolean {
  const isGlobal = isIP(address) === 4 || isGlobalIpv6(address);
  return isGlobal && !isSpecial(address);
}

/** Whether an address is on this machine or a private network; one that is link-local, or IPv4 within IPv6, is not. */
export const isPrivateAddress = checker(PRIVATE_IPV4, PRIVATE_IPV6);

/** Whether an address is this machine's own and nobody else's. */
export const isLoopbackAddress = checker(LOOPBACK_IPV4, LOOPBACK_IPV6);

/** A list for each family: one for both takes IPv4 within IPv6 for IPv4. What is no address, or has a zone, is in none. */
function checker(ipv4: Ranges, ipv6: Ranges): (address: string) => boolean {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const [network, prefix] of ipv4) lists.ipv4.addSubnet(network, prefix, 'ipv4');
  for (const [network, prefix] of ipv6) lists.ipv6.addSubnet(network, prefix, 'ipv6');
  return (address) => {
    const family = isIP(address);
    if (family === 0 || address.includes('%')) return false;
    return family === 4 ? lists.ipv4.check(address, 'ipv4') : lists.ipv6.check(address, 'ipv6');
  };
}
