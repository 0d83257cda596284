import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TraceDetail, TraceEvent } from '../../../src/http/console/wire.ts';
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

test('every event says between whom it passed, and in a few words what it was', () => {
  const told = [event(1, SIP), event(2, REQUEST), event(3, NOTIFICATION, 'the bot did not answer')].map(
    (one) => tellingOf(one),
  );
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
