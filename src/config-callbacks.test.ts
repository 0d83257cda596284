import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';
import { callbacksOf } from './config-callbacks.ts';

const LOCAL_BOT = 'http://127.0.0.1:9000/api/calls';

/** Whether a bot on this machine is told, by a server with these variables. */
function tellsLocalBot(env: Record<string, string>): boolean {
  const config = readConfig({ env: { TONEARM_CALLBACKS_ALLOW_HTTP: 'true', ...env } });
  return callbacksOf(config).admit(LOCAL_BOT, undefined).ok;
}

test('a server that listens on loopback only tells bots on this machine', () => {
  assert.ok(tellsLocalBot({}));
  assert.ok(tellsLocalBot({ TONEARM_HTTP_LISTEN: '[::1]:8080', TONEARM_SIP_LISTEN: 'tcp:[::1]:5060' }));
  assert.ok(tellsLocalBot({ TONEARM_HTTP_PUBLIC_URL: 'http://localhost:8080' }));
  assert.ok(tellsLocalBot({ TONEARM_HTTP_PUBLIC_URL: 'http://[::1]:8080' }));
});

test('one that others reach, also through a proxy, does so only when they are listed', () => {
  for (const env of [
    { TONEARM_HTTP_LISTEN: '0.0.0.0:8080' },
    { TONEARM_HTTP_LISTEN: '192.168.1.10:8080' },
    { TONEARM_SIP_LISTEN: 'udp:127.0.0.1:5060, udp:192.168.1.10:5060' },
    { TONEARM_HTTP_PUBLIC_URL: 'https://calls.example.com' },
    { TONEARM_HTTP_TRUST_PROXY: 'true' },
  ]) {
    assert.ok(!tellsLocalBot(env), JSON.stringify(env));
    for (const allow of ['https:, http://127.0.0.1:9000/', 'http:, 127.0.0.0/8', 'http:, 127.0.0.1'])
      assert.ok(tellsLocalBot({ ...env, TONEARM_CALLBACKS_ALLOW: allow }), allow);
  }
});
