/** Which application a call is for. */
import type { SipUri } from '../wire/sip-uri.ts';
import type { Application, ApplicationDirectory } from './application.ts';
import { phoneNumber } from './party.ts';
import { fits, type Pattern, readPattern } from './pattern.ts';

/**
 * Gives the first application, in the order of the configuration, of whose `routes` one fits the URI that was called.
 *
 * `*` in a route stands for any run of characters, case does not matter. A route is compared with the SIP URI without port and parameters
 * (`sip:voicemail@*`), with its user part (`voicemail`), and, a number, with the number called, both without separators (`+1 425 *`).
 */
export function createRouter(
  applications: Pick<ApplicationDirectory, 'all'>,
): (called: SipUri) => Application | undefined {
  let read: readonly Application[] | undefined;
  let table: readonly { readonly application: Application; readonly patterns: readonly Pattern[] }[] = [];
  return (called) => {
    const present = applications.all();
    if (present !== read) {
      table = present.map((application) => ({ application, patterns: application.routes.map(readPattern) }));
      read = present;
    }
    const spellings = spellingsOf(called);
    const fit = (pattern: Pattern) => spellings.some((spelling) => fits(spelling, pattern));
    return table.find(({ patterns }) => patterns.some(fit))?.application;
  };
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
