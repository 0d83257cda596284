import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type ApiStage, BOT, CALL_ID, setApiStage } from '../../test/support/api-stage.ts';

let stage: ApiStage;
before(async () => {
  stage = await setApiStage();
});
after(() => stage.app.close());

const NAMES = [
  'prompts',
  'mediaInfo',
  'uri',
  'resourceId',
  'loop',
  'stopTones',
  'bargeInAllowed',
  'maxRecordDurationInSeconds',
  'recordingFormat',
  'recordingChannels',
  'trimSilence',
  'clientContext',
  'callbackUri',
  'mediaConfig',
  'preFetchMedia',
  'reason',
  'targets',
  'transferTarget',
  'identity',
  'phone',
  'user',
  'source',
  'id',
  'requestedModalities',
  '@odata.type',
  '__proto__',
  'constructor',
];
const ACTIONS = [
  'answer',
  'reject',
  'redirect',
  'transfer',
  'playPrompt',
  'record',
  'cancelMediaProcessing',
  'subscribeToTone',
  'mute',
  'keepAlive',
];

/** JSON whose members have the names that matter, at any depth. */
const { body } = fc.letrec((tie) => ({
  body: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue(),
    tie('object'),
    fc.array(tie('body'), { maxLength: 3 }),
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom(...NAMES), tie('body')), { maxLength: 6 })
    .map(Object.fromEntries),
}));

test('no body makes the server fail', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ACTIONS), body, async (action, value) => {
      const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/${action}`, JSON.stringify(value));
      assert.ok(reply.statusCode < 500, `${reply.statusCode} ${reply.body}`);
      if (reply.statusCode >= 400) assert.match(reply.json().error.code, /^85\d\d$/);
    }),
    { numRuns: 400 },
  );
});

test('no body of a new call makes the server fail', async () => {
  const target = { identity: { phone: { id: '+14255550100' } } };
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('/beta/app/calls', '/v1.0/communications/calls'),
      body,
      async (root, value) => {
        const good = { callbackUri: 'https://bot.example.com/', targets: [target] };
        for (const sent of [
          value,
          { ...good, ...(value as object) },
          { ...good, targets: [value] },
          { ...good, source: value },
        ]) {
          const reply = await stage.send('POST', root, JSON.stringify(sent));
          assert.ok(reply.statusCode < 500, `${reply.statusCode} ${reply.body}`);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('no query makes the server fail', async () => {
  const names = ['$select', '$top', '$skip', '$count', '$filter', 'x', '__proto__'];
  const parameter = fc.tuple(
    fc.constantFrom(...names),
    fc.oneof(fc.string(), fc.constantFrom('1', 'id', 'true')),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(parameter, { maxLength: 5 }), async (parameters) => {
      for (const path of ['', '/operations', '/participants']) {
        const query = new URLSearchParams(parameters).toString();
        const reply = await stage.send('GET', `/beta/app/calls/${CALL_ID}${path}?${query}`);
        assert.ok(reply.statusCode < 500, `${reply.statusCode} ${reply.body}`);
      }
    }),
    { numRuns: 200 },
  );
});

test('no bytes make the server fail', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...ACTIONS), fc.string({ unit: 'binary' }), async (action, text) => {
      const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/${action}`, text);
      assert.ok(reply.statusCode < 500, `${reply.statusCode} ${reply.body}`);
    }),
    { numRuns: 200 },
  );
});

test('a body that is nested a hundred thousand times is refused like others, wherever it is deep', async () => {
  const lists = '['.repeat(100_000) + ']'.repeat(100_000);
  const objects = '{"a":'.repeat(40_000) + 1 + '}'.repeat(40_000);
  for (const deep of [lists, objects, `{"prompts":${lists}}`, `{"unknown":${objects}}`, '['.repeat(200_000)])
    for (const action of ACTIONS) {
      const reply = await stage.send('POST', `/beta/app/calls/${CALL_ID}/${action}`, deep);
      assert.equal(reply.statusCode, 400);
      assert.match(reply.json().error.message, /nested too deeply/);
    }
});

test('no path and no header makes the server fail', async () => {
  const segment = fc.oneof(
    fc.webSegment(),
    fc.constantFrom(CALL_ID, BOT.id, '%00', '..', 'operations', '%2f'),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(segment, { maxLength: 5 }),
      fc.string({ unit: 'grapheme-ascii' }),
      async (path, header) => {
        const headers = {
          authorization: header.trim(),
          'client-request-id': header.trim(),
          'idempotency-key': header.trim(),
        };
        for (const root of ['/beta/app/calls', '/beta/applications', ''])
          assert.ok(
            (await stage.send('GET', `${root}/${path.join('/')}`, undefined, headers)).statusCode < 500,
          );
      },
    ),
    { numRuns: 200 },
  );
});

test('no request for a token makes the server fail', async () => {
  const form = fc.dictionary(
    fc.constantFrom('grant_type', 'client_id', 'client_secret', 'scope', 'x'),
    fc.oneof(fc.string(), fc.constantFrom('client_credentials', BOT.id, 'tonearm/.default', BOT.secret)),
  );
  const types = ['application/x-www-form-urlencoded', 'application/json', 'text/plain'];
  await fc.assert(
    fc.asyncProperty(
      form,
      body,
      fc.constantFrom(...types),
      fc.webSegment(),
      async (fields, json, type, tenant) => {
        for (const payload of [
          new URLSearchParams(fields).toString(),
          JSON.stringify(json),
          JSON.stringify({ ...fields, scope: 5 }),
        ]) {
          const headers = { 'content-type': type, authorization: '' };
          const reply = await stage.send(
            'POST',
            `/${tenant || 'common'}/oauth2/v2.0/token`,
            payload,
            headers,
          );
          assert.ok(reply.statusCode < 500, `${reply.statusCode} ${reply.body} for ${type} ${payload}`);
        }
      },
    ),
    { numRuns: 200 },
  );
});
