/** How a destination is reached: phone numbers through trunks, SIP URIs where they point to. Pure. */
import { parseSipUri, type SipUri } from '../wire/sip-uri.ts';
import type { Destination } from './model.ts';
import { withoutSeparators } from './party.ts';
import { fits, type Pattern, readPattern } from './pattern.ts';

/** A SIP provider or PBX that takes calls for phone numbers. */
export interface Trunk {
  readonly name: string;
  /** IP address or host name; an IPv6 address in brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly transport: 'udp' | 'tcp';
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** The user part of From when the bot names no other; `undefined`: `tonearm`. */
  readonly callerId: string | undefined;
  /** The host of From; `undefined`: our own address. */
  readonly domain: string | undefined;
  /** Patterns of the numbers that it takes; `*` stands for any run of characters. */
  readonly numbers: readonly string[];
}

/** What an INVITE is made of. */
export interface Dialling {
  readonly requestUri: string;
  readonly transport: 'udp' | 'tcp';
  readonly from: { readonly displayName: string | undefined; readonly user: string; readonly host?: string };
  readonly credentials: Trunk['credentials'];
}

export interface DialPlan {
  /** `callerId` is what the far end is to see; `name`, who calls when nothing else says so. */
  dial(target: Destination, callerId: Destination | undefined, name: string): Dialling | Unreachable;
  /**
   * A URI by which somebody else reaches the target, as in Contact and Refer-To. A number that no trunk takes is left to `host`, the
   * domain of whoever is to call it.
   */
  uriOf(target: Destination, host: string): string | Unreachable;
}

/** Why a target cannot be called, for the bot's author. */
export interface Unreachable {
  readonly why: string;
}

const OUR_USER = 'tonearm';

/**
 * The first trunk that takes a number is the one for it. `dialable`: patterns of the SIP URIs, without port and parameters, that may be called
 * directly.
 */
export function createDialPlan(trunks: readonly Trunk[], dialable: readonly string[] = ['sip:*']): DialPlan {
  const allowed = dialable.map(readPattern);
  const table = trunks.map((trunk) => ({ trunk, patterns: trunk.numbers.map(readPattern) }));
  const trunkFor = (number: string) =>
    table.find(({ patterns }) => patterns.some((pattern: Pattern) => fits(number, pattern)))?.trunk;
  const trunkAt = ({ host, port }: SipUri) =>
    trunks.find((trunk) => trunk.host === host && (trunk.port ?? 5060) === (port ?? 5060));

  const isDialable = (text: string) => {
    const uri = parseSipUri(text);
    const address = uri && `sip:${uri.user === undefined ? '' : `${uri.user}@`}${uri.host}`.toLowerCase();
    return address !== undefined && allowed.some((pattern) => fits(address, pattern));
  };

  const resolve = (target: Destination): { uri: string; trunk: Trunk | undefined } | Unreachable => {
    if (target.kind === 'user') {
      const uri = parseSipUri(target.id);
      const unfit = whyUnfit(uri, target.id);
      return unfit === undefined && uri !== undefined
        ? { uri: uri.text, trunk: trunkAt(uri) }
        : { why: unfit ?? '' };
    }
    const number = withoutSeparators(target.id);
    if (number === undefined) return { why: `"${target.id}" is no phone number: + and digits.` };
    const trunk = trunkFor(number);
    return trunk === undefined
      ? { why: `No trunk takes the number ${number}: trunks of the configuration say which numbers they do.` }
      : { uri: trunkUri(number, trunk), trunk };
  };

  return {
    dial(target, callerId, name) {
      const found = resolve(target);
      if ('why' in found) return found;
      const { uri, trunk } = found;
      if (trunk === undefined && !isDialable(uri))
        return { why: `"${uri}" may not be called: calls.dial of the configuration does not list it.` };
      const from = fromOf(callerId, trunk, name);
      if ('why' in from) return from;
      const transport = target.kind === 'user' ? transportOf(uri) : (trunk?.transport ?? 'udp');
      return { requestUri: uri, transport, from, credentials: trunk?.credentials };
    },
    uriOf(target, host) {
      const found = resolve(target);
      if (!('why' in found)) return found.uri;
      const number = target.kind === 'phone' ? withoutSeparators(target.id) : undefined;
      return number === undefined ? found : `sip:${number}@${host};user=phone`;
    },
  };
}

function trunkUri(number: string, { host, port, transport }: Trunk): string {
  const where = port === undefined ? host : `${host}:${port}`;
  return `sip:${number}@${where}${transport === 'tcp' ? ';transport=tcp' : ''}`;
}

function fromOf(
  callerId: Destination | undefined,
  trunk: Trunk | undefined,
  name: string,
): Dialling['from'] | Unreachable {
  const host = trunk?.domain === undefined ? {} : { host: trunk.domain };
  if (callerId === undefined) return { displayName: name, user: trunk?.callerId ?? OUR_USER, ...host };
  const { displayName } = callerId;
  if (callerId.kind === 'phone') {
    const user = withoutSeparators(callerId.id);
    return user === undefined
      ? { why: `"${callerId.id}" is no phone number: + and digits.` }
      : { displayName, user, ...host };
  }
  const uri = parseSipUri(callerId.id);
  return uri?.user === undefined
    ? { why: `"${callerId.id}" is no SIP URI with a user part.` }
    : { displayName, user: uri.user, host: uri.host };
}

function whyUnfit(uri: SipUri | undefined, text: string): string | undefined {
  if (uri === undefined || uri.scheme === 'tel') return `"${text}" is no sip: URI.`;
  if (uri.scheme === 'sips') return `"${text}": SIP over TLS is not served; sip: is.`;
  // Header fields in a URI would become part of our request (RFC 3261 §19.1.5).
  if (uri.text.includes('?')) return `"${text}" must not bring header fields.`;
  const { transport } = uri.parameters;
  return transport === undefined || /^(udp|tcp)$/i.test(transport)
    ? undefined
    : `"${text}": transport ${transport} is not served; udp and tcp are.`;
}

function transportOf(uri: string): 'udp' | 'tcp' {
  return /^tcp$/i.test(parseSipUri(uri)?.parameters.transport ?? '') ? 'tcp' : 'udp';
}
