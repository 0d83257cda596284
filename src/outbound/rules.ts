/**
 * What a setting lets the server reach at addresses that a bot names. The host is judged by its name here; the address that it turns
 * out to have is judged when connecting, by `mayConnect` (request.ts), and nowhere before.
 */
import { BlockList, isIP } from 'node:net';
import { isPrivateAddress, isPublicAddress } from './address.ts';

/** One entry of a list such as `prompts.allow`. */
export type Entry =
  /** Every public host. */
  | { readonly kind: 'scheme'; readonly protocol: string }
  /** A host, or with `*.` before it all below it, and the beginning of a path. */
  | { readonly kind: 'place'; readonly place: Place }
  /** Addresses that are as good as public ones. */
  | { readonly kind: 'network'; readonly network: Network };

export interface Place {
  /** Of the URL that the entry is. A host that begins with `*.` stands for all below it, which have to be public. */
  readonly url: URL;
  readonly below: boolean;
}

export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

export interface OutboundRules {
  /** Its name, for messages. */
  readonly setting: string;
  readonly schemes: ReadonlySet<string>;
  readonly places: readonly Place[];
  readonly networks: BlockList;
}

/**
 * Which addresses a host may have besides those of the listed networks: public ones; private ones too, because an entry names it; any,
 * because an entry is this very address.
 */
export type Reach = 'public' | 'private' | 'any';

export type Admission =
  | { readonly ok: true; readonly reach: Reach }
  /** Goes on from "the URL …: ". */
  | { readonly ok: false; readonly message: string };

/** Ports of other protocols, that browsers will not ask either (Fetch standard, "bad port"). */
const BAD_PORTS: ReadonlySet<number> = new Set([
  ...[1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95],
  ...[101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179],
  ...[389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587],
  ...[601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061],
  ...[6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080],
]);

/** What an entry says, or why it says nothing. */
export function readEntry(text: string): Entry | { readonly kind: 'invalid'; readonly why: string } {
  if (text === 'https:' || text === 'http:') return { kind: 'scheme', protocol: text };
  if (/^https?:\/\//i.test(text)) return readPlace(text);
  const network = readNetwork(text);
  if (network !== undefined) return { kind: 'network', network };
  return invalid('it is neither a scheme (https:, http:), nor a URL, nor a network (10.1.0.0/16)');
}

export function outboundRules(setting: string, entries: readonly Entry[]): OutboundRules {
  const networks = new BlockList();
  for (const entry of entries)
    if (entry.kind === 'network')
      networks.addSubnet(entry.network.address, entry.network.prefix, entry.network.family);
  return {
    setting,
    schemes: new Set(entries.flatMap((entry) => (entry.kind === 'scheme' ? [entry.protocol] : []))),
    places: entries.flatMap((entry) => (entry.kind === 'place' ? [entry.place] : [])),
    networks,
  };
}

/** Whether an `https:` or `http:` URL may be asked, as far as its text tells. */
export function admitUrl(rules: OutboundRules, url: URL): Admission {
  if (url.username !== '' || url.password !== '')
    return no('it holds a user name or a password, which are not sent');
  const host = hostOf(url);
  const within = rules.places.filter((place) => isWithin(url, place));
  if (within.some(({ below }) => !below)) return { ok: true, reach: isIP(host) === 0 ? 'private' : 'any' };
  if (within.length === 0 && !rules.schemes.has(url.protocol)) {
    return no(
      `it is not allowed here: ${rules.setting} lists neither "${url.protocol}" nor "${url.origin}/"`,
    );
  }
  if (BAD_PORTS.has(Number(url.port || 0)))
    return no(`port ${url.port} is another protocol’s: ${rules.setting} has to list "${url.origin}/" for it`);
  // An address in the URL is connected to without a look-up.
  if (isIP(host) !== 0 && !mayConnect(rules, 'public', host)) return no(notAllowed(rules, host, host));
  return { ok: true, reach: 'public' };
}

/** Whether a host that may be asked may be so at this address. */
export function mayConnect({ networks }: OutboundRules, reach: Reach, address: string): boolean {
  const family = isIP(address);
  if (family === 0) return false;
  if (reach === 'any' || isPublicAddress(address)) return true;
  if (reach === 'private' && isPrivateAddress(address)) return true;
  return !address.includes('%') && networks.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Why a host is not connected to at an address. */
export function notAllowed({ setting }: OutboundRules, host: string, address: string): string {
  const named = host.includes(':') ? `[${host}]` : host;
  const which = host === address ? address : `${host} has the address ${address}, which`;
  return `${which} is not a public address: such a host has to be named in ${setting} ("http://${named}/")`;
}

/** The host as resolvers and sockets want it: IPv6 without brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

function readPlace(text: string): ReturnType<typeof readEntry> {
  if (!URL.canParse(text)) return invalid('it is not a URL');
  const url = new URL(text);
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '')
    return invalid('only a scheme, a host, a port and the beginning of a path can be named');
  const below = url.hostname.startsWith('*.');
  if (url.hostname.includes('*', below ? 1 : 0))
    return invalid('a host pattern is "*." and a name, such as https://*.example.com/');
  return { kind: 'place', place: { url, below } };
}

function readNetwork(text: string): Network | undefined {
  const [address = '', length, ...more] = text.split('/');
  const family = isIP(address);
  const longest = family === 4 ? 32 : 128;
  const prefix = length === undefined ? longest : /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (family === 0 || address.includes('%') || more.length > 0 || !(prefix <= longest)) return undefined;
  return { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' };
}

function isWithin(url: URL, { url: place, below }: Place): boolean {
  if (url.protocol !== place.protocol || url.port !== place.port) return false;
  const host = below ? url.hostname.endsWith(place.hostname.slice(1)) : url.hostname === place.hostname;
  if (!host) return false;
  if (place.pathname === '/') return true;
  // An encoded slash or backslash may mean a step out of the folder to the server behind it.
  if (/%2f|%5c/i.test(url.pathname)) return false;
  const folder = place.pathname.endsWith('/') ? place.pathname : `${place.pathname}/`;
  return url.pathname === place.pathname || url.pathname.startsWith(folder);
}

function invalid(why: string): { readonly kind: 'invalid'; readonly why: string } {
  return { kind: 'invalid', why };
}

function no(message: string): Admission {
  return { ok: false, message };
}
