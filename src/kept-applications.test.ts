import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { BOT, OTHER_BOT } from '../test/support/api-stage.ts';
import { VirtualClock } from '../test/support/virtual-clock.ts';
import { TonearmError } from './errors.ts';
import {
  changeKeptApplications,
  type KeptApplication,
  openApplications,
  readKeptApplications,
} from './kept-applications.ts';
import { silentLog } from './log.ts';

const HASH = `scrypt$16384$8$1$${'a'.repeat(22)}$${'b'.repeat(43)}`;
const { secret: _, ...rest } = BOT;
const kept: KeptApplication = { ...rest, hashes: [{ hash: HASH }, { hash: HASH, until: 1_800_000_000_000 }] };

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-kept-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'data');
}

test('what is written is read again, by its owner alone', (t) => {
  const folder = folderOf(t);
  assert.deepEqual(readKeptApplications(folder), []);
  changeKeptApplications(folder, () => [kept]);
  assert.deepEqual(readKeptApplications(folder), [kept]);
  assert.equal(statSync(join(folder, 'applications.json')).mode & 0o777, 0o600);
});

test('a change that fails leaves the file as it was, and the next one is not kept out', (t) => {
  const folder = folderOf(t);
  changeKeptApplications(folder, () => [kept]);
  assert.throws(() =>
    changeKeptApplications(folder, () => {
      throw new Error('no');
    }),
  );
  assert.deepEqual(readKeptApplications(folder), [kept]);
  changeKeptApplications(folder, (before) => before.map((one) => ({ ...one, name: 'changed' })));
  assert.equal(readKeptApplications(folder)[0]?.name, 'changed');
});

test('a data folder that cannot be one is told by its name', (t) => {
  const folder = join(folderOf(t), '..', 'file');
  writeFileSync(folder, '');
  assert.throws(() => changeKeptApplications(folder, () => []), /applications\.json can't be changed: /);
});

test('a file that is none of ours is told by its name, and what is wrong in it', (t) => {
  const folder = folderOf(t);
  changeKeptApplications(folder, () => []);
  const whyNot = (content: string) => {
    writeFileSync(join(folder, 'applications.json'), content);
    try {
      readKeptApplications(folder);
      return 'good';
    } catch (thrown) {
      assert.ok(thrown instanceof TonearmError);
      return thrown.message;
    }
  };
  assert.match(whyNot('{'), /applications\.json can't be used/);
  assert.match(whyNot('{}'), /it is no list/);
  assert.match(whyNot('[null]'), /\[0\]\.callbackUri must be/);
  assert.match(whyNot(JSON.stringify([{ ...kept, roles: ['Root'] }])), /\[0\]\.roles must be/);
  assert.match(whyNot(JSON.stringify([{ ...kept, hashes: [{ hash: 'secret' }] }])), /\[0\]\.hashes holds/);
  assert.match(whyNot(JSON.stringify([{ ...kept, hashes: [] }])), /\[0\]\.secret must be/);
});

test('a running server sees what the command line changes, and goes on with what it knew when the file is broken', async (t) => {
  const folder = folderOf(t);
  const clock = new VirtualClock();
  const errors: string[] = [];
  const log = { ...silentLog, error: (_: object, message: string) => void errors.push(message) };
  const applications = openApplications([OTHER_BOT], folder, { clock, log });
  assert.deepEqual(applications.all(), [OTHER_BOT]);
  const before = applications.all();
  await clock.advance(2000);
  assert.equal(applications.all(), before, 'the same as long as nothing has changed');
  changeKeptApplications(folder, () => [kept]);
  await clock.advance(2000);
  assert.deepEqual([applications.get(BOT.id)?.name, applications.all().length], [BOT.name, 2]);
  writeFileSync(join(folder, 'applications.json'), 'broken');
  await clock.advance(2000);
  assert.deepEqual([applications.get(BOT.id)?.name, errors.length], [BOT.name, 1]);
  assert.throws(() => changeKeptApplications(folder, () => []), /Mend it, or delete it/);
  rmSync(join(folder, 'applications.json'));
  await clock.advance(2000);
  assert.equal(applications.get(BOT.id), undefined);
  applications.close();
  assert.equal(clock.timers, 0);
});

test('an application that is in the configuration too is the configuration’s', (t) => {
  const folder = folderOf(t);
  changeKeptApplications(folder, () => [{ ...kept, name: 'kept' }]);
  const applications = openApplications([BOT], folder, { clock: new VirtualClock(), log: silentLog });
  assert.deepEqual(applications.all(), [BOT]);
  applications.close();
});
