/** Who is at the other end: From and To as parties (CONTRACT §2.1). */
import type { NameAddr, SipUri } from '../wire/sip-uri.ts';
import type { Party } from './model.ts';

export function partyOf({ displayName, uri }: NameAddr): Party {
  const number = phoneNumber(uri);
  return number === undefined
    ? { kind: 'user', id: withoutParameters(uri), displayName }
    : { kind: 'phone', id: number, displayName };
}

/** The number or URI that was dialled, as it stood in the Request-URI. */
export function dialledOf(uri: SipUri): string {
  return phoneNumber(uri) === undefined ? uri.text : userWithoutParameters(uri);
}

/** The user part without its separators when it is a phone number. */
export function phoneNumber(uri: SipUri): string | undefined {
  return withoutSeparators(userWithoutParameters(uri));
}

/** Separators (RFC 3966 §5.1.1) and digits, perhaps after a `+`. No digit stands in the first part: there is one way to read it, in linear time. */
const PHONE_NUMBER = /^\+?[-.() ]*\d[\d\-.() ]*$/;

/** Of a phone number the digits, perhaps after a `+`; `undefined`: it is none. */
export function withoutSeparators(text: string): string | undefined {
  return PHONE_NUMBER.test(text) ? text.replace(/[^+\d]/g, '') : undefined;
}

/** A number in a SIP URI may bring its tel parameters along: `+1425;phone-context=…@host` (RFC 3261 §19.1.6). */
function userWithoutParameters({ user }: SipUri): string {
  return (user ?? '').split(';', 1)[0] ?? '';
}

function withoutParameters({ text }: SipUri): string {
  // The user part has no bare `@`, but may have `;` and `?`.
  const host = text.indexOf('@') + 1;
  return text.slice(0, host) + text.slice(host).replace(/[;?].*$/s, '');
}
