import assert from 'node:assert/strict';
import { APP, type Case, COMMUNICATIONS, establish, prompt, ROOTS, refused, ring } from './stage.ts';

const UNKNOWN = 'aaaaaaaa-0000-4000-8000-000000000000';

/** §5: errors. */
export const errorCases: Readonly<Record<string, Case>> = {
  '§5 body is not JSON, wrong type, out of range, missing member (message names the JSON path and the rule)':
    async () => {
      const { stage, call, act } = await establish(APP);
      const bad = async (action: string, body: unknown) =>
        refused(await stage.send('POST', `${call}/${action}`, body), 400, '8523');
      assert.match(await bad('record', '{"prompts":'), /not JSON/);
      assert.match(
        await bad('record', { playBeep: 'yes' }),
        /\$\.playBeep is "yes"; it must be true or false/,
      );
      assert.match(await bad('record', { maxRecordDurationInSeconds: 1801 }), /\$\.maxRecordDur.* 1 to 1800/);
      assert.match(await bad('record', { prompts: [{}] }), /\$\.prompts\[0\]\.mediaInfo is missing/);
      assert.equal((await act('record', { prompts: null, playBeep: null })).statusCode, 202);
      assert.equal(stage.engine.line.runs.length, 1, 'nothing was queued by the others');
    },
  '§5 action that needs an established call on one that is not': async () => {
    for (const root of [APP, COMMUNICATIONS]) {
      const { stage, call } = await ring(root);
      refused(await stage.send('POST', `${call}/playPrompt`, { prompts: [prompt] }), 400, '8501');
    }
  },
  "§5 call not found, or another application's": notFound,
  '§5 call has ended': async () => {
    const { stage, call, act } = await establish(APP);
    assert.equal((await stage.send('DELETE', call)).statusCode, 204);
    refused(await act('record'), 404, '8528');
    refused(await stage.send('GET', call), 404, '8528');
    refused(await stage.send('POST', `${call}/keepAlive`), 404, '8528');
  },
  '§5 answering a call twice, and other conflicts': async () => {
    const { act } = await establish(APP);
    refused(await act('answer', { callbackUri: 'https://bot.example.com/calls' }), 409, '8519');
    refused(await act('reject', { reason: 'busy' }), 409, '8519');
  },
  '§5 no or bad token (+ WWW-Authenticate)': async () => {
    const { stage, call } = await establish(APP);
    for (const authorization of ['', 'Bearer nonsense', 'Basic YTpi']) {
      const answer = await stage.send('GET', call, undefined, { authorization });
      refused(answer, 401, 'InvalidAuthenticationToken');
      assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="/);
    }
  },
  '§5 token without the role': async () => {
    const { stage, call } = await establish(APP);
    const other = { authorization: stage.otherBearer };
    refused(await stage.send('POST', `${call}/record`, {}, other), 403, '7504');
    refused(await stage.send('POST', `${call}/subscribeToTone`, {}, other), 403, '7504');
    refused(await stage.send('POST', `${APP}/calls`, {}, other), 403, '7504');
  },
  '§5 unknown path; method not allowed': async () => {
    const { stage, call } = await establish(APP);
    refused(await stage.send('POST', `${call}/dance`, {}), 404, 'ResourceNotFound');
    const answer = await stage.send('PUT', `${call}/record`, {});
    refused(answer, 405, 'MethodNotAllowed');
    assert.equal(answer.headers.allow, 'POST');
  },
  '§5 body too large; wrong media type': async () => {
    const { stage, call } = await establish(APP);
    const large = JSON.stringify({ clientContext: 'x'.repeat(300_000) });
    assert.equal((await stage.send('POST', `${call}/record`, large)).statusCode, 413);
    const text = await stage.send('POST', `${call}/record`, 'prompts=', { 'content-type': 'text/plain' });
    assert.equal(text.statusCode, 415);
  },
  '§5 over the limit (+ Retry-After)': async () => {
    const { stage, call } = await establish(APP);
    let answer = await stage.send('GET', call);
    for (let sent = 1; answer.statusCode === 200 && sent <= stage.requestsPerMinute; sent++) {
      answer = await stage.send('GET', call);
    }
    refused(answer, 429, '8589');
    assert.ok(Number(answer.headers['retry-after']) >= 1);
  },
  '§5 our fault': async () => {
    const { stage, call } = await establish(APP);
    stage.engine.line.run = () => {
      throw new Error('a defect');
    };
    // An operation that was taken is told of as failed; only what cannot even be taken is a 500.
    assert.equal((await stage.send('POST', `${call}/record`, {})).statusCode, 202);
    assert.equal(stage.lastOperationTold().resourceData.resultInfo.subcode, 9999);
    stage.calls.ask = () => Promise.reject(new Error('a defect'));
    const message = refused(await stage.send('GET', call), 500, '9999');
    assert.ok(!message.includes('a defect'), 'what went wrong inside stays inside');
  },
  '§5 draining or not ready': async () => {
    const { stage, call } = await ring(APP);
    stage.engine.full = true;
    const answer = await stage.send('POST', `${call}/answer`, {});
    refused(answer, 503, 'ServiceUnavailable');
    assert.ok(answer.headers['retry-after']);
    stage.calls.drain();
    const body = {
      callbackUri: 'https://bot.example.com/calls',
      targets: [{ identity: { user: { id: 'sip:bob@phones.example' } } }],
    };
    refused(await stage.send('POST', `${APP}/calls`, body), 503, 'ServiceUnavailable');
  },
};

async function notFound(): Promise<void> {
  for (const root of ROOTS) {
    const { stage, call } = await establish(root);
    refused(await stage.send('GET', `${root}/calls/${UNKNOWN}`), 404, '8522');
    refused(await stage.send('GET', `${root}/calls/no-guid`), 404, '8522');
    const other = { authorization: stage.otherBearer };
    if (root.includes('/applications/'))
      refused(await stage.send('GET', call, undefined, other), 403, '7504');
    else refused(await stage.send('GET', call, undefined, other), 404, '8522');
  }
}
