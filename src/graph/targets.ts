/** Whom a bot wants called, or its call to go to: Graph's identity sets as destinations. */
import type { Destination } from '../call/model.ts';
import { withoutSeparators } from '../call/party.ts';
import { Refused } from './errors.ts';
import type { CreateBody, Participant } from './schemas.ts';

type IdentitySet = Participant['identity'];

const SIP_URI = /^sips?:\S+$/i;

/** `path` is that of `identity` in the body. Throws Refused. */
export function destinationOf(identity: IdentitySet, path: string): Destination {
  const destination = calledBy(identity, path);
  if (destination !== undefined) return destination;
  const given = Object.keys(identity)
    .filter((name) => !name.startsWith('@'))
    .join(', ')
    .slice(0, 80);
  throw new Refused(
    'badRequest',
    `${path} has ${given || 'nobody'}; it must have phone, with a phone number, or user, with a sip: URI: nobody else can be called.`,
  );
}

/** The number or address that the far end is to see. `undefined`: none is given; applications have none of their own. Throws Refused. */
export function callerIdOf(source: CreateBody['source']): Destination | undefined {
  const { identity } = source ?? {};
  if (identity === undefined) return undefined;
  const destination = calledBy(identity, '$.source.identity');
  const others = Object.keys(identity).filter(
    (name) => !/^(@.*|application|applicationInstance)$/.test(name),
  );
  return destination !== undefined || others.length === 0
    ? destination
    : destinationOf(identity, '$.source.identity');
}

function calledBy({ phone, user }: IdentitySet, path: string): Destination | undefined {
  const [kind, who] = phone !== undefined ? (['phone', phone] as const) : (['user', user] as const);
  if (who === undefined) return undefined;
  const { id = '', displayName } = who;
  if (withoutSeparators(id) !== undefined) return { kind: 'phone', id, displayName };
  if (kind === 'user' && SIP_URI.test(id)) return { kind, id, displayName };
  const rule = kind === 'phone' ? 'a phone number such as +14255550100' : 'a sip: URI, or a phone number';
  throw new Refused(
    'badRequest',
    `${path}.${kind}.id is ${id === '' ? 'missing' : JSON.stringify(id)}; it must be ${rule}.`,
  );
}
