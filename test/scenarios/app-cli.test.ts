/** `tonearm app`, as an operator uses it beside a running server. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { isState, startBot } from '../support/bot.ts';
import { dial, hungUp, scenario } from '../support/scenarios.ts';
import { APP, startServer, type TestServer } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';

test('applications are managed beside a running server', { concurrency: 1 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-app-'));
  const data = join(folder, 'data');
  const config = join(folder, 'tonearm.yaml');
  let server: TestServer;
  before(async () => {
    writeFileSync(
      config,
      JSON.stringify({ applications: [{ ...APP, callbackUri: 'https://bot.example/calls' }] }),
    );
    server = await startServer({ dataFolder: data });
  });
  after(async () => {
    assert.equal(await server?.stop(), 0);
    rmSync(folder, { recursive: true, force: true });
  });

  const app = (...args: readonly string[]) => {
    const where = ['--config', config, '--data', data];
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['src/main.ts', 'app', ...args, ...where],
      {
        encoding: 'utf8',
      },
    );
    return { status, stdout, stderr };
  };
  const printed = (name: string, output: string) => new RegExp(`^${name}=(.+)$`, 'm').exec(output)?.[1] ?? '';
  const tokenFor = (id: string, secret: string) =>
    fetch(`${server.http}/common/oauth2/v2.0/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: id,
        client_secret: secret,
        scope: 'tonearm/.default',
      }),
    });
  /** The server looks at the file every two seconds. */
  const readAgain = (times: number) => server.loggedTimes('the applications were read again', times);
  const added = ['add', '--name', 'Survey', '--callback-uri', 'https://survey.example/calls'];
  let id = '';
  let first = '';

  await t.test('add prints id and secret once, keeps a hash, and the server takes it at once', async () => {
    const { status, stdout, stderr } = app(...added, '--role', 'Calls.Initiate.All', '--route', '+1425*');
    assert.equal(status, 0, stderr);
    id = printed('APP_ID', stdout);
    first = printed('APP_SECRET', stdout);
    assert.ok(!readFileSync(join(data, 'applications.json'), 'utf8').includes(first));
    await readAgain(1);
    assert.equal((await tokenFor(id, first)).status, 200);
    assert.equal((await tokenFor(id, 'wrong')).status, 401);
  });

  await t.test('list shows what there is, without secrets', () => {
    const { stdout } = app('list');
    assert.match(stdout, /Voicemail {2}\(configuration\)/);
    assert.match(stdout, new RegExp(`${id} {2}Survey {2}\\(data folder\\)`));
    const rows = JSON.parse(app('list', '--json').stdout) as Record<string, unknown>[];
    assert.deepEqual(
      rows.map(({ name, roles, routes }) => [name, roles, routes]),
      [
        ['Voicemail', APP.roles, []],
        ['Survey', ['Calls.Initiate.All'], ['+1425*']],
      ],
    );
    assert.doesNotMatch(JSON.stringify(rows), /secret|scrypt/);
  });

  await t.test('rotate-secret gives a new one; the old one works as long as was asked', async () => {
    const kept = printed('APP_SECRET', app('rotate-secret', id, '--keep-old', '1h').stdout);
    await readAgain(2);
    assert.deepEqual([(await tokenFor(id, first)).status, (await tokenFor(id, kept)).status], [200, 200]);
    const last = printed('APP_SECRET', app('rotate-secret', id.toUpperCase()).stdout);
    await readAgain(3);
    assert.deepEqual(
      [
        (await tokenFor(id, first)).status,
        (await tokenFor(id, kept)).status,
        (await tokenFor(id, last)).status,
      ],
      [401, 401, 200],
    );
    first = last;
  });

  await t.test('remove closes the door, for tokens that were given out too', async () => {
    const { access_token } = (await (await tokenFor(id, first)).json()) as { access_token: string };
    const ask = () =>
      fetch(`${server.http}/beta/app/calls/${id}`, { headers: { authorization: `Bearer ${access_token}` } });
    assert.equal((await ask()).status, 404);
    assert.equal(app('remove', id).status, 0);
    await readAgain(4);
    assert.equal((await ask()).status, 401);
    assert.equal((await tokenFor(id, first)).status, 401);
  });

  await t.test('what cannot be done is told, with exit code 2', () => {
    for (const [args, why] of [
      [[...added, '--id', APP.id], /There is an application .* already/],
      [[...added, '--id', 'x'], /application\.id must be a GUID/],
      [[...added, '--role', 'Root'], /application\.roles must be a list of Calls/],
      [[...added, '--dialect', 'teams'], /application\.dialect must be app or communications/],
      [
        ['add', '--name', 'x', '--callback-uri', 'http://bot/'],
        /application\.callbackUri must be an https: URL/,
      ],
      [['remove', id], /There is no application .*"tonearm app list" shows/],
      [['rotate-secret', APP.id], /is in the configuration: change it there/],
      [['rotate-secret', id, '--keep-old', 'long'], /--keep-old is "long"; it must be a duration/],
    ] as const) {
      const { status, stderr } = app(...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, why);
    }
  });
});

test('applications that are added at the same moment are all kept', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'tonearm-app-'));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const added = ['app', 'add', '--callback-uri', 'https://bot.example/calls', '--data', data];
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const run = promisify(execFile);
  await Promise.all(names.map((name) => run(process.execPath, ['src/main.ts', ...added, '--name', name])));
  const kept = JSON.parse(readFileSync(join(data, 'applications.json'), 'utf8')) as { name: string }[];
  assert.deepEqual(kept.map(({ name }) => name).sort(), names);
});

test('calls reach the bot of an application that was added while the server runs', {
  skip: missing('/usr/bin/sipp'),
}, async (t) => {
  const bot = await startBot();
  const config = { applications: [{ ...APP, callbackUri: bot.callbackUri, routes: [] }] };
  const server = await startServer({ config });
  t.after(async () => {
    assert.equal(await server.stop(), 0);
    await bot.close();
  });
  const added = [
    'app',
    'add',
    '--name',
    'Survey',
    '--callback-uri',
    bot.callbackUri,
    '--route',
    'sip:survey@*',
  ];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['src/main.ts', ...added, '--data', server.dataFolder],
    { encoding: 'utf8', env: { ...process.env, TONEARM_CALLBACKS_ALLOW_HTTP: 'true' } },
  );
  assert.equal(status, 0, stderr);
  const { APP_ID: id = '', APP_SECRET: secret = '' } = Object.fromEntries(
    stdout.split('\n').map((line) => line.split('=')),
  ) as Record<string, string>;
  await server.logged('the applications were read again');

  const calling = runSipp({ port: server.udp, service: 'survey', scenario: scenario(dial(), hungUp) });
  const incoming = await bot.next('incoming', isState('incoming'));
  const reply = await fetch(`${server.http}/common/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: id,
      client_secret: secret,
      scope: 'tonearm/.default',
    }),
  });
  const { access_token } = (await reply.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
  const call = `${server.http}/beta${incoming.resource}`;
  assert.equal((await fetch(`${call}/answer`, { method: 'POST', headers, body: '{}' })).status, 202);
  await bot.next('established', isState('established'));
  assert.equal((await fetch(call, { method: 'DELETE', headers })).status, 204);
  assert.equal((await calling).code, 0);
});
