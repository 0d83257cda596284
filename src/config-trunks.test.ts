import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTrunks } from './config-trunks.ts';
import { TonearmError } from './errors.ts';

const TRUNK = { name: 'provider', address: 'SIP.provider.example:5070', numbers: ['+1*'] };

function whyBad(given: unknown): string {
  try {
    readTrunks(given, {});
  } catch (thrown) {
    assert.ok(thrown instanceof TonearmError);
    assert.equal(thrown.code, 'badConfig');
    return thrown.message;
  }
  return 'good';
}

test('a trunk needs a name, an address and its numbers; the rest is left out or given', () => {
  assert.deepEqual(readTrunks(undefined, {}), []);
  assert.deepEqual(readTrunks([TRUNK], {}), [
    {
      name: 'provider',
      host: 'sip.provider.example',
      port: 5070,
      transport: 'udp',
      credentials: undefined,
      callerId: undefined,
      domain: undefined,
      numbers: ['+1*'],
    },
  ]);
  const more = { transport: 'tcp', callerId: '+14255550100', domain: 'bots.example', username: 'u' };
  const [trunk] = readTrunks([{ ...TRUNK, ...more, address: '[::1]', passwordEnv: 'TRUNK_PASSWORD' }], {
    TRUNK_PASSWORD: 'p',
  });
  assert.deepEqual(
    [trunk?.host, trunk?.port, trunk?.transport, trunk?.callerId, trunk?.domain],
    ['[::1]', undefined, 'tcp', '+14255550100', 'bots.example'],
  );
  assert.deepEqual(trunk?.credentials, { username: 'u', password: 'p' });
});

test('what is wrong is named, with what would be right', () => {
  assert.match(whyBad('provider'), /^trunks must be a list/);
  assert.match(whyBad(['provider']), /^trunks\[0\] must be a mapping with name, address/);
  assert.match(whyBad([{ ...TRUNK, name: '' }]), /^trunks\[0\]\.name must be/);
  assert.match(whyBad([TRUNK, TRUNK]), /^trunks\[1\]\.name must be another name/);
  for (const address of [undefined, 'sip.example:99999', 'bob@sip.example', 'sip.example;lr', 'two words']) {
    assert.match(whyBad([{ ...TRUNK, address }]), /^trunks\[0\]\.address must be host or host:port/);
  }
  assert.match(whyBad([{ ...TRUNK, transport: 'tls' }]), /^trunks\[0\]\.transport must be udp or tcp/);
  assert.match(whyBad([{ ...TRUNK, numbers: [] }]), /^trunks\[0\]\.numbers must be a list/);
  assert.match(whyBad([{ ...TRUNK, domain: 'a@b' }]), /^trunks\[0\]\.domain must be a host name/);
  assert.match(whyBad([{ ...TRUNK, username: 'u' }]), /^trunks\[0\]\.password must be/);
  assert.match(whyBad([{ ...TRUNK, password: 'p' }]), /^trunks\[0\]\.username must be/);
  assert.match(whyBad([{ ...TRUNK, username: 'u', passwordEnv: 'NONE' }]), /NONE is not/);
  assert.match(
    whyBad([{ ...TRUNK, number: '+1*' }]),
    /number is not a setting\. Did you mean trunks\[0\]\.numbers\?/,
  );
});
