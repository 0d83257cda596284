import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { APPLICATION } from '../../test/support/call-stage.ts';
import { directoryOf } from '../../test/support/directory.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { createRouter } from './routing.ts';

/** The applications' ids are their routes. */
function routeTo(uri: string, ...routes: string[]): string | undefined {
  const applications = routes.map((route) => ({ ...APPLICATION, id: route, routes: [route] }));
  const router = createRouter(directoryOf(applications));
  return router(parseSipUri(uri)!)?.id;
}

const fits: readonly [route: string, uri: string][] = [
  ['*', 'sip:anybody@anywhere'],
  ['*', 'sip:host.example'],
  ['sip:voicemail@*', 'sip:voicemail@10.0.0.1:5080;transport=tcp'],
  ['sip:voicemail@*', 'SIP:VoiceMail@Example.COM'],
  ['sip:voicemail@*', 'sips:voicemail@example.com'],
  ['voicemail', 'sip:voicemail@example.com'],
  ['voicemail@*', 'sip:voicemail@example.com'],
  ['SIP:*@Example.com', 'sip:x@example.com'],
  ['+1425*', 'sip:+1-425-555-0100@pbx;user=phone'],
  ['+1 (425) *', 'sip:+14255550100@pbx'],
  ['+14255550100', 'tel:+1-425-555-0100;phone-context=x'],
  ['+1425*', 'sip:+14255550100;phone-context=example.com@pbx'],
  ['tel:+1*', 'tel:+14255550100'],
  ['1001', 'sip:1001@pbx'],
  ['*a*b*', 'sip:xxaxxbxx@h'],
];
for (const [route, uri] of fits) {
  test(`${route} takes ${uri}`, () => assert.equal(routeTo(uri, route), route));
}

const misses: readonly [route: string, uri: string][] = [
  ['sip:voicemail@*', 'sip:voicemail2@example.com'],
  ['+1425*', 'sip:+14245550100@pbx'],
  ['+1425*', 'sip:14255550100@pbx'],
  ['voice', 'sip:voicemail@example.com'],
  ['aba*ba', 'sip:aba@h'],
  ['sips:x@*', 'sip:x@h'],
  ['', 'sip:x@h'],
];
for (const [route, uri] of misses) {
  test(`${route || 'an empty route'} does not take ${uri}`, () =>
    assert.equal(routeTo(uri, route), undefined));
}

test('the first that fits is taken, in the order of the configuration', () => {
  assert.equal(routeTo('sip:voicemail@h', 'x', 'voice*', '*', 'voicemail'), 'voice*');
});

test('a dot or a bracket in a route stands for itself', () => {
  assert.equal(routeTo('sip:a@exampleXcom', 'sip:a@example.com'), undefined);
  assert.equal(routeTo('sip:a@[2001:db8::1]', 'sip:a@[2001:db8::1]'), 'sip:a@[2001:db8::1]');
});

test('routes match as the regular expression they look like', () => {
  const piece = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
  const user = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(piece, user, (route, user) => {
      const expected = new RegExp(`^${route.replaceAll('*', '.*')}$`).test(user);
      assert.equal(routeTo(`sip:${user}@h`, `sip:${route}@h`) !== undefined, expected);
    }),
  );
});
