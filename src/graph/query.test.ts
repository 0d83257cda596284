import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type ApiStage,
  BOT,
  CALL_ID,
  call,
  operation,
  PUBLIC_URL,
  setApiStage,
} from '../../test/support/api-stage.ts';

let stage: ApiStage;
const operations = Array.from({ length: 5 }, (_, at) =>
  operation({ id: `0fe0623f-d628-42ed-b4bd-8ac29007200${at}`, clientContext: String(at) }),
);
before(async () => {
  stage = await setApiStage();
  stage.answer = ({ name }) =>
    name === 'listOperations'
      ? { ok: true, operations }
      : name === 'getOperation'
        ? { ok: true, operation: operation() }
        : { ok: true, call: call() };
});
after(() => stage.app.close());

const ROOTS = ['/beta/app/calls', `/beta/applications/${BOT.id}/calls`, '/v1.0/communications/calls'];
const HEAD = ['@odata.etag', '@odata.id', '@odata.type', 'id'];
const PATHS = ['', '/operations', `/operations/${CALL_ID}`, '/participants', '/participants/x'];

for (const root of ROOTS) {
  const path = `${root}/${CALL_ID}`;

  test(`${root}: $select gives the members that it names, and those that say what it is`, async () => {
    for (const select of [
      '$select=state,direction',
      '%24select=state%2Cdirection',
      '$select= state , direction ',
    ]) {
      const shown = (await stage.send('GET', `${path}?${select}`)).json();
      assert.deepEqual(Object.keys(shown).sort(), [...HEAD, 'direction', 'state'].sort());
    }
    const { value } = (await stage.send('GET', `${path}/operations?$select=status`)).json();
    for (const one of value) assert.deepEqual(Object.keys(one).sort(), [...HEAD, 'status'].sort());
    const participants = (await stage.send('GET', `${path}/participants?$select=isMuted,id`)).json();
    for (const one of participants.value)
      assert.deepEqual(Object.keys(one).sort(), [...HEAD, 'isMuted'].sort());
    const [{ id }] = participants.value;
    const one = (await stage.send('GET', `${path}/participants/${id}?$select=info`)).json();
    assert.deepEqual(Object.keys(one).sort(), [...HEAD, 'info'].sort());
  });

  test(`${root}: pages of a list follow each other by their nextLink, and make up the whole`, async () => {
    let next: string | undefined =
      `${PUBLIC_URL}${path}/operations?$top=2&$select=clientContext,id&$count=true`;
    const pages: string[][] = [];
    while (next !== undefined) {
      assert.ok(next.startsWith(`${PUBLIC_URL}${path}/operations?`), next);
      const page: Record<string, unknown> & { value: Record<string, string>[] } = (
        await stage.send('GET', next.slice(PUBLIC_URL.length))
      ).json();
      assert.equal(page['@odata.count'], 5);
      assert.ok(page.value.every((one) => !('status' in one)));
      pages.push(page.value.map(({ clientContext = '' }) => clientContext));
      next = page['@odata.nextLink'] as string | undefined;
    }
    assert.deepEqual(pages, [['0', '1'], ['2', '3'], ['4']]);
  });
}

test('without $top a list is whole, without $count nothing counts it', async () => {
  for (const query of ['', '?$top=5', '?$top=1000', '?$count=false', '?api-version=1&x=$top']) {
    const list = (await stage.send('GET', `${ROOTS[0]}/${CALL_ID}/operations${query}`)).json();
    assert.deepEqual(Object.keys(list).sort(), ['@odata.context', 'value']);
    assert.equal(list.value.length, 5);
  }
  const past = (await stage.send('GET', `${ROOTS[0]}/${CALL_ID}/operations?$skip=7`)).json();
  assert.deepEqual(past.value, []);
});

for (const [query, expected] of [
  ['$select=state,secret', /^\$select names "secret"; it can name id, state, direction/],
  ['$select=', /^\$select names ""/],
  ['$select=State', /^\$select names "State"/],
  ['$select=state/x', /^\$select names/],
] as const) {
  test(`?${query} is refused with ${expected}`, async () => {
    const reply = await stage.send('GET', `${ROOTS[0]}/${CALL_ID}?${query}`);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523']);
    assert.match(reply.json().error.message, expected);
  });
}

test('what a dialect does not have cannot be selected in it', async () => {
  const get = (root: string, member: string) =>
    stage.send('GET', `${root}/${CALL_ID}/operations?$select=${member}`);
  assert.equal((await get('/beta/app/calls', 'createdDateTime')).statusCode, 200);
  assert.equal((await get('/beta/communications/calls', 'createdDateTime')).statusCode, 400);
  assert.equal((await get('/beta/communications/calls', 'recordingLocation')).statusCode, 200);
});

for (const query of [
  '$top=0',
  '$top=1001',
  '$top=-1',
  '$top=x',
  '$top=1.5',
  '$top=',
  '$top=1&$top=2',
  '$skip=-1',
  '$skip=x',
  '$count=yes',
]) {
  test(`?${query} is refused`, async () => {
    for (const list of ['operations', 'participants']) {
      const reply = await stage.send('GET', `${ROOTS[0]}/${CALL_ID}/${list}?${query}`);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523']);
      assert.ok(reply.json().error.message.startsWith(query.slice(0, query.indexOf('='))));
    }
  });
}

for (const name of ['$filter', '$orderby', '$expand', '$search', '%24filter']) {
  test(`${name} is not served, wherever it stands`, async () => {
    for (const path of PATHS) {
      const reply = await stage.send('GET', `${ROOTS[0]}/${CALL_ID}${path}?${name}=x`);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [400, '8523']);
      assert.match(reply.json().error.message, /^\$\w+ is not served/);
    }
  });
}

test('HEAD takes what GET does', async () => {
  for (const path of PATHS.slice(0, 4)) {
    const reply = await stage.send('HEAD', `${ROOTS[0]}/${CALL_ID}${path}?$select=id`);
    assert.deepEqual([reply.statusCode, reply.body], [200, '']);
  }
});
