import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultSchedule, pauseAfter, retryAfterMs } from './retry-schedule.ts';

const failed = { attempts: 1, firstAttemptAt: 0, now: 0, retryAfterMs: 0, random: 0.5 };

test('pauses double from one second to a minute', () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 8, 900].map((attempts) =>
    pauseAfter({ ...failed, attempts }, defaultSchedule),
  );
  assert.deepEqual(pauses, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('a pause varies by a fifth to either side', () => {
  assert.equal(pauseAfter({ ...failed, attempts: 7, random: 0 }, defaultSchedule), 48_000);
  assert.equal(pauseAfter({ ...failed, attempts: 7, random: 1 }, defaultSchedule), 72_000);
});

test('Retry-After makes a pause longer and never shorter', () => {
  assert.equal(pauseAfter({ ...failed, retryAfterMs: 90_000 }, defaultSchedule), 90_000);
  assert.equal(pauseAfter({ ...failed, attempts: 5, retryAfterMs: 3000 }, defaultSchedule), 16_000);
});

test('the last attempt is made an hour after the first, and its failure is final', () => {
  const late = { ...failed, attempts: 60, now: 3_590_000 };
  assert.equal(pauseAfter(late, defaultSchedule), 10_000);
  assert.equal(pauseAfter({ ...late, retryAfterMs: 86_400_000 }, defaultSchedule), 10_000);
  assert.equal(pauseAfter({ ...late, now: 3_600_000 }, defaultSchedule), undefined);
});

test('Retry-After is read as seconds or as a date, and nonsense is nothing', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfterMs('120', now), 120_000);
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  assert.equal(retryAfterMs('Thu, 01 Jan 2015 00:00:30 GMT', now), 0);
  for (const nonsense of [null, '', 'soon', '99999999999999999999'])
    assert.equal(retryAfterMs(nonsense, now), 0);
});
