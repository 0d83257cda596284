import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDtmfInfo } from './dtmf-info.ts';

const relay = (body: string, type = 'application/dtmf-relay') => parseDtmfInfo(type, Buffer.from(body));

test('a key is read as JsSIP, Asterisk and gateways write it', () => {
  for (const [body, event, durationMs] of [
    ['Signal=5\r\nDuration=160', 5, 160],
    ['Signal= 5\r\nDuration= 160\r\n', 5, 160],
    ['signal = #\nDURATION = 250\n', 11, 250],
    ['Signal=*', 10, 100],
    ['Signal=10\r\nDuration=0\r\n', 10, 100],
    ['Duration=160\r\nSignal=d\r\n', 15, 160],
    ['Signal=!\r\nDuration=160\r\n', 16, 160],
    ['Signal=16\r\nDuration=999999999\r\n', 16, 60_000],
  ] as const)
    assert.deepEqual(relay(body), { ok: true, event, durationMs }, body);
});

test('the shorter form is the key alone', () => {
  for (const [body, event] of [
    ['5', 5],
    ['#\r\n', 11],
    ['11', 11],
    ['a', 12],
  ] as const)
    assert.deepEqual(relay(body, 'application/dtmf'), { ok: true, event, durationMs: 100 }, body);
});

test('the type is read without regard to case and parameters; others are told apart from bad bodies', () => {
  assert.equal(relay('Signal=5', 'Application/DTMF-Relay; charset=utf-8').ok, true);
  for (const type of ['', 'text/plain', 'application/sdp', 'application/dtmf-relayed'])
    assert.deepEqual(relay('Signal=5', type), { ok: false, wrong: 'type' }, type);
});

for (const body of [
  'x',
  'Signal',
  'Signal=',
  'Signal=55',
  'Signal=E',
  'Signal=17',
  'Signal=5\r\nDuration=long',
  'Signal=5\r\nDuration=-1',
  `Signal=5\r\n${'x'.repeat(200)}`,
])
  test(`${JSON.stringify(body.slice(0, 40))} is no key`, () => {
    assert.deepEqual(relay(body), { ok: false, wrong: 'body' });
  });
