import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readConfig } from './config.ts';
import { TonearmError } from './errors.ts';
import { silentLog } from './log.ts';
import type { MasterKeys } from './recording/master-keys.ts';
import { readMasterKeys } from './recording-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-recording-keys-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const BYTES = Buffer.alloc(32, 0xfb);
const HEX = BYTES.toString('hex');
const BASE64 = BYTES.toString('base64');
const OTHER = Buffer.alloc(32, 9).toString('base64');
const warned: string[] = [];
const log = { ...silentLog, warn: (_fields: object, message: string) => void warned.push(message) };

function keysOf(env: Record<string, string>, yaml = ''): MasterKeys {
  const file = join(folder, 'tonearm.yaml');
  writeFileSync(file, yaml);
  return readMasterKeys(readConfig({ file, env }), log);
}

function keyFile(content: string, mode = 0o600): string {
  const path = join(folder, 'keys');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

const wrapperOf = (keys: MasterKeys) => keys.make('a'.repeat(36))?.wrapped.by;

test('without keys nothing is encrypted', () => {
  assert.equal(wrapperOf(keysOf({})), undefined);
});

test('a key is the same in hexadecimal, base64 and base64url, from the file, the environment and the configuration', () => {
  const expected = wrapperOf(keysOf({ TONEARM_RECORDINGS_ENCRYPTION_KEYS: HEX }));
  assert.ok(expected);
  for (const env of [
    { TONEARM_RECORDINGS_ENCRYPTION_KEYS: BASE64 },
    { TONEARM_RECORDINGS_ENCRYPTION_KEYS: `${BYTES.toString('base64url')}, ${OTHER}` },
    { TONEARM_RECORDINGS_ENCRYPTION_KEY_FILE: keyFile(`# of today\n\n${HEX.toUpperCase()}\r\n${OTHER}\n`) },
  ])
    assert.equal(wrapperOf(keysOf(env)), expected);
  const yaml = (keys: string) => `recordings: { encryption: { ${keys} } }`;
  assert.equal(wrapperOf(keysOf({}, yaml(`keys: [ "${BASE64}", "${OTHER}" ]`))), expected);
  keyFile(BASE64);
  assert.equal(wrapperOf(keysOf({}, yaml('keyFile: keys'))), expected, 'beside the configuration');
  assert.equal(wrapperOf(keysOf({}, yaml('keyFile: keys, newRecordings: false'))), undefined);
});

test('what is wrong with a key is said, and never the key', () => {
  const secret = BASE64.slice(0, 30);
  const given = (value: string) => ({ TONEARM_RECORDINGS_ENCRYPTION_KEYS: value });
  for (const [env, expected] of [
    [
      given(secret),
      /^recordings\.encryption\.keys: key 1 is 22 bytes long\. It must be 32 bytes.*openssl rand/,
    ],
    [given(`${OTHER},${secret}!`), /^recordings\.encryption\.keys: key 2 is neither hexadecimal nor base64/],
    [given(`${secret},${secret}!`), /key 1 is 22 bytes long\. .*\n.*key 2 is neither/],
    [given(HEX.slice(1)), /key 1 is 47 bytes long/],
    [
      { TONEARM_RECORDINGS_ENCRYPTION_KEY_FILE: keyFile('# none\n') },
      /^recordings\.encryption\.keyFile holds no key/,
    ],
    [{ TONEARM_RECORDINGS_ENCRYPTION_KEY_FILE: '/nowhere/keys' }, /keyFile can't be read: ENOENT/],
    [{ ...given(BASE64), TONEARM_RECORDINGS_ENCRYPTION_KEY_FILE: 'keys' }, /are both given: give one/],
    [{ TONEARM_RECORDINGS_ENCRYPTION_KEY: secret }, /Did you mean TONEARM_RECORDINGS_ENCRYPTION_KEYS\?/],
  ] as const)
    assert.throws(
      () => keysOf(env),
      (thrown) => {
        assert.ok(thrown instanceof TonearmError);
        assert.equal(thrown.code, 'badConfig');
        assert.match(thrown.message, expected);
        assert.doesNotMatch(thrown.message, new RegExp(`${secret.replaceAll('+', '\\+')}|${HEX.slice(1)}`));
        return true;
      },
    );
  const mapping = `recordings: { encryption: { keys: { first: "${BASE64}" } } }`;
  assert.throws(() => keysOf({}, mapping), /key 1 is neither hexadecimal nor base64\. It/);
});

test('a file of keys that others may read is used, and warned of', () => {
  warned.length = 0;
  keysOf({ TONEARM_RECORDINGS_ENCRYPTION_KEY_FILE: keyFile(BASE64) });
  assert.deepEqual(warned, []);
  keysOf({ TONEARM_RECORDINGS_ENCRYPTION_KEY_FILE: keyFile(BASE64, 0o640) });
  assert.match(warned.join(), /others may read the file of the master keys: chmod 600/);
});
