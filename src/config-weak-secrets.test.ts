import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';
import { warnOfWeakSecrets } from './config-weak-secrets.ts';
import { silentLog } from './log.ts';

const ID = '8a34a46b-3d17-4adc-8dce-dc4e7d572698';

/** What is warned of at the start of a server with one application. */
function warnings(secret: string, env: Record<string, string>): readonly string[] {
  const application = { id: ID, tenantId: ID, secret, callbackUri: 'https://bot.example/' };
  const config = readConfig({ env: { TONEARM_APPLICATIONS: JSON.stringify([application]), ...env } });
  const warned: string[] = [];
  warnOfWeakSecrets(config, { ...silentLog, warn: (fields) => void warned.push(JSON.stringify(fields)) });
  return warned;
}

const OPEN = { TONEARM_HTTP_LISTEN: '0.0.0.0:8080' };

test('a secret that can be guessed is warned of where others reach the API, without being told', () => {
  for (const secret of ['dev-secret', 'short', 'aaaaaaaaaaaaaaaaaaaaaaaa'])
    for (const env of [
      OPEN,
      { TONEARM_HTTP_PUBLIC_URL: 'https://calls.example.com' },
      { TONEARM_HTTP_TRUST_PROXY: 'true' },
    ] as const) {
      const [warning, ...more] = warnings(secret, env);
      assert.ok(warning?.includes(ID) && !warning.includes(secret));
      assert.deepEqual(more, []);
    }
});

test('nothing is warned of on loopback alone, nor of a secret that nobody guesses', () => {
  assert.deepEqual(warnings('dev-secret', {}), []);
  assert.deepEqual(warnings('dev-secret', { TONEARM_SIP_LISTEN: 'udp:0.0.0.0:5060' }), []);
  assert.deepEqual(warnings('p7Vx0cZr4Kq2mT9w', OPEN), []);
});
