/** At a start: keys that another than the first master key wraps are wrapped anew, so that the old one can be thrown away afterwards. */
import { TonearmError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { MasterKeys, WrappedKey } from './master-keys.ts';
import type { RecordingRecord, Records } from './records.ts';

export interface KeyRotation {
  take(recordingId: string, record: RecordingRecord): Promise<void>;
  /** Logs what was done, and which recordings no key opens. */
  tell(): void;
}

export function rotateKeys(masterKeys: MasterKeys, records: Records, log: Log): KeyRotation {
  let rewrapped = 0;
  let locked = 0;
  const missing = new Set<string>();
  const rewrap = (recordingId: string, key: WrappedKey): WrappedKey | undefined => {
    try {
      return masterKeys.rewrap(recordingId, key);
    } catch (thrown) {
      if (!(thrown instanceof TonearmError)) throw thrown;
      locked++;
      if (thrown.code === 'masterKeyMissing') missing.add(key.by);
      return undefined;
    }
  };
  return {
    async take(recordingId, record) {
      if (record.state === 'gone' || record.key === undefined) return;
      const key = rewrap(recordingId, record.key);
      if (key === undefined) return;
      await records.put(recordingId, { ...record, key });
      rewrapped++;
    },
    tell() {
      if (rewrapped > 0)
        log.info({ recordings: rewrapped }, 'keys of recordings were wrapped with the first master key');
      if (locked > 0)
        log.error(
          { recordings: locked, masterKeys: [...missing] },
          'recordings cannot be read: recordings.encryption does not give the master keys that they take, or their keys were changed',
        );
    },
  };
}
