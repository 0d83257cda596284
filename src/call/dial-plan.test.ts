import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TRUNK } from '../../test/support/call-stage.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { createDialPlan } from './dial-plan.ts';
import type { Destination } from './model.ts';

const local = {
  ...TRUNK,
  name: 'pbx',
  host: '10.0.0.5',
  port: undefined,
  transport: 'udp',
  numbers: ['3*'],
} as const;
const plan = createDialPlan([TRUNK, local]);
const phone = (id: string): Destination => ({ kind: 'phone', id, displayName: undefined });
const user = (id: string): Destination => ({ kind: 'user', id, displayName: undefined });
const dial = (target: Destination, callerId?: Destination) => plan.dial(target, callerId, 'Survey');
const why = (target: Destination) => {
  const found = dial(target);
  return 'why' in found ? found.why : 'reachable';
};

test('a number goes to the first trunk that takes it, with its credentials and caller id', () => {
  assert.deepEqual(dial(phone('+1 (425) 555-0100')), {
    requestUri: 'sip:+14255550100@sip.provider.example:5070;transport=tcp',
    transport: 'tcp',
    from: { displayName: 'Survey', user: '+14255550199', host: 'tonearm.example' },
    credentials: TRUNK.credentials,
  });
  const pbx = dial(phone('3001'));
  assert.equal('requestUri' in pbx && pbx.requestUri, 'sip:3001@10.0.0.5');
});

test('a SIP URI is called where it points to; one at a trunk, with that trunk’s credentials', () => {
  assert.deepEqual(dial(user('sip:bob@phones.example;transport=TCP')), {
    requestUri: 'sip:bob@phones.example;transport=TCP',
    transport: 'tcp',
    from: { displayName: 'Survey', user: 'tonearm' },
    credentials: undefined,
  });
  const known = dial(user('sip:operator@10.0.0.5:5060'));
  assert.deepEqual('credentials' in known && known.credentials, TRUNK.credentials);
});

test('the bot may say who calls: a number, or a SIP URI with its domain', () => {
  const number = dial(phone('+12065550100'), { kind: 'phone', id: '+1 206 555 0111', displayName: 'Clinic' });
  assert.deepEqual('from' in number && number.from, {
    displayName: 'Clinic',
    user: '+12065550111',
    host: 'tonearm.example',
  });
  const uri = dial(phone('+12065550100'), user('sip:desk@clinic.example'));
  assert.deepEqual('from' in uri && uri.from, {
    displayName: undefined,
    user: 'desk',
    host: 'clinic.example',
  });
});

test('what cannot be reached is told with what would be right', () => {
  assert.match(why(phone('+4930123456')), /No trunk takes the number \+4930123456/);
  assert.match(why(phone('call me')), /no phone number/);
  assert.match(why(phone('+1425;ext=3')), /no phone number/);
  assert.match(why(user('bob')), /no sip: URI/);
  assert.match(why(user('tel:+14255550100')), /no sip: URI/);
  assert.match(why(user('sips:bob@phones.example')), /TLS is not served/);
  assert.match(why(user('sip:bob@phones.example;transport=ws')), /udp and tcp are/);
  assert.match(why(user('sip:bob@phones.example?Subject=x')), /header fields/);
});

test('only the SIP URIs that the configuration lists may be called, and those at a trunk', () => {
  const strict = createDialPlan([TRUNK], ['sip:*@PBX.example', 'sip:echo@10.0.0.1']);
  const may = (id: string) => !('why' in strict.dial(user(id), undefined, 'Survey'));
  assert.deepEqual(
    [
      'sip:bob@pbx.example',
      'sip:Bob@pbx.example:5080;transport=tcp',
      'sip:ECHO@10.0.0.1',
      'sip:operator@sip.provider.example:5070',
      'sip:bob@pbx.example.evil',
      'sip:pbx.example',
      'sip:other@10.0.0.1',
      'sip:bob%40pbx.example@evil.example',
    ].map(may),
    [true, true, true, true, false, false, false, false],
  );
  const none = createDialPlan([], []);
  assert.ok('why' in none.dial(user('sip:bob@pbx.example'), undefined, 'Survey'));
});

test('for somebody else to call, a number that no trunk takes is left to their domain', () => {
  assert.equal(
    plan.uriOf(phone('+4930123456'), 'caller.example'),
    'sip:+4930123456@caller.example;user=phone',
  );
  assert.equal(
    plan.uriOf(phone('+14255550100'), 'caller.example'),
    'sip:+14255550100@sip.provider.example:5070;transport=tcp',
  );
  assert.equal(plan.uriOf(user('sip:bob@phones.example'), 'caller.example'), 'sip:bob@phones.example');
  assert.ok(typeof plan.uriOf(user('bob'), 'caller.example') !== 'string');
});

test('whatever is to be called, the result is a SIP URI without headers, or a reason', () => {
  const kinds = fc.constantFrom('phone', 'user') as fc.Arbitrary<Destination['kind']>;
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((text) => `sip:${text}@host`),
    fc.string().map((text) => `+1${text}`),
  );
  fc.assert(
    fc.property(kinds, texts, (kind, id) => {
      const found = plan.dial({ kind, id, displayName: undefined }, undefined, 'name');
      if ('why' in found) return found.why.length > 0;
      return parseSipUri(found.requestUri) !== undefined && !/[\r\n?]/.test(found.requestUri);
    }),
  );
});
