import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freeTcpPort } from '../../test/support/free-port.ts';
import {
  ALL,
  EVERYWHERE,
  notification,
  openBot,
  startStaged as start,
} from '../../test/support/notifier-stage.ts';
import { callbackRules } from '../outbound/callbacks.ts';
import type { AttemptMade } from './notifier.ts';
import { openSqliteOutbox } from './sqlite-outbox.ts';

test('a notification arrives with its body, its token, its number and its id', async (t) => {
  const bot = await openBot(t);
  const { notifier } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  const { headers, body } = await bot.answerNext(202);
  assert.equal(body, '{"key":"one"}');
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(headers.authorization, 'Bearer app.tenant');
  assert.equal(headers['tonearm-sequence'], '1');
  assert.match(String(headers['tonearm-notification-id']), /^[0-9a-f-]{36}$/);
  assert.equal(headers['scenario-id'], 'abc');
});

test('a lane is delivered in order, one at a time; another lane does not wait for it', async (t) => {
  const bot = await openBot(t);
  const { notifier } = start(t);
  await notifier.append(notification(bot.url, 'a', 'a1'));
  await notifier.append(notification(bot.url, 'a', 'a2'));
  const first = await bot.next();
  await notifier.append(notification(bot.url, 'b', 'b1'));
  const other = await bot.next();
  assert.deepEqual([first.body, other.body], ['{"key":"a1"}', '{"key":"b1"}']);
  assert.equal(bot.waiting.length, 0);
  first.answer.writeHead(200).end('thank you');
  const second = await bot.next();
  assert.deepEqual([second.body, second.headers['tonearm-sequence']], ['{"key":"a2"}', '2']);
});

test('settled resolves when the lane has nothing pending', async (t) => {
  const bot = await openBot(t);
  const { notifier } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await notifier.append(notification(bot.url, 'a', 'two'));
  let settled = false;
  const done = notifier.settled('a').then(() => (settled = true));
  await bot.answerNext(200);
  const last = await bot.next();
  assert.equal(settled, false);
  last.answer.writeHead(204).end();
  await done;
  await notifier.settled('never used');
});

test('anything but 2xx is tried again with the same id after growing pauses, a fresh token each time', async (t) => {
  const bot = await openBot(t);
  let tokens = 0;
  const { clock, notifier, warnings } = start(t, { authorize: async () => `token-${++tokens}` });
  await notifier.append(notification(bot.url, 'a', 'one'));
  const seen = [await bot.answerNext(500)];
  for (const [status, pauseMs] of [
    [404, 1000],
    [302, 2000],
    [429, 4000],
  ] as const) {
    assert.equal((await warnings.next()).nextAttemptInMs, pauseMs);
    await clock.advance(pauseMs - 1);
    assert.equal(bot.waiting.length, 0);
    await clock.advance(1);
    seen.push(await bot.answerNext(status, { location: bot.url }));
  }
  assert.equal((await warnings.next()).nextAttemptInMs, 8000);
  await clock.advance(8000);
  seen.push(await bot.answerNext(200));
  await notifier.settled('a');
  assert.equal(new Set(seen.map(({ headers }) => headers['tonearm-notification-id'])).size, 1);
  assert.deepEqual(
    seen.map(({ headers }) => headers.authorization),
    [1, 2, 3, 4, 5].map((number) => `Bearer token-${number}`),
  );
});

test('each attempt is told of when it is over: the answer, how long it took, and when there will be another', async (t) => {
  const bot = await openBot(t);
  const told: AttemptMade[] = [];
  const { notifier, clock, warnings } = start(t, { onAttempt: (made) => told.push(made) });
  await notifier.append(notification(bot.url, 'a', 'one'));
  const first = await bot.next();
  await clock.advance(30);
  first.answer.writeHead(503, { 'retry-after': '2' }).end();
  await warnings.next();
  await clock.advance(2000);
  await bot.answerNext(202);
  await notifier.settled('a');
  const inShort = told.map(({ notification: { lane, sequence }, attempt, status, error, ms, ...rest }) => ({
    what: `${lane} ${sequence}, attempt ${attempt}: ${status} ${error ?? ''} after ${ms}`,
    next: rest.nextAttemptInMs,
  }));
  assert.deepEqual(inShort, [
    { what: 'a 1, attempt 1: 503 answered 503 after 30', next: 2000 },
    { what: 'a 1, attempt 2: 202  after 0', next: undefined },
  ]);
});

test('Retry-After holds the next attempt back', async (t) => {
  const bot = await openBot(t);
  const { notifier, warnings } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await bot.answerNext(503, { 'retry-after': '30' });
  assert.equal((await warnings.next()).nextAttemptInMs, 30_000);
});

test('a redirect is not followed: the token goes to nobody else', async (t) => {
  const bot = await openBot(t);
  const elsewhere = await openBot(t);
  const { notifier, warnings } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await bot.answerNext(307, { location: elsewhere.url });
  assert.equal((await warnings.next()).error, 'answered 307');
  assert.equal(elsewhere.waiting.length, 0);
});

test('a bot that does not answer within ten seconds is tried again', async (t) => {
  const bot = await openBot(t);
  const { clock, notifier, warnings } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await bot.next();
  await clock.advance(10_000);
  assert.equal((await warnings.next()).error, 'no answer within 10 s');
});

test('a bot that nobody listens for is logged with the reason and without the query', async (t) => {
  const gone = `http://127.0.0.1:${await freeTcpPort()}/calls`;
  const { notifier, warnings } = start(t);
  await notifier.append(notification(`${gone}?key=secret`, 'a', 'one'));
  const warning = await warnings.next();
  assert.match(String(warning.error), /ECONNREFUSED/);
  assert.equal(warning.target, `${gone}?***`);
});

test('a token that cannot be made counts as a failed attempt', async (t) => {
  const { notifier, warnings } = start(t, {
    authorize: async () => {
      throw new Error('no key');
    },
  });
  await notifier.append(notification('http://127.0.0.1:9000/', 'a', 'one'));
  assert.equal((await warnings.next()).error, 'no key');
});

test('after giving up the lane goes on, and the undelivered one can be listed and sent again', async (t) => {
  const bot = await openBot(t);
  const { clock, notifier, warnings, errors } = start(t, { schedule: { retryForMs: 2500 } });
  await notifier.append(notification(bot.url, 'a', 'one'));
  await notifier.append(notification(bot.url, 'a', 'two'));
  await bot.answerNext(500);
  for (const pauseMs of [1000, 1500]) {
    assert.equal((await warnings.next()).nextAttemptInMs, pauseMs);
    await clock.advance(pauseMs);
    await bot.answerNext(500);
  }
  assert.equal((await errors.next()).attempts, 3);
  assert.equal((await bot.answerNext(200)).body, '{"key":"two"}');
  await notifier.settled('a');

  const {
    page: [left],
  } = await notifier.undelivered('app', ALL);
  assert.deepEqual([left?.key, left?.state, left?.lastError], ['one', 'undelivered', 'answered 500']);
  assert.equal(await notifier.resend('app', 'nonsense'), false);
  assert.equal(await notifier.resend('other', left!.id), false);
  assert.equal(await notifier.resend('app', left!.id), true);
  assert.equal((await bot.answerNext(200)).headers['tonearm-notification-id'], left!.id);
  await notifier.settled('a');
  assert.deepEqual(await notifier.undelivered('app', ALL), { total: 0, page: [] });
});

test('what is sent again comes at once, although its call waits for the next attempt of another', async (t) => {
  const bot = await openBot(t);
  const { clock, notifier, warnings, errors } = start(t, { schedule: { retryForMs: 1000 } });
  await notifier.append(notification(bot.url, 'a', 'one'));
  await bot.answerNext(500);
  await clock.advance(Number((await warnings.next()).nextAttemptInMs));
  await bot.answerNext(500);
  await errors.next();
  await notifier.append(notification(bot.url, 'a', 'two'));
  await bot.answerNext(500);
  await warnings.next();
  const { page } = await notifier.undelivered('app', ALL);
  await notifier.resend('app', page[0]!.id);
  assert.equal((await bot.answerNext(200)).body, '{"key":"one"}');
  await clock.advance(1000);
  assert.equal((await bot.answerNext(200)).body, '{"key":"two"}');
  await notifier.settled('a');
});

test('http: targets are refused unless they are allowed, other schemes always', async (t) => {
  const bot = await openBot(t);
  const { notifier, errors } = start(t, {
    callbacks: callbackRules({ ...EVERYWHERE, allowHttp: false, loopback: true }),
  });
  for (const target of [bot.url, 'ftp://bot.example/', 'not a URL']) {
    await notifier.append(notification(target, 'a', target));
    assert.match(String((await errors.next()).error), /https:/);
  }
  assert.equal((await notifier.undelivered('app', ALL)).total, 3);
  assert.equal(bot.waiting.length, 0);
});

test('a slow bot holds up nobody but itself', async (t) => {
  const slow = await openBot(t);
  const quick = await openBot(t);
  const { notifier } = start(t, { concurrencyPerTarget: 2 });
  for (const lane of ['s1', 's2', 's3']) await notifier.append(notification(slow.url, lane, 'one'));
  const first = await slow.next();
  await slow.next();
  for (const lane of ['q1', 'q2', 'q3']) {
    await notifier.append(notification(quick.url, lane, 'one'));
    await quick.answerNext(200);
  }
  assert.equal(slow.waiting.length, 0);
  first.answer.writeHead(200).end();
  await slow.answerNext(200);
});

test('a notification appended twice is sent once', async (t) => {
  const bot = await openBot(t);
  const { notifier } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await bot.answerNext(200);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await notifier.append(notification(bot.url, 'a', 'two'));
  assert.equal((await bot.answerNext(200)).body, '{"key":"two"}');
  await notifier.settled('a');
  assert.equal(bot.waiting.length, 0);
});

test('closing breaks off what is under way, and the next start goes on where the retries stood', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'notifier-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'outbox.db');
  const bot = await openBot(t);

  const outbox = openSqliteOutbox(path);
  const before = start(t, { outbox });
  await before.notifier.append(notification(bot.url, 'failed once', 'one'));
  const failed = await bot.answerNext(500);
  await before.warnings.next();
  await before.notifier.append(notification(bot.url, 'under way', 'one'));
  await before.notifier.append(notification(bot.url, 'under way', 'two'));
  const brokenOff = await bot.next();
  await before.notifier.close();
  assert.equal(before.clock.timers, 0);
  outbox.close();

  const reopened = openSqliteOutbox(path);
  const after = start(t, { outbox: reopened });
  const again = await bot.answerNext(200);
  assert.equal(again.headers['tonearm-notification-id'], brokenOff.headers['tonearm-notification-id']);
  assert.equal((await bot.answerNext(200)).body, '{"key":"two"}');
  await after.notifier.settled('under way');
  assert.equal(bot.waiting.length, 0);
  await after.clock.advance(1000);
  const retried = await bot.answerNext(200);
  assert.equal(retried.headers['tonearm-notification-id'], failed.headers['tonearm-notification-id']);
  await after.notifier.settled('failed once');
  reopened.close();
});

test('an outbox that fails is an error to whoever appends', async (t) => {
  const { notifier, outbox } = start(t);
  await notifier.close();
  outbox.close();
  await assert.rejects(notifier.append(notification('http://127.0.0.1:9/', 'a', 'one')), {
    code: 'outboxFailed',
  });
});

test('delivered notifications are forgotten after a day', async (t) => {
  const bot = await openBot(t);
  const { clock, notifier } = start(t);
  await notifier.append(notification(bot.url, 'a', 'one'));
  await bot.answerNext(200);
  await notifier.settled('a');
  await clock.advance(86_400_000 + 60_000);
  await notifier.append(notification(bot.url, 'a', 'one'));
  assert.equal((await bot.answerNext(200)).headers['tonearm-sequence'], '2');
});
