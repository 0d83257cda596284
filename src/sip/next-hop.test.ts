import assert from 'node:assert/strict';
import { test } from 'node:test';
import { locate } from './next-hop.ts';
import type { Peer } from './transport.ts';

const via = (address: string): Peer => ({ transport: 'udp', address, port: 40_000 });
const nobody = async () => undefined;

for (const [what, source, uri, address, port] of [
  ['a Contact in public', '198.51.100.3', 'sip:a@203.0.113.4:5070', '203.0.113.4', 5070],
  ['a Contact of a phone in our own network', '192.168.1.5', 'sip:a@192.168.1.9', '192.168.1.9', 5060],
  ['a phone behind NAT', '198.51.100.3', 'sip:a@192.168.1.5:5070', '198.51.100.3', 40_000],
  ['a phone behind NAT that has IPv6 besides', '2001:db8::5', 'sip:a@[fd00::2]', '2001:db8::5', 40_000],
  ['this machine, named from elsewhere', '198.51.100.3', 'sip:a@127.0.0.1:6379', '198.51.100.3', 40_000],
  ['this machine in IPv6', '192.168.1.5', 'sip:a@[::1]', '192.168.1.5', 40_000],
  ['this machine in IPv4 as IPv6', '192.168.1.5', 'sip:a@[::ffff:127.0.0.1]', '192.168.1.5', 40_000],
  ['this machine, named from itself', '127.0.0.1', 'sip:a@127.0.0.2:5070', '127.0.0.2', 5070],
  ['a group', '127.0.0.1', 'sip:a@239.1.2.3', '127.0.0.1', 40_000],
  ['all', '192.168.1.5', 'sip:a@255.255.255.255', '192.168.1.5', 40_000],
  ['a name that nobody knows', '198.51.100.3', 'sip:a@phone.invalid', '198.51.100.3', 40_000],
] as const) {
  test(`${what}: a request of its dialog goes to ${address}:${port}`, async () => {
    const found = await locate(uri, via(source), nobody);
    assert.deepEqual(found, { transport: 'udp', address, port });
  });
}

test('a name that a caller gives is resolved, and held to the same', async () => {
  const resolve = async (host: string) => (host === 'proxy.example' ? '203.0.113.9' : '10.0.0.1');
  assert.equal((await locate('sip:proxy.example;lr', via('198.51.100.3'), resolve))?.address, '203.0.113.9');
  assert.equal((await locate('sip:inside.example', via('198.51.100.3'), resolve))?.address, '198.51.100.3');
});

test('what is no URI of ours leads nowhere', async () => {
  for (const uri of ['tel:+1425', 'http://a', ''])
    assert.equal(await locate(uri, via('198.51.100.3'), nobody), undefined);
});
