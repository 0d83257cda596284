import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callIdOf, sipHappened, textOf } from './sip-traffic.ts';

const PEER = { transport: 'udp', address: '2001:db8::1', port: 5060 } as const;

for (const [status, error] of [
  ['100 Trying', undefined],
  ['302 Moved Temporarily', undefined],
  ['401 Unauthorized', undefined],
  ['407 Proxy Authentication Required', undefined],
  ['487 Request Terminated', undefined],
  ['404 Not Found', '404 Not Found'],
  [
    '488 Not Acceptable Here\r\nWarning: 305 tonearm "no codec"',
    '488 Not Acceptable Here (305 tonearm "no codec")',
  ],
  ['603 ', '603'],
] as const)
  test(`${JSON.stringify(status)} is ${error === undefined ? 'no error' : 'an error, in its own words'}`, () => {
    const happened = sipHappened('in', `SIP/2.0 ${status}\r\nCall-ID: 1\r\n\r\n`, PEER);
    assert.equal(happened.error, error);
    assert.ok(happened.detail.kind === 'sip');
    assert.equal(happened.detail.remote, '[2001:db8::1]:5060');
  });

test('the Call-ID is found in either form, and of whatever it is made of', () => {
  for (const line of ['Call-ID: a@b', 'i:a@b', 'CALL-ID \t:  a@b  '])
    assert.equal(callIdOf(`BYE sip:a@b SIP/2.0\r\nVia: x\r\n${line}\r\n\r\n`), 'a@b');
  assert.equal(callIdOf('nonsense'), undefined);
});

test('a long message is cut, and says so', () => {
  const text = textOf(Buffer.from(`INVITE sip:a@b SIP/2.0\r\n${'x'.repeat(10_000)}`));
  assert.match(text, /… and 1832 bytes more$/);
});
