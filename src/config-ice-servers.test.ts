import assert from 'node:assert/strict';
import { test } from 'node:test';
import { iceServer, iceServersFor } from './config-ice-servers.ts';
import { BadValue } from './config-values.ts';

const read = (...texts: readonly string[]) => texts.map((text) => iceServer(text));

test('a page is given the configured servers as it takes them', () => {
  const servers = read('stun:stun.example:3478', 'turns:turn.example:5349?transport=tcp me pass');
  assert.deepEqual(iceServersFor(servers, 0), [
    { urls: 'stun:stun.example:3478' },
    { urls: 'turns:turn.example:5349?transport=tcp', username: 'me', credential: 'pass' },
  ]);
  assert.deepEqual(iceServersFor(undefined, 0), []);
});

test('of a shared secret it is given credentials that end after a day', () => {
  const servers = read('turn:turn.example:3478 secret=north');
  // printf 1767312000:tonearm | openssl dgst -sha1 -hmac north -binary | base64
  assert.deepEqual(iceServersFor(servers, Date.parse('2026-01-01T00:00:00.999Z')), [
    {
      urls: 'turn:turn.example:3478',
      username: '1767312000:tonearm',
      credential: 'lupWtB0UkXFB/uUMP5HI1IANQGA=',
    },
  ]);
});

for (const text of [
  '',
  'stun:',
  'http://stun.example',
  'stun:stun.example me pass',
  'stun:stun.example?transport=udp',
  'turn:turn.example',
  'turn:turn.example me',
  'turn:turn.example secret=',
  'turn:turn.example secret=north more words',
  'turn:turn.example?transport=tls me pass',
])
  test(`«${text}» is no STUN or TURN server`, () => {
    assert.throws(() => read(text), BadValue);
  });
