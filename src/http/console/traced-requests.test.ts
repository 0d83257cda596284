import assert from 'node:assert/strict';
import { test } from 'node:test';
import Fastify, { type FastifyPluginAsync } from 'fastify';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { openTraces } from './trace-store.ts';
import { traceRequests } from './traced-requests.ts';

const ROW = {
  id: 'c1',
  applicationId: 'a1',
  applicationName: 'Voicemail',
  direction: 'outgoing',
  state: 'establishing',
  caller: 'Voicemail',
  callee: '+1425',
  createdAt: 0,
} as const;

const routes: FastifyPluginAsync = async (app) => {
  app.post('/calls', async (_request, reply) => reply.code(201).send({ id: 'c1', chatToken: 'secret' }));
  app.post('/calls/:callId/record', {
    schema: { body: { type: 'object', properties: { beep: { default: true } } } },
    handler: async (request, reply) => {
      const { fail } = request.body as { fail?: boolean };
      if (fail) return reply.code(409).send({ error: { code: '8500', message: 'It is busy.' } });
      return reply.code(202).send();
    },
  });
  app.get('/calls/:callId', async () => ({ state: 'x'.repeat(20_000) }));
};

async function stage(traced = true) {
  const clock = new VirtualClock();
  const traces = openTraces({ clock });
  const app = Fastify();
  await app.register(traceRequests(traced ? traces : undefined, clock, [routes]));
  const post = (url: string, payload: object) =>
    app.inject({ method: 'POST', url, payload, headers: { authorization: 'Bearer a.b.c' } });
  const requests = () =>
    (traces.trace('c1')?.events ?? []).flatMap((event) => (event.kind === 'request' ? [event] : []));
  return { app, traces, post, requests };
}

test('a request is in the trace of its call as it was sent, with its answer and why it was refused', async () => {
  const { traces, post, requests } = await stage();
  traces.begin(ROW, undefined);
  await post('/calls/c1/record?x=1', { uri: 'http://bot/a.wav?sig=secret' });
  await post('/calls/c1/record', { fail: true });
  const [taken, refused] = requests();
  assert.deepEqual(
    [taken?.method, taken?.path, taken?.headers.authorization, taken?.body, taken?.status, taken?.answer],
    ['POST', '/calls/c1/record?x=1', 'Bearer ***', { uri: 'http://bot/a.wav?***' }, 202, undefined],
    'without the defaults that are filled in',
  );
  assert.deepEqual([refused?.status, refused?.error], [409, '409 8500: It is busy.']);
  assert.deepEqual(refused?.answer, { error: { code: '8500', message: 'It is busy.' } });
});

test('the request that made a call is in its trace, though the call becomes known only then', async () => {
  const { traces, post, requests } = await stage();
  await post('/calls', { callbackUri: 'http://bot/calls?code=secret' });
  traces.begin(ROW, undefined);
  assert.deepEqual(
    requests().map(({ path, status, body, answer }) => ({ path, status, body, answer })),
    [
      {
        path: '/calls',
        status: 201,
        body: { callbackUri: 'http://bot/calls?***' },
        answer: { id: 'c1', chatToken: '***' },
      },
    ],
  );
});

test('of long bodies the beginning is shown', async () => {
  const { app, traces, requests } = await stage();
  traces.begin(ROW, undefined);
  const answer = await app.inject('/calls/c1');
  assert.equal(answer.body.length, 20_012);
  const shown = requests()[0]?.answer;
  assert.ok(typeof shown === 'string' && shown.length < 9000 && shown.endsWith(' 20012 characters in all'));
});

test('calls that are not known have no trace, and without a store the routes are as they are', async () => {
  const { post, traces } = await stage();
  assert.equal((await post('/calls/c2/record', {})).statusCode, 202);
  assert.equal(traces.trace('c2'), undefined);
  const plain = await stage(false);
  assert.equal((await plain.post('/calls/c1/record', {})).statusCode, 202);
});
