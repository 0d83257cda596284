import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CallTrace, TraceDetail, TraceEvent } from '../../../src/http/console/wire.ts';
import { exchangeAsHttp, exchangeAsJson } from './exchange.ts';
import { tellingOf } from './telling.ts';

const event = (sequence: number, detail: TraceDetail, error?: string): TraceEvent => ({
  sequence,
  at: 1_000_000 + sequence * 10,
  ...(error !== undefined && { error }),
  ...detail,
});

const SIP: TraceDetail = {
  kind: 'sip',
  direction: 'in',
  transport: 'WS',
  remote: '127.0.0.1:50000',
  title: 'INVITE sip:voicemail@tonearm.invalid SIP/2.0',
  text: 'INVITE sip:voicemail@tonearm.invalid SIP/2.0\r\nFrom: "### evil" <sip:a@b>;tag=1\r\n\r\n',
};
const REQUEST: TraceDetail = {
  kind: 'request',
  method: 'POST',
  path: '/beta/app/calls/c1/record',
  headers: { authorization: 'Bearer …', 'content-type': 'application/json' },
  body: { stopTones: ['#'] },
  status: 202,
  ms: 2.25,
};
const NOTIFICATION: TraceDetail = {
  kind: 'notification',
  id: 'n1',
  number: 3,
  attempt: 2,
  target: 'http://127.0.0.1:9000/api/calls',
  body: {
    value: [{ changeType: 'updated', resource: '/app/calls/c1', resourceData: { state: 'established' } }],
  },
  ms: 12,
  nextAttemptInMs: 4000,
};

const trace: CallTrace = {
  call: {
    id: 'c1',
    applicationId: 'a1',
    applicationName: 'Voicemail',
    direction: 'incoming',
    state: 'established',
    caller: 'a line\nDELETE http://example.invalid/',
    callee: 'sip:voicemail@tonearm.invalid',
    createdAt: 1_000_000,
    hasErrors: true,
  },
  events: [event(1, SIP), event(2, REQUEST), event(3, NOTIFICATION, 'the bot did not answer')],
  dropped: 0,
};

test('the exchange as JSON is the whole trace', () => {
  assert.deepEqual(JSON.parse(exchangeAsJson(trace)), trace);
});

test('the exchange as a .http file has each request of the bot, ready to be sent again, and each notification', () => {
  const text = exchangeAsHttp(trace, 'http://127.0.0.1:8080');
  assert.match(text, /^### 0\.020 s POST record · answered 202 in 2\.3 ms$/m);
  assert.match(text, /^POST http:\/\/127\.0\.0\.1:8080\/beta\/app\/calls\/c1\/record$/m);
  assert.match(text, /^authorization: Bearer \{\{token\}\}$/m);
  assert.match(text, /^ {2}"stopTones": \[$/m);
  assert.match(text, /^### 0\.030 s Notification 3, attempt 2: .* ERROR the bot did not answer$/m);
  assert.match(text, /^POST http:\/\/127\.0\.0\.1:9000\/api\/calls$/m);
});

test('what a caller says begins no request of a .http file', () => {
  const lines = exchangeAsHttp(trace, 'http://127.0.0.1:8080').split('\n');
  assert.ok(!lines.some((line) => line.startsWith('DELETE') || line.includes('\r')));
  assert.ok(lines.some((line) => line.startsWith('# From: "### evil"')));
});

test('every event says between whom it passed, and in a few words what it was', () => {
  const told = trace.events.map((one) => tellingOf(one));
  assert.deepEqual(
    told.map(({ lane, title, aside }) => [lane, title, aside]),
    [
      ['fromCaller', 'INVITE sip:voicemail@tonearm.invalid SIP/2.0', 'WS 127.0.0.1:50000'],
      ['fromBot', 'POST record', 'answered 202 in 2.3 ms'],
      ['toBot', 'Notification 3, attempt 2: updated call established', 'no answer in 12 ms; again in 4 s'],
    ],
  );
  assert.equal(tellingOf(event(4, { kind: 'heard', what: 'key', key: '#' })).title, 'Key #');
  const ended = { operationId: 'o1', operation: 'record', change: 'bargeIn', detail: 'by speech' } as const;
  assert.equal(tellingOf(event(5, { kind: 'operation', ...ended })).title, 'record: barge in');
});
