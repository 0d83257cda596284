import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle, VirtualClock } from '../../test/support/virtual-clock.ts';
import { silentLog } from '../log.ts';
import { networkOf } from '../network-of.ts';
import { openTrusted } from './trusted.ts';

const parts = { clock: new VirtualClock(), log: silentLog };

test('addresses and networks are trusted, also as trunks have them, and nobody else', () => {
  const trusted = openTrusted({
    ...parts,
    networks: ['192.0.2.0/24', '198.51.100.7', '2001:db8:1::/48', '2001:db8:2:3::9'],
    hosts: ['203.0.113.5', '[2001:db8:5::1]'],
  });
  const all = [
    '192.0.2.200',
    '198.51.100.7',
    '203.0.113.5',
    '2001:db8:1:77::1',
    '2001:db8:2:3::1',
    '2001:db8:5::1',
  ];
  for (const address of all) assert.ok(trusted.has(networkOf(address)), address);
  for (const address of ['192.0.3.1', '198.51.100.8', '2001:db8:2:4::9', '::1'])
    assert.ok(!trusted.has(networkOf(address)), address);
});

test('a trunk by name is looked up again every five minutes, and keeps what it had when it is not found', async () => {
  const clock = new VirtualClock();
  const answers = [['192.0.2.1'], undefined, ['192.0.2.2', '192.0.2.3']];
  const resolve = async () => answers.shift() ?? Promise.reject(new Error('not found'));
  const trusted = openTrusted({ clock, log: silentLog, networks: [], hosts: ['trunk.example'], resolve });
  await settle();
  assert.ok(trusted.has('192.0.2.1'));
  await clock.advance(300_000);
  assert.ok(trusted.has('192.0.2.1'));
  await clock.advance(300_000);
  assert.deepEqual(
    ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((address) => trusted.has(address)),
    [false, true, true],
  );
  trusted.close();
  assert.equal(clock.timers, 0);
});
