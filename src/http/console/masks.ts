/** What the console must not show: credentials, in SIP, in HTTP and in JSON. Pure; on hostile text as fast as on any. */
import { MASK, maskedUrl } from '../../outbound/masked-url.ts';

/** Of a SIP message: digests, SRTP keys, ICE passwords, and passwords in URIs. */
export function maskedSip(text: string): string {
  return (
    text
      // A header may go on in the next lines (RFC 3261 §7.3.1).
      .replace(
        /^((?:proxy-)?authorization[ \t]*:[ \t]*[\w-]*)[^\r\n]*(?:(?:\r\n|\n|\r)[ \t][^\r\n]*)*/gim,
        `$1 ${MASK}`,
      )
      // RFC 4568 §9.1
      .replace(/^(a=crypto:(?:\d{1,9} [\w-]{1,64} )?).*$/gim, `$1${MASK}`)
      .replace(/^(a=ice-pwd:|a=key-mgmt:|k=).*$/gim, `$1${MASK}`)
      .replace(SIP_USER, withoutPassword)
  );
}

/** Of an HTTP request: `Bearer ***`, and no cookie. */
export function maskedHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    shown[name] = SECRET_HEADER.test(name) ? maskedCredentials(text) : text;
  }
  return shown;
}

/** A path with its query, whose secrets are masked. */
export function maskedPath(path: string): string {
  return path.replace(/([?&][^=&]{0,64}(?:token|secret|password|sig|signature|key)=)[^&]*/gi, `$1${MASK}`);
}

/** JSON in which tokens and secrets, and the queries of URLs, are masked: who has a signed URL has what it leads to. */
export function maskedJson(value: unknown): unknown {
  if (typeof value === 'string') return maskedText(value);
  if (Array.isArray(value)) return value.map(maskedJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      typeof member === 'string' && SECRET_MEMBER.test(name) ? MASK : maskedJson(member),
    ]),
  );
}

/** A text without the secrets of the URLs in it, HTTP's and SIP's: an error's message may have one that was sent. */
export function maskedText(text: string): string {
  return text.replace(HTTP_URL, maskedUrl).replace(SIP_USER, withoutPassword);
}

const HTTP_URL = /https?:\/\/[^\s"'<>]+/gi;
/** All of what could be one is taken at once: whatever the text, each character of it is looked at once. */
const SIP_USER = /sips?:[^@\s<>"]*@?/gi;
const SECRET_HEADER = /^(?:proxy-)?authorization$|cookie|token|secret|csrf|api-?key/i;
const SECRET_MEMBER = /token$|secret|password|authorization|^sig$|signature/i;

/** A SIP URI up to its host, or what is none. */
function withoutPassword(user: string): string {
  return user.replace(/^(sips?:[^:]*):.*@$/i, `$1:${MASK}@`);
}

/** The scheme stays. */
function maskedCredentials(text: string): string {
  const scheme = /^([\w-]{1,32}) /.exec(text)?.[1];
  return scheme === undefined ? MASK : `${scheme} ${MASK}`;
}
