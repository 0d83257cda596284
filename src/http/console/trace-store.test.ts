import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../../test/support/virtual-clock.ts';
import { openTraces, type TracesOptions } from './trace-store.ts';
import type { Happened, TraceNews } from './traces.ts';
import type { CallRow } from './wire.ts';

const row = (id: string): Omit<CallRow, 'hasErrors'> => ({
  id,
  applicationId: 'a1',
  applicationName: 'Voicemail',
  direction: 'incoming',
  state: 'incoming',
  caller: '+1425',
  callee: 'voicemail',
  createdAt: 0,
});
const PEER = { transport: 'udp', address: '192.0.2.9', port: 5060 } as const;
const state = (name: string, error?: string) => (): Happened => ({
  detail: { kind: 'state', state: name },
  error,
});
const sip = (first: string, sipCallId: string) => Buffer.from(`${first}\r\nCall-ID: ${sipCallId}\r\n\r\n`);

function stage(options: Partial<TracesOptions> = {}) {
  const clock = new VirtualClock();
  const traces = openTraces({ clock, ...options });
  const states = (callId: string) =>
    traces.trace(callId)?.events.map((event) => (event.kind === 'state' ? event.state : event.kind));
  const titles = (callId: string) =>
    traces.trace(callId)?.events.map((event) => (event.kind === 'sip' ? event.title : event.kind));
  return { clock, traces, states, titles };
}

/** What has come by now. */
async function taken(news: AsyncIterable<TraceNews>, stop: AbortController): Promise<TraceNews[]> {
  const all: TraceNews[] = [];
  const reading = (async () => {
    for await (const one of news) all.push(one);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await reading;
  return all;
}

test('a call begins with what was seen of it before it was known, in the order in which that happened', async () => {
  const { clock, traces, titles } = stage();
  traces.sip('in', sip('INVITE sip:a@b SIP/2.0', 'x@y'), PEER);
  await clock.advance(10);
  traces.addEarly('c1', state('made'));
  await clock.advance(10);
  traces.sip('out', sip('SIP/2.0 180 Ringing', 'x@y'), PEER);
  traces.begin(row('c1'), 'x@y');
  traces.sip('in', sip('ACK sip:a@b SIP/2.0', 'x@y'), PEER);
  assert.deepEqual(titles('c1'), [
    'INVITE sip:a@b SIP/2.0',
    'state',
    'SIP/2.0 180 Ringing',
    'ACK sip:a@b SIP/2.0',
  ]);
  assert.deepEqual(
    traces.trace('c1')?.events.map(({ sequence, at }) => [sequence, at - clock.now()]),
    [
      [1, -20],
      [2, -10],
      [3, 0],
      [4, 0],
    ],
  );
});

test('SIP that is no call of ours is forgotten, and a flood of it costs no call its beginning', async () => {
  const { clock, traces, titles } = stage();
  traces.sip('in', sip('OPTIONS sip:a@b SIP/2.0', 'o'), PEER);
  for (let index = 0; index < 1000; index++)
    traces.sip('in', sip('INVITE sip:a@b SIP/2.0', `f${index}`), PEER);
  traces.sip('in', sip('INVITE sip:a@b SIP/2.0', 'x'), PEER);
  for (let index = 0; index < 100; index++) traces.sip('in', sip('INVITE sip:a@b SIP/2.0', 'x'), PEER);
  traces.begin(row('c1'), 'x');
  assert.equal(titles('c1')?.length, 8);
  traces.begin(row('c2'), 'o');
  traces.begin(row('c3'), 'f0');
  assert.deepEqual([titles('c2'), titles('c3')], [[], []]);
  traces.sip('in', sip('INVITE sip:a@b SIP/2.0', 'late'), PEER);
  await clock.advance(60_000);
  traces.sip('in', sip('INVITE sip:a@b SIP/2.0', 'next'), PEER);
  traces.begin(row('c4'), 'late');
  assert.deepEqual(titles('c4'), []);
});

test('the oldest events make room and are counted, by number and by size', () => {
  const { traces, states } = stage({ events: 3 });
  traces.begin(row('c1'), undefined);
  for (const name of ['1', '2', '3', '4', '5']) traces.add('c1', state(name));
  assert.deepEqual([states('c1'), traces.trace('c1')?.dropped], [['3', '4', '5'], 2]);

  const small = stage({ bytes: 2500 });
  small.traces.begin(row('c1'), undefined);
  for (const name of ['1', '2', '3']) small.traces.add('c1', state(name.repeat(1000)));
  assert.equal(small.traces.trace('c1')?.dropped, 1);
  small.traces.add('c1', state('4'.repeat(9000)));
  assert.deepEqual(
    small.states('c1')?.map((text) => text.length),
    [9000],
    'the last one is there, however large',
  );
});

test('a new call takes the place of the traced one that ended first; while all live, it has its row alone', () => {
  const { traces, states } = stage({ calls: 2 });
  for (const id of ['c1', 'c2']) traces.begin(row(id), id);
  assert.equal(traces.wants('c3'), false);
  traces.begin(row('c3'), 'c3');
  traces.add('c3', () => assert.fail('nobody needs to know'));
  traces.sip('in', sip('BYE sip:a@b SIP/2.0', 'c3'), PEER);
  assert.deepEqual([states('c3'), traces.trace('c3')?.dropped], [[], 2]);

  traces.change('c2', { state: 'terminated', endedAt: 5 });
  assert.equal(traces.wants('c4'), true);
  traces.begin(row('c4'), 'c4');
  traces.add('c4', state('incoming'));
  assert.deepEqual(states('c4'), ['incoming']);
  assert.deepEqual(
    traces.rows().map(({ id }) => id),
    ['c4', 'c3', 'c1'],
  );
  for (const id of ['c1', 'c3', 'c4']) traces.change(id, { endedAt: 6 });
  assert.deepEqual(
    traces.rows().map(({ id }) => id),
    ['c4', 'c3'],
    'no more ended ones are remembered',
  );
  assert.equal(traces.trace('c1'), undefined);
});

test('the first error marks the row, and a member that is taken away is gone', () => {
  const { traces } = stage();
  traces.begin(row('c1'), undefined);
  traces.add('c1', state('established'));
  traces.change('c1', { running: 'record' });
  assert.deepEqual([traces.rows()[0]?.hasErrors, traces.rows()[0]?.running], [false, 'record']);
  traces.add('c1', state('terminated', 'it failed'));
  traces.change('c1', { running: undefined });
  assert.deepEqual(traces.rows()[0], { ...row('c1'), hasErrors: true });
  assert.equal(traces.trace('c1')?.events[1]?.error, 'it failed');
});

test('a reader hears of every call, and of what happens in the one it asked for, from the moment it asked', async () => {
  const { traces } = stage();
  traces.begin(row('c1'), undefined);
  traces.add('c1', state('before'));
  const stop = new AbortController();
  const news = traces.events('c1', stop.signal);
  traces.begin(row('c2'), undefined);
  traces.add('c2', state('elsewhere'));
  traces.add('c1', state('established'));
  const heard = await taken(news, stop);
  assert.deepEqual(
    heard.map(({ event, data }) => [event, 'callId' in data ? data.callId : 'id' in data && data.id]),
    [
      ['call', 'c2'],
      ['trace', 'c1'],
    ],
  );
  traces.add('c1', state('after'));
  assert.deepEqual(await taken(news, stop), []);
});

test('a reader who is too slow is told to begin again, and loses nothing of what comes then', async () => {
  const { traces } = stage();
  traces.begin(row('c1'), undefined);
  const stop = new AbortController();
  const news = traces.events('c1', stop.signal);
  for (let index = 0; index < 1001; index++) traces.add('c1', state(`${index}`));
  traces.add('c1', state('last'));
  const heard = await taken(news, stop);
  assert.deepEqual(
    heard.map(({ event }) => event),
    ['reset', 'trace'],
  );
});
