import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { notification } from '../../test/support/notification.ts';
import { openSqliteOutbox } from './sqlite-outbox.ts';

const long = { delivered: 0, undelivered: 0, lanes: 0 };

test('a lane counts from 1 and keeps the first of each key', () => {
  const outbox = openSqliteOutbox(':memory:');
  assert.equal(outbox.append(notification('a', 'one'), 10), true);
  assert.equal(outbox.append(notification('a', 'one'), 20), false);
  assert.equal(outbox.append(notification('a', 'two'), 30), true);
  assert.equal(outbox.append(notification('b', 'one'), 40), true);
  const first = outbox.head('a');
  assert.deepEqual(
    { ...first, id: '' },
    {
      ...notification('a', 'one'),
      id: '',
      sequence: 1,
      state: 'pending',
      attempts: 0,
      lastError: undefined,
      createdAt: 10,
      firstAttemptAt: undefined,
      nextAttemptAt: undefined,
    },
  );
  outbox.delivered(first!.id, 50);
  assert.equal(outbox.head('a')?.sequence, 2);
  assert.equal(outbox.head('b')?.sequence, 1);
  assert.deepEqual(outbox.lanes(), ['a', 'b']);
});

test('a key that was delivered is remembered until it is swept, and the lane goes on counting after that', () => {
  const outbox = openSqliteOutbox(':memory:');
  outbox.append(notification('a', 'one'), 10);
  outbox.delivered(outbox.head('a')!.id, 100);
  assert.equal(outbox.append(notification('a', 'one'), 110), false);
  assert.equal(outbox.sweep({ ...long, delivered: 100 }), 0);
  assert.equal(outbox.sweep({ ...long, delivered: 101 }), 1);
  assert.equal(outbox.append(notification('a', 'one'), 120), true);
  assert.equal(outbox.head('a')?.sequence, 2);
});

test('a lane is forgotten only when nothing of it is left', () => {
  const outbox = openSqliteOutbox(':memory:');
  outbox.append(notification('a', 'one'), 10);
  outbox.sweep({ ...long, lanes: 1000 });
  outbox.delivered(outbox.head('a')!.id, 20);
  outbox.sweep({ delivered: 1000, undelivered: 0, lanes: 1000 });
  outbox.append(notification('a', 'one'), 2000);
  assert.equal(outbox.head('a')?.sequence, 1);
});

test('what was given up is listed for its application and can be revived, then it comes before what followed', () => {
  const outbox = openSqliteOutbox(':memory:');
  outbox.append(notification('a', 'one'), 10);
  outbox.append(notification('a', 'two'), 11);
  const { id } = outbox.head('a')!;
  outbox.failed(id, 'answered 500', 15, 99);
  assert.equal(outbox.head('a')?.nextAttemptAt, 99);
  outbox.gaveUp(id, 'answered 501', 20);
  assert.equal(outbox.head('a')?.key, 'two');
  const {
    page: [listed],
  } = outbox.undelivered('app', { skip: 0, top: 10 });
  assert.deepEqual([listed?.id, listed?.attempts, listed?.lastError], [id, 2, 'answered 501']);
  assert.deepEqual(outbox.undelivered('other', { skip: 0, top: 10 }), { total: 0, page: [] });
  assert.equal(outbox.revive('app', 'nonsense'), undefined);
  assert.equal(outbox.revive('other', id), undefined);
  assert.equal(outbox.revive('app', id), 'a');
  assert.equal(outbox.revive('app', id), undefined);
  assert.deepEqual([outbox.head('a')?.key, outbox.head('a')?.attempts], ['one', 0]);
});

test('the file keeps everything for the next process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  try {
    const path = join(folder, 'outbox.db');
    const before = openSqliteOutbox(path);
    before.append(notification('a', 'one'), 10);
    before.failed(before.head('a')!.id, 'answered 500', 20, 30);
    const left = before.head('a');
    // Not closed, as when the process was killed.
    const after = openSqliteOutbox(path);
    assert.deepEqual(after.head('a'), left);
    after.close();
    before.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a place that cannot be written is named in the error', () => {
  assert.throws(() => openSqliteOutbox('/nonexistent/outbox.db'), {
    code: 'outboxUnusable',
    message: /\/nonexistent\/outbox\.db/,
  });
});

test('a process that is killed while it appends loses nothing of what it was told is kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  try {
    const path = join(folder, 'outbox.db');
    const appender = `
      const { openSqliteOutbox } = await import(${JSON.stringify(import.meta.resolve('./sqlite-outbox.ts'))});
      const outbox = openSqliteOutbox(${JSON.stringify(path)});
      for (let number = 1; ; number++) {
        outbox.append({ ...${JSON.stringify(notification('a', ''))}, key: String(number) }, number);
        await new Promise((resolve) => process.stdout.write(number + '\\n', resolve));
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', appender], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let kept = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      kept = Number(line);
      if (kept === 50) child.kill('SIGKILL');
    }
    if (child.signalCode === null) await once(child, 'exit');
    const outbox = openSqliteOutbox(path);
    let number = 0;
    for (let head = outbox.head('a'); head !== undefined; head = outbox.head('a')) {
      assert.deepEqual([head.key, head.sequence], [String(++number), number]);
      outbox.delivered(head.id, 0);
    }
    assert.ok(number >= kept && kept >= 50, `${number} of ${kept} are there`);
    outbox.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('what was given up is listed, counted and revived for all applications together', () => {
  const outbox = openSqliteOutbox(':memory:');
  for (const [at, application] of ['one', 'two', 'one'].entries()) {
    outbox.append({ ...notification(`lane ${at}`, 'key'), applicationId: application }, at);
    if (at < 2) outbox.gaveUp(outbox.head(`lane ${at}`)!.id, '500', 10);
  }
  assert.deepEqual(outbox.counts(), { pending: 1, undelivered: 2 });
  const { total, page } = outbox.undelivered(undefined, { skip: 0, top: 10 });
  assert.deepEqual([total, page.map(({ applicationId }) => applicationId)], [2, ['one', 'two']]);
  assert.equal(outbox.undelivered(undefined, { skip: 1, top: 1 }).page[0]?.applicationId, 'two');
  assert.equal(outbox.undelivered('two', { skip: 0, top: 10 }).total, 1);
  const id = page[1]?.id ?? '';
  assert.equal(outbox.revive('one', id), undefined);
  assert.equal(outbox.revive(undefined, id), 'lane 1');
  assert.equal(outbox.revive(undefined, id), undefined);
  assert.deepEqual(outbox.counts(), { pending: 2, undelivered: 1 });
});
