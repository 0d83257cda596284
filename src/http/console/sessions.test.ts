import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { openSessions } from './sessions.ts';

const MINUTE = 60_000;

test('a session ends when nothing was asked in it for an hour', async () => {
  const clock = new VirtualClock();
  const sessions = openSessions(clock);
  const { token, session } = sessions.begin();
  for (let turn = 0; turn < 5; turn++) {
    await clock.advance(59 * MINUTE);
    assert.equal(sessions.find(token), session);
  }
  await clock.advance(60 * MINUTE);
  assert.equal(sessions.find(token), undefined);
  assert.ok(session.ended.aborted);
  assert.equal(clock.timers, 0);
});

test('a session ends after twelve hours, whatever goes on in it', async () => {
  const clock = new VirtualClock();
  const sessions = openSessions(clock);
  const { token, session } = sessions.begin();
  for (let minute = 0; minute < 12 * 60 - 1; minute += 1) {
    await clock.advance(MINUTE);
    assert.equal(sessions.find(token), session);
  }
  await clock.advance(MINUTE);
  assert.ok(session.ended.aborted);
  assert.equal(clock.timers, 0);
});

test('there are a hundred sessions at most: the one that was idle for longest makes room', () => {
  const sessions = openSessions(new VirtualClock());
  const begun = Array.from({ length: 100 }, () => sessions.begin());
  sessions.find(begun[0]?.token ?? '');
  const last = sessions.begin();
  assert.deepEqual(
    begun.map(({ session }, index) => (session.ended.aborted ? index : -1)).filter((index) => index >= 0),
    [1],
  );
  assert.ok(sessions.find(last.token));
  sessions.close();
  for (const { token } of [...begun, last]) assert.equal(sessions.find(token), undefined);
});

test('a session that has ended stays ended, and its CSRF token is another one’s not', () => {
  const sessions = openSessions(new VirtualClock());
  const [one, other] = [sessions.begin(), sessions.begin()];
  assert.ok(one.session.allows(one.session.csrfToken));
  assert.ok(!one.session.allows(other.session.csrfToken));
  assert.ok(!one.session.allows(''));
  one.session.end();
  one.session.touch();
  assert.equal(sessions.find(one.token), undefined);
});
