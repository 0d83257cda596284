import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fragmentOf, parseRoute, secretIn } from './route.ts';

test('every page has an address that leads to it', () => {
  for (const page of ['phone', 'calls', 'recordings', 'try', 'undelivered', 'health'] as const)
    assert.deepEqual(parseRoute(fragmentOf({ page })), { page });
  assert.deepEqual(parseRoute('#/calls/a1'), { page: 'call', id: 'a1' });
  assert.deepEqual(parseRoute(fragmentOf({ page: 'call', id: 'a/ü' })), { page: 'call', id: 'a/ü' });
  assert.deepEqual(parseRoute(fragmentOf({ page: 'try', call: 'a1' })), { page: 'try', call: 'a1' });
});

test('an address that nobody knows leads to the phone', () => {
  for (const fragment of ['', '#', '#/', '#/nowhere', '#/%zz/%', '#secret=x'])
    assert.deepEqual(parseRoute(fragment), { page: 'phone' }, fragment);
});

test('the secret is what the link says', () => {
  assert.equal(secretIn('#secret=a%2Bb'), 'a+b');
  assert.equal(secretIn('#/phone'), undefined);
});
