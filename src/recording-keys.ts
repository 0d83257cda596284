/** The master keys of the configuration. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { badConfig, gatherMistakes } from './config-mistakes.ts';
import { reasonOf } from './errors.ts';
import type { Log } from './log.ts';
import { type MasterKeys, masterKeys } from './recording/master-keys.ts';

const KEY_BYTES = 32;
const RULE = `${KEY_BYTES} bytes, as ${2 * KEY_BYTES} hexadecimal digits or in base64: openssl rand -base64 ${KEY_BYTES} makes one`;

/** None when none are configured: recordings are not encrypted then. Throws TonearmError `badConfig`, which never shows a key. */
export function readMasterKeys({ recordings: { encryption }, baseFolder }: Config, log: Log): MasterKeys {
  const { keyFile, keys, newRecordings: encryptNew } = encryption;
  if (keyFile !== undefined && keys !== undefined)
    throw badConfig(
      'recordings.encryption.keyFile and recordings.encryption.keys are both given: give one of them.',
    );
  if (keyFile !== undefined)
    return masterKeys(
      parseAll('recordings.encryption.keyFile', readKeyFile(resolve(baseFolder, keyFile), log)),
      {
        encryptNew,
      },
    );
  return masterKeys(keys === undefined ? [] : parseAll('recordings.encryption.keys', keys), { encryptNew });
}

/** A key a line; empty lines, and those that begin with #, are none. */
function readKeyFile(path: string, log: Log): readonly string[] {
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      log.warn({ keyFile: path }, 'others may read the file of the master keys: chmod 600 keeps them out');
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'));
  } catch (thrown) {
    throw badConfig(`recordings.encryption.keyFile can't be read: ${reasonOf(thrown)}.`);
  }
}

function parseAll(name: string, texts: readonly string[]): readonly Uint8Array[] {
  if (texts.length === 0) throw badConfig(`${name} holds no key. A key is ${RULE}.`);
  const mistakes = gatherMistakes();
  const keys = texts.map((text, index) => {
    const bytes = parse(text);
    if (bytes?.length === KEY_BYTES) return bytes;
    const found = bytes === undefined ? 'neither hexadecimal nor base64' : `${bytes.length} bytes long`;
    mistakes.add(badConfig(`${name}: key ${index + 1} is ${found}. It must be ${RULE}.`));
    return new Uint8Array();
  });
  mistakes.throwAll();
  return keys;
}

function parse(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]+$/i.test(text) && text.length === 2 * KEY_BYTES) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}
