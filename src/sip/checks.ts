/** The checks of RFC 3261 §8.2 that need no dialog. Pure. */
import { header, headerList, type SipRequest } from '../wire/sip-message.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { contactOf } from './dialog-state.ts';
import { ALLOW, type ResponseParts } from './messages.ts';

const METHODS = new Set(ALLOW.split(', '));

/** The refusal that a request earns, or nothing when it is one to act on. */
export function refusalOf(
  request: SipRequest,
): { readonly status: number; readonly parts?: ResponseParts } | undefined {
  if (!METHODS.has(request.method)) return { status: 405, parts: { headers: { Allow: ALLOW } } };
  if (parseSipUri(request.uri) === undefined) {
    const strange = /^[a-z][a-z0-9+.-]*:/i.test(request.uri) && !/^(sips?|tel):/i.test(request.uri);
    return strange ? { status: 416 } : { status: 400, parts: { reason: 'Bad Request-URI' } };
  }
  if (header(request, 'max-forwards') === '0' && request.method !== 'OPTIONS') return { status: 483 };
  const required = headerList(request, 'require');
  // §8.2.2.3: Require is not looked at in CANCEL and ACK.
  if (required.length > 0 && request.method !== 'CANCEL')
    return { status: 420, parts: { headers: { Unsupported: required.join(', ') } } };
  if (request.body.length > 0 && (request.method === 'INVITE' || request.method === 'UPDATE')) {
    const type = header(request, 'content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/sdp') return { status: 415, parts: { headers: { Accept: 'application/sdp' } } };
    const encoding = header(request, 'content-encoding')?.toLowerCase();
    if (encoding !== undefined && encoding !== 'identity')
      return { status: 415, parts: { headers: { 'Accept-Encoding': 'identity' } } };
  }
  if (request.method === 'INVITE' && contactOf(request) === undefined)
    return { status: 400, parts: { reason: 'No usable Contact' } };
  return undefined;
}
