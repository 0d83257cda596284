/** Which application a call is for. */
import type { SipUri } from '../wire/sip-uri.ts';
import type { Application } from './application.ts';
import { phoneNumber } from './party.ts';

/**
 * Gives the first application, in the order of the configuration, of whose `routes` one fits the URI that was called.
 *
 * `*` in a route stands for any run of characters, case does not matter. A route is compared with the SIP URI without port and parameters
 * (`sip:voicemail@*`), with its user part (`voicemail`), and, a number, with the number called, both without separators (`+1 425 *`).
 */
export function createRouter(
  applications: readonly Application[],
): (called: SipUri) => Application | undefined {
  const table = applications.map((application) => ({
    application,
    patterns: application.routes.map(readPattern),
  }));
  return (called) => {
    const spellings = spellingsOf(called);
    const fits = (pattern: readonly string[]) => spellings.some((spelling) => matches(spelling, pattern));
    return table.find(({ patterns }) => patterns.some(fits))?.application;
  };
}

/** The pieces between the stars, in lower case. */
function readPattern(route: string): readonly string[] {
  const isNumber = /^[+*\d\-.() ]*\d[+*\d\-.() ]*$/.test(route);
  return (isNumber ? route.replace(/[-.() ]/g, '') : route.trim().toLowerCase()).split('*');
}

function spellingsOf(uri: SipUri): readonly string[] {
  const user = uri.user?.toLowerCase() ?? '';
  const address = uri.scheme === 'tel' ? user : user === '' ? uri.host : `${user}@${uri.host}`;
  const spellings = [`${uri.scheme}:${address}`, address, user];
  // A secured call reaches what an unsecured one does.
  if (uri.scheme === 'sips') spellings.push(`sip:${address}`);
  const number = phoneNumber(uri);
  if (number !== undefined) spellings.push(number);
  return spellings;
}

/** Linear in both lengths, whatever is called: no backtracking. */
function matches(text: string, pieces: readonly string[]): boolean {
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (pieces.length === 1) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length)
    return false;
  let from = first.length;
  const until = text.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const at = text.indexOf(piece, from);
    if (at < 0 || at + piece.length > until) return false;
    from = at + piece.length;
  }
  return true;
}
