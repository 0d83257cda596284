import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import { BOT, OTHER_BOT, setApiStage } from '../../test/support/api-stage.ts';
import type { StoredNotification } from '../notify/outbox.ts';
import { undeliveredRoutes } from './undelivered-routes.ts';

const stored: StoredNotification = {
  id: '0fe0623f-d628-42ed-b4bd-8ac290072cc5',
  lane: 'call-1',
  key: 'call:1:created',
  sequence: 1,
  target: 'https://bot.example.com/api/calls',
  applicationId: BOT.id,
  tenantId: BOT.tenantId,
  body: '{"value":[]}',
  headers: {},
  createdAt: Date.parse('2026-01-01T00:00:00Z'),
  attempts: 70,
  state: 'undelivered',
  lastError: '500',
};

async function staged() {
  const { tokens } = await setApiStage();
  const resent: string[] = [];
  const notifier = {
    undelivered: async (applicationId: string) => (applicationId === BOT.id ? [stored] : []),
    resend: async (id: string) => resent.push(id) > 0,
  };
  const app = Fastify({ genReqId: () => 'request' });
  await app.register(undeliveredRoutes({ notifier, tokens }));
  const as = async (who: typeof BOT, method: 'GET' | 'POST', url: string) => {
    const { token } = await tokens.issue(who);
    return app.inject({ method, url, headers: { authorization: `Bearer ${token}` } });
  };
  return { app, as, resent };
}

test('an application sees what its bot was not told, and has it sent again', async () => {
  const { as, resent } = await staged();
  const listed = (await as(BOT, 'GET', '/undelivered')).json().value;
  assert.deepEqual(
    [listed[0].id, listed[0].callId, listed[0].sequence, listed[0].lastError, listed[0].body],
    [stored.id, 'call-1', 1, '500', { value: [] }],
  );
  assert.equal((await as(BOT, 'POST', `/undelivered/${stored.id.toUpperCase()}/resend`)).statusCode, 202);
  assert.deepEqual(resent, [stored.id]);
});

test("another application's is not there, and nothing is without a token", async () => {
  const { app, as, resent } = await staged();
  assert.deepEqual((await as(OTHER_BOT, 'GET', '/undelivered')).json(), { value: [] });
  assert.equal((await as(OTHER_BOT, 'POST', `/undelivered/${stored.id}/resend`)).statusCode, 404);
  assert.equal((await app.inject({ url: '/undelivered' })).statusCode, 401);
  assert.deepEqual(resent, []);
});
