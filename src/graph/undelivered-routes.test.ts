import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify from 'fastify';
import { BOT, OTHER_BOT, setApiStage } from '../../test/support/api-stage.ts';
import type { Page, StoredNotification } from '../notify/outbox.ts';
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

async function staged(left: readonly StoredNotification[] = [stored]) {
  const { tokens } = await setApiStage();
  const resent: string[] = [];
  const notifier = {
    undelivered: async (applicationId: string, { skip, top }: Page) => {
      const all = applicationId === BOT.id ? left : [];
      return { total: all.length, page: all.slice(skip, skip + top) };
    },
    resend: async (applicationId: string, id: string) =>
      applicationId === BOT.id && left.some((one) => one.id === id) && resent.push(id) > 0,
  };
  const app = Fastify({ genReqId: () => 'request' });
  await app.register(undeliveredRoutes({ notifier, tokens, publicUrl: 'https://calls.example' }));
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

test('many come in pages, which follow each other by nextLink', async () => {
  const { as } = await staged(Array.from({ length: 250 }, (_, at) => ({ ...stored, sequence: at + 1 })));
  const sequences: number[] = [];
  let next: string | undefined = '/undelivered?$select=sequence&$count=true';
  for (let pages = 0; next !== undefined; pages++) {
    const page: {
      value: { sequence: number; body?: unknown }[];
      '@odata.nextLink'?: string;
      '@odata.count': number;
    } = (await as(BOT, 'GET', next)).json();
    assert.equal(page['@odata.count'], 250);
    assert.equal(page.value.length, [100, 100, 50][pages]);
    assert.equal(page.value[0]?.body, undefined);
    sequences.push(...page.value.map(({ sequence }) => sequence));
    next = page['@odata.nextLink']?.replace('https://calls.example', '');
  }
  assert.deepEqual(
    sequences,
    Array.from({ length: 250 }, (_, at) => at + 1),
  );
  assert.equal((await as(BOT, 'GET', '/undelivered?$top=1000')).json().value.length, 250);
});
