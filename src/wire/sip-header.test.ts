import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatVia, parseCSeq, parseVia, salvageVia, splitList } from './sip-header.ts';

const plain = (value: ReturnType<typeof parseVia>) =>
  value === undefined ? undefined : { ...value, parameters: { ...value.parameters } };

for (const [text, via] of [
  [
    'SIP/2.0/UDP pc33.example.com:5060;branch=z9hG4bK776;rport',
    {
      transport: 'UDP',
      host: 'pc33.example.com',
      port: 5060,
      parameters: { branch: 'z9hG4bK776', rport: '' },
    },
  ],
  [
    'SIP / 2.0 / tcp   First.Example.com : 4000 ; ttl = 16 ;Maddr=224.2.0.1',
    {
      transport: 'TCP',
      host: 'first.example.com',
      port: 4000,
      parameters: { ttl: '16', maddr: '224.2.0.1' },
    },
  ],
  [
    'SIP/2.0/UDP [2001:db8::9:1];received=[2001:DB8::9:255];branch=z9hG4bKas3-111',
    {
      transport: 'UDP',
      host: '[2001:db8::9:1]',
      port: undefined,
      parameters: { received: '[2001:DB8::9:255]', branch: 'z9hG4bKas3-111' },
    },
  ],
  ['SIP/2.0/UDP', undefined],
  ['SIP/3.0/UDP a', undefined],
  ['SIP/2.0/UDP a:65536', undefined],
  ['SIP/2.0/UDP a;;b', undefined],
  ['SIP/2.0/UDP a b', undefined],
  ['SIP/2.0/UDP a;branch=\0', undefined],
  ['HTTP/2.0/UDP a', undefined],
] as const) {
  test(`Via ${JSON.stringify(text)} is ${via === undefined ? 'refused' : 'read'}`, () => {
    assert.deepEqual(plain(parseVia(text)), via);
    if (via !== undefined) assert.deepEqual(plain(parseVia(formatVia(via))), via);
  });
}

for (const [text, written] of [
  ['SIP/7.0/udp [::1]:60000;branch=z9hG4bK1;rport', 'SIP/2.0/UDP [::1]:60000;branch=z9hG4bK1;rport'],
  ['SIP/2.0/UDP 192.0.2.15;;,;,,', 'SIP/2.0/UDP 192.0.2.15'],
  ['SIP/2.0/TCP a:99999;branch="x', 'SIP/2.0/TCP a'],
  ['nonsense', undefined],
] as const) {
  test(`of the bad Via ${text} there remains ${written ?? 'nothing'}`, () => {
    const via = salvageVia(text);
    assert.equal(via === undefined ? undefined : formatVia(via), written);
  });
}

for (const [text, value] of [
  ['1 INVITE', { sequence: 1, method: 'INVITE' }],
  ['0009\t INVITE', { sequence: 9, method: 'INVITE' }],
  ['2147483647 BYE', { sequence: 2 ** 31 - 1, method: 'BYE' }],
  ['2147483648 BYE', undefined],
  ['-1 BYE', undefined],
  ['1', undefined],
  ['BYE', undefined],
  ['1 B YE', undefined],
] as const) {
  test(`CSeq ${JSON.stringify(text)} is ${value === undefined ? 'refused' : 'read'}`, () => {
    assert.deepEqual(parseCSeq(text), value);
  });
}

for (const [text, parts] of [
  ['', []],
  ['a', ['a']],
  ['a , b,,c,', ['a', 'b', 'c']],
  ['"a, b" <sip:c,d@e>;x="y,z", f', ['"a, b" <sip:c,d@e>;x="y,z"', 'f']],
  ['"a\\", b" , c', ['"a\\", b"', 'c']],
  ['<sip:a"@b>, c', ['<sip:a"@b>', 'c']],
  // Nothing of what is malformed is lost: its reader refuses it.
  ['"a, b', ['"a, b']],
  ['a, "b\\', ['a', '"b\\']],
  ['a, <b, c', ['a', '<b, c']],
] as const) {
  test(`the list ${JSON.stringify(text)} has ${parts.length} elements`, () => {
    assert.deepEqual(splitList(text), parts);
  });
}

test('any values in quotes, joined by commas, come apart again', () => {
  const quoted = fc.string().map((text) => JSON.stringify(text));
  fc.assert(
    fc.property(fc.array(quoted), (values) => {
      assert.deepEqual(splitList(values.join(', ')), values);
    }),
  );
});
