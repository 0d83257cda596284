import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../test/support/virtual-clock.ts';
import { createFailedLogins } from './failed-logins.ts';

test('whoever guesses from ever new addresses of an IPv6 network waits as if they were one', () => {
  const logins = createFailedLogins(new VirtualClock());
  for (let n = 1; n <= 30; n++) logins.failed(`2001:db8:1:2::${n}`);
  assert.equal(logins.waitFor('2001:db8:1:2:ffff::'), 60);
  assert.equal(logins.waitFor('2001:db8:1:3::1'), 0);
});

test('an IPv4 address waits for itself alone, mapped or not', () => {
  const logins = createFailedLogins(new VirtualClock());
  for (let n = 0; n < 30; n++) logins.failed('::ffff:192.0.2.1');
  assert.equal(logins.waitFor('192.0.2.1'), 60);
  assert.equal(logins.waitFor('192.0.2.2'), 0);
});
