import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { babble } from '../../test/support/recordings.ts';
import { newJournalPath, openTakeFiles, pcmPath, readJournal } from './spool-files.ts';
import { spooledIn } from './spool-reader.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-spool-files-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const KEY = createSecretKey(new Uint8Array(32).fill(7));

for (const key of [undefined, KEY])
  test(`a take whose length cannot be noted, ${key ? '' : 'not '}encrypted, is none the longer for the next start`, async () => {
    const recordingId = key ? 'encrypted' : 'plain';
    const take = { recordingId, folder, callId: 'call', operationId: 'operation', streamed: false };
    const files = openTakeFiles({ ...take, ...(key && { key }) }, { rate: 8000, channels: 1 });
    const samples = babble(8000);
    files.write(samples.subarray(0, 4000), 0);
    files.write(samples.subarray(4000), 4000);
    // No journal can be written where a folder lies.
    mkdirSync(newJournalPath(folder, recordingId));
    assert.throws(() => files.seal(3000), /EISDIR/);
    const journal = await readJournal(folder, recordingId);
    assert.equal(journal?.sealed, undefined);
    const spooled = await spooledIn(pcmPath(folder, recordingId), journal, key && { recordingId, key });
    assert.deepEqual(spooled, { samples: 3000 });
  });
