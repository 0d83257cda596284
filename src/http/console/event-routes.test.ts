import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { CALL_ID } from '../../../test/support/api-stage.ts';
import { callRow, HEALTH, setConsoleStage } from '../../../test/support/console-stage.ts';
import { until } from '../../../test/support/recordings.ts';

interface Reading {
  readonly asked: ClientRequest;
  readonly response: IncomingMessage;
  /** `event: data` of all that was read. */
  readonly told: () => readonly (readonly [event: string, data: string])[];
  readonly text: () => string;
}

/** Events over real sockets. */
async function served(t: TestContext) {
  const stage = await setConsoleStage(t);
  await stage.api.app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = stage.api.app.server.address() as AddressInfo;
  const open: ClientRequest[] = [];
  t.after(() => {
    for (const one of open) one.destroy();
  });
  const read = async (
    headers: Record<string, string>,
    { query = '', pausing = false } = {},
  ): Promise<Reading> => {
    const asked = request({ port, path: `/console/events${query}`, headers, agent: false }).end();
    open.push(asked);
    asked.on('error', () => {});
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.on('error', () => {});
    let text = '';
    response.setEncoding('utf8');
    if (!pausing) response.on('data', (piece: string) => (text += piece));
    const told = () =>
      [...text.matchAll(/^event: (.*)\nid: 1\ndata: (.*)\n\n/gm)].map(
        ([, event = '', data = '']) => [event, data] as const,
      );
    return { asked, response, told, text: () => text };
  };
  return { ...stage, read };
}

test('who looks is told of every call, and what happens in the one he looks at', async (t) => {
  const { read, signedIn, traces } = await served(t);
  const headers = await signedIn();
  const [all, one] = [await read(headers), await read(headers, { query: `?call=${CALL_ID}` })];
  assert.equal(all.response.headers['content-type'], 'text/event-stream');
  assert.equal(all.response.headers['cache-control'], 'no-store');
  // A name that would be markup, or another event, anywhere but in JSON.
  traces.begin(callRow({ caller: '"</script>\n\nevent: reset\ndata: {}' }), undefined);
  traces.add(CALL_ID, () => ({ detail: { kind: 'heard', what: 'speech' } }));
  await until(() => one.told().length === 2 && all.told().length === 1);
  assert.deepEqual(
    one.told().map(([event]) => event),
    ['call', 'trace'],
  );
  assert.equal(JSON.parse(all.told()[0]?.[1] ?? '').caller, '"</script>\n\nevent: reset\ndata: {}');
  assert.equal(JSON.parse(one.told()[1]?.[1] ?? '').callId, CALL_ID);
});

test('health is told every two seconds, and the undelivered when there are others, to who looks', async (t) => {
  const { read, signedIn, clock, setHealth } = await served(t);
  await clock.advance(10_000);
  const reading = await read(await signedIn());
  await clock.advance(2000);
  await until(() => reading.told().length === 2);
  await clock.advance(2000);
  setHealth({ ...HEALTH, outboxUndelivered: 7 });
  await clock.advance(2000);
  await until(() => reading.told().length === 5);
  assert.deepEqual(
    reading.told().map(([event]) => event),
    ['health', 'undelivered', 'health', 'health', 'undelivered'],
  );
  assert.equal(reading.told().at(-1)?.[1], '{"total":7}');
});

test('what becomes of a recording is told within half a second', async (t) => {
  const { read, signedIn, clock, archive, recordings } = await served(t);
  const reading = await read(await signedIn());
  const { recordingId } = await archive.prepare();
  recordings.grown(recordingId, 8000);
  await clock.advance(500);
  await until(() => reading.told().length === 1);
  await recordings.discard(recordingId);
  await clock.advance(500);
  await until(() => reading.told().length === 2);
  const rows = reading
    .told()
    .map(([event, data]) => [event, JSON.parse(data).state, JSON.parse(data).durationMs]);
  assert.deepEqual(rows, [
    ['recording', 'recording', 1000],
    ['recording', 'gone', undefined],
  ]);
});

test('who comes back after a gap is told to ask for everything again', async (t) => {
  const { read, signedIn } = await served(t);
  const headers = await signedIn();
  const reading = await read({ ...headers, 'last-event-id': '1' });
  await until(() => reading.told().length === 1);
  assert.equal(reading.told()[0]?.[0], 'reset');
  assert.match(reading.text(), /^retry: 2000\nid: 1\n\n/);
});

test('a reader is told that the connection lives, and keeps his session alive', async (t) => {
  const { read, signedIn, ask, clock } = await served(t);
  const headers = await signedIn();
  const reading = await read(headers);
  for (let beat = 0; beat < 2 * 240; beat++) await clock.advance(15_000);
  await until(() => reading.text().includes(':\n\n'));
  assert.equal((await ask('GET', '/console/session', headers)).statusCode, 200);
});

test('events end with their session, and with the server', async (t) => {
  const { read, signedIn, ask, clock, api, watchers } = await served(t);
  const [one, other] = [await signedIn(), await signedIn()];
  const [first, second] = [await read(one), await read(other)];
  await ask('POST', '/console/sign-out', one);
  await once(first.response, 'close');
  assert.ok(watchers.any);
  const ended = once(second.response, 'close');
  await api.app.close();
  await ended;
  assert.ok(!watchers.any);
  await clock.advance(20_000);
});

test('a reader who leaves is let go of', async (t) => {
  const { read, signedIn, watchers } = await served(t);
  const { asked } = await read(await signedIn());
  assert.ok(watchers.any);
  asked.destroy();
  await until(() => !watchers.any);
});

test('a reader who does not read is let go of after a minute', async (t) => {
  const { read, signedIn, watchers, traces, clock } = await served(t);
  await read(await signedIn(), { pausing: true });
  const row = callRow({ caller: 'x'.repeat(10_000) });
  traces.begin(row, undefined);
  await until(async () => {
    for (let change = 0; change < 500; change++) traces.change(CALL_ID, { state: `state ${change}` });
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(1000);
    return !watchers.any;
  });
});

test('there are ten readers of a session at most', async (t) => {
  const { read, signedIn, ask } = await served(t);
  const headers = await signedIn();
  for (let reader = 0; reader < 10; reader++) await read(headers);
  const refused = await ask('GET', '/console/events', headers);
  assert.deepEqual([refused.statusCode, refused.headers['retry-after']], [503, '10']);
});
