/** What an address is that the far end of a call names, in a Contact or in SDP, and whether where it speaks from makes that likely. */
import { BlockList, isIPv6 } from 'node:net';

/** What only this machine or its neighbours can be reached by. */
const HERE = listOf('127.0.0.0/8', '0.0.0.0/8', '169.254.0.0/16', '::/128', '::1/128', 'fe80::/10');
const PRIVATE = listOf('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7');
/** Where nobody is: groups, and all. */
const NOBODY = listOf('224.0.0.0/3', 'ff00::/8');

/** Whether it is of a group, of all, or of nobody. */
export function isNobody(address: string): boolean {
  return isIn(NOBODY, address);
}

/** Whether it leads to this machine or its link alone, while `source` is elsewhere. '': that is not known, and contradicts nothing. */
export function isOnlyHere(address: string, source: string): boolean {
  return source !== '' && address !== source && isIn(HERE, address) && !isIn(HERE, source);
}

/** Whether who speaks from `source` is not there: it is nobody's, only ours, or in a private network that `source` is not in. */
export function isUnlikely(address: string, source: string): boolean {
  if (isNobody(address) || isOnlyHere(address, source)) return true;
  if (address === source || isIn(HERE, source)) return false;
  return isIn(PRIVATE, address) && !isIn(PRIVATE, source);
}

/** IPv4 within IPv6 is taken for IPv4. */
function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function listOf(...networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    list.addSubnet(address, Number(bits), isIPv6(address) ? 'ipv6' : 'ipv4');
  }
  return list;
}
