/** SIP and tel URIs and name-addrs (RFC 3261 §19.1, §20.10, §25; RFC 3966). No I/O; nothing here throws. */

export interface SipUri {
  readonly scheme: 'sip' | 'sips' | 'tel';
  /** Unescaped; the number for `tel`. `undefined`: no user part. */
  readonly user: string | undefined;
  /** Lower-case; an IPv6 reference keeps its brackets. Empty for `tel`. */
  readonly host: string;
  readonly port: number | undefined;
  /** Names lower-case; a parameter without a value has ''. */
  readonly parameters: Readonly<Record<string, string>>;
  /** As it stood on the wire. */
  readonly text: string;
}

export interface NameAddr {
  /** Unquoted; `undefined` when absent or empty. */
  readonly displayName: string | undefined;
  readonly uri: SipUri;
  /** Header parameters such as `tag`; names lower-case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** What never stands in a URI unescaped. */
const UNFIT = /[\s<>"\p{Cc}]/u;
const MAX_PARAMETERS = 64;
/** Parameter values that need no quotes; wider than RFC 3261's token and host, as senders are. Control characters are none. */
const PLAIN = /^[^\s;",<>\p{Cc}]+$/u;

/** `undefined`: not a URI of these three schemes, or malformed. */
export function parseSipUri(text: string): SipUri | undefined {
  const scheme = /^(sips?|tel):/i.exec(text)?.[1]?.toLowerCase() as SipUri['scheme'] | undefined;
  if (scheme === undefined || UNFIT.test(text)) return undefined;
  return scheme === 'tel' ? parseTel(text) : parseSip(scheme, text);
}

/** The text of a URI; what `parseSipUri` took is given back as it stood. */
export function formatSipUri(uri: SipUri): string {
  return uri.text;
}

/** The text without the header fields that may stand at its end, which make a request another one (RFC 3261 §19.1.5). */
export function withoutHeaderFields({ text }: SipUri): string {
  // The user part may hold '?', never '@'.
  const headers = text.indexOf('?', text.indexOf('@') + 1);
  return headers < 0 ? text : text.slice(0, headers);
}

/** The user part of a SIP URI, with what may not stand in it escaped (RFC 3261 §25.1). */
export function escapedUser(user: string): string {
  // encodeURIComponent throws on half a surrogate pair, and escapes all of user-unreserved.
  return encodeURIComponent(user.toWellFormed()).replace(/%(26|3D|2B|24|2C|3B|3F|2F)/g, (escaped) =>
    decodeURIComponent(escaped),
  );
}

/** A From, To, Contact, Route … value: name-addr or addr-spec, with header parameters. */
export function parseNameAddr(text: string): NameAddr | undefined {
  const bracket = openingBracket(text);
  if (bracket === undefined) {
    // RFC 3261 §20.10: without brackets, parameters after the URI are the header's.
    const semicolon = text.indexOf(';');
    const uri = parseSipUri((semicolon < 0 ? text : text.slice(0, semicolon)).trim());
    const parameters = parseParameters(semicolon < 0 ? '' : text.slice(semicolon));
    if (uri === undefined || parameters === undefined || uri.text.includes('?')) return undefined;
    return { displayName: undefined, uri, parameters };
  }
  const close = text.indexOf('>', bracket);
  if (close < 0) return undefined;
  const displayName = parseDisplayName(text.slice(0, bracket).trim());
  const uri = parseSipUri(text.slice(bracket + 1, close).trim());
  const parameters = parseParameters(text.slice(close + 1).trim());
  if (displayName === false || uri === undefined || parameters === undefined) return undefined;
  return { displayName: displayName === '' ? undefined : displayName, uri, parameters };
}

export function formatNameAddr(address: NameAddr): string {
  const name = address.displayName === undefined ? '' : `${quotedString(address.displayName)} `;
  return `${name}<${address.uri.text}>${formatParameters(address.parameters)}`;
}

/** `;a=b;c` to a record without a prototype; names lower-case, quotes taken off values. `undefined` when malformed. */
export function parseParameters(text: string): Record<string, string> | undefined {
  const parameters: Record<string, string> = Object.create(null);
  if (text === '') return parameters;
  const pattern = /\s*;\s*([\w\-.!%*+`'~[\]:/&$]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;",<>\p{Cc}]+))?\s*/suy;
  let at = 0;
  for (let count = 0; at < text.length; count++) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null || count >= MAX_PARAMETERS) return undefined;
    const value = found[2] ?? '';
    parameters[(found[1] ?? '').toLowerCase()] = value.startsWith('"') ? unquoted(value) : value;
    at = pattern.lastIndex;
  }
  return parameters;
}

/** `parseParameters` back to text; what is no plain value is quoted. */
export function formatParameters(parameters: Readonly<Record<string, string>>): string {
  let text = '';
  for (const [name, value] of Object.entries(parameters)) {
    if (value === '') text += `;${name}`;
    else text += `;${name}=${PLAIN.test(value) ? value : quotedString(value)}`;
  }
  return text;
}

function parseSip(scheme: 'sip' | 'sips', text: string): SipUri | undefined {
  const rest = text.slice(scheme.length + 1);
  // The user part may hold ';', '?' and '/', never '@' (RFC 3261 §25.1 user-unreserved).
  const at = rest.indexOf('@');
  const user = at < 0 ? undefined : unescaped(rest.slice(0, at).split(':', 1)[0] ?? '');
  if (at === 0 || (at > 0 && user === undefined)) return undefined;
  const found = /^(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9.])?)(?::(\d{1,5}))?(;[^?]*)?(\?.*)?$/i.exec(
    rest.slice(at + 1),
  );
  if (found === null) return undefined;
  const [, host = '', portText, parameterText = ''] = found;
  const port = portText === undefined ? undefined : Number(portText);
  const parameters = parseParameters(parameterText);
  if (parameters === undefined || (port !== undefined && (port > 65_535 || port === 0))) return undefined;
  return { scheme, user, host: host.toLowerCase(), port, parameters, text };
}

function parseTel(text: string): SipUri | undefined {
  const found = /^tel:(\+?[0-9a-f*#().-]+)(;.*)?$/i.exec(text);
  const parameters = found === null ? undefined : parseParameters(found[2] ?? '');
  if (found === null || parameters === undefined) return undefined;
  return { scheme: 'tel', user: found[1], host: '', port: undefined, parameters, text };
}

function unescaped(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    // Escapes of bytes that are no UTF-8 (RFC 4475 §3.1.1.3 allows any octet).
    return /%(?![0-9a-f]{2})/i.test(text)
      ? undefined
      : text.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  }
}

/** Position of the `<` that opens the URI: the first outside of a quoted display name. */
function openingBracket(text: string): number | undefined {
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (quoted && char === '\\') i++;
    else if (char === '"') quoted = !quoted;
    else if (char === '<' && !quoted) return i;
  }
  return undefined;
}

/** `false`: malformed. Tokens without quotes are taken with their spaces. */
function parseDisplayName(text: string): string | false {
  if (text.startsWith('"')) return /^"(?:[^"\\]|\\.)*"$/s.test(text) && unquoted(text);
  return /[",;@<>]/.test(text) ? false : text;
}

/** The text of a quoted-string (RFC 3261 §25.1). */
export function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gs, '$1');
}

/** A quoted-string (RFC 3261 §25.1). */
export function quotedString(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
