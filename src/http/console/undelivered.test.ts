import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOT, CALL_ID } from '../../../test/support/api-stage.ts';
import { setConsoleStage } from '../../../test/support/console-stage.ts';
import type { Notifier } from '../../notify/outbox.ts';

test('what bots would not take is listed without its secrets, and sent again', async (t) => {
  const asked: unknown[] = [];
  const notifier: Pick<Notifier, 'undelivered' | 'resend'> = {
    async undelivered(applicationId, page) {
      asked.push([applicationId, page]);
      const what = {
        lane: CALL_ID,
        key: 'key',
        tenantId: BOT.tenantId,
        headers: {},
        createdAt: 5,
        attempts: 3,
      };
      const body = '{"recordResourceAccessToken":"hush","state":"established"}';
      const target = 'https://bot.example/calls?code=hush#x';
      const one = {
        ...what,
        id: 'one',
        sequence: 2,
        state: 'undelivered',
        lastError: '500',
        body,
        target,
      } as const;
      const unknown = { ...one, id: 'two', applicationId: 'gone', lastError: undefined };
      return { total: 9, page: [{ ...one, applicationId: BOT.id }, unknown] };
    },
    async resend(applicationId, id) {
      asked.push([applicationId, id]);
      return id === 'one';
    },
  };
  const { ask, signedIn } = await setConsoleStage(t, { notifier });
  const headers = await signedIn();
  const { total, rows } = (await ask('GET', '/console/undelivered?top=2&skip=4', headers)).json();
  assert.equal(total, 9);
  assert.deepEqual(rows[0], {
    ...{ id: 'one', applicationId: BOT.id, applicationName: BOT.name, callId: CALL_ID, number: 2 },
    ...{ createdAt: 5, attempts: 3, target: 'https://bot.example/calls', lastError: '500' },
    body: { recordResourceAccessToken: '***', state: 'established' },
  });
  assert.deepEqual([rows[1].applicationName, 'lastError' in rows[1]], ['gone', false]);
  assert.equal((await ask('POST', '/console/undelivered/ONE/resend', headers)).statusCode, 204);
  assert.equal((await ask('POST', '/console/undelivered/two/resend', headers)).statusCode, 404);
  assert.deepEqual(asked, [
    [undefined, { top: 2, skip: 4 }],
    [undefined, 'one'],
    [undefined, 'two'],
  ]);
});
