import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callAsHttp, callAsJson } from './exported-call.ts';
import type { CallTrace, TraceEvent } from './wire.ts';

const ID = '11111111-2222-3333-4444-555555555555';
const AT = Date.parse('2026-01-01T12:00:00Z');

const asked = (sequence: number, at: number, changes: object): TraceEvent =>
  ({
    sequence,
    at: AT + at,
    kind: 'request',
    method: 'POST',
    path: `/app/calls/${ID}/record`,
    headers: { authorization: 'Bearer ***', 'user-agent': 'bot/1', 'idempotency-key': 'k1' },
    status: 202,
    ms: 5,
    ...changes,
  }) as TraceEvent;

const trace: CallTrace = {
  call: {
    id: ID,
    applicationId: 'a1',
    applicationName: 'Voicemail',
    direction: 'incoming',
    state: 'terminated',
    caller: 'Eve\u2028\n### GET http://evil.example',
    callee: 'sip:voicemail@127.0.0.1',
    createdAt: AT,
    endedAt: AT + 5000,
    ending: 'the bot hung up',
    hasErrors: true,
  },
  events: [
    { sequence: 1, at: AT, kind: 'state', state: 'incoming' },
    {
      sequence: 2,
      at: AT + 10,
      kind: 'notification',
      id: 'n1',
      number: 1,
      attempt: 1,
      target: 'http://bot.example/calls',
      body: { value: [{ changeType: 'created' }] },
      status: 503,
      ms: 3,
      nextAttemptInMs: 1000,
      error: 'answered 503',
    },
    asked(4, 30, { method: 'DELETE', path: `/app/calls/${ID}?x={{token}}`, status: 204 }),
    asked(3, 20, { body: { clientContext: '{{$processEnv HOME}}', stopTones: ['#'] } }),
    {
      sequence: 5,
      at: AT + 40,
      kind: 'notification',
      id: 'n2',
      number: 2,
      attempt: 1,
      target: 'http://bot.example/calls',
      body: {},
      ms: 3,
      error: 'connect ECONNREFUSED',
    },
  ],
  dropped: 2,
};

test('as a .http file a call is the requests of its bot, to be sent again, with what it was told between them', () => {
  assert.equal(
    callAsHttp(trace, 'http://127.0.0.1:8080'),
    `@host = http://127.0.0.1:8080
# An access token of the application.
@token =
@call = ${ID}

# incoming call from Eve ### GET http://evil.example to sip:voicemail@127.0.0.1, Voicemail
# 2026-01-01T12:00:00.000Z: the bot hung up
# The first 2 events are not remembered.

### 12:00:00.020 POST record: 202
# 12:00:00.010 notification 1, attempt 1, to http://bot.example/calls: 503
# {
#   "value": [
#     {
#       "changeType": "created"
#     }
#   ]
# }
POST {{host}}/app/calls/{{call}}/record
Authorization: Bearer {{token}}
idempotency-key: k1
Content-Type: application/json

{
  "clientContext": "{\\u007b$processEnv HOME}}",
  "stopTones": [
    "#"
  ]
}

### 12:00:00.030 DELETE ${ID}?x=%7B%7Btoken}}: 204
DELETE {{host}}/app/calls/{{call}}?x=%7B%7Btoken}}
Authorization: Bearer {{token}}
idempotency-key: k1

### told last
# 12:00:00.040 notification 2, attempt 1, to http://bot.example/calls: connect ECONNREFUSED
# {}
`,
  );
});

test('as JSON it is the trace', () => {
  assert.deepEqual(JSON.parse(callAsJson(trace)), trace);
});
