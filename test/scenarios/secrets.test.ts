/** A server that logs all it can, in use for everything that has a secret in it: none of them is in what it says. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { readSound } from '../support/audio.ts';
import { certificateFiles, KEY, trustCertificate } from '../support/certificate.ts';
import { freeTcpPort, freeUdpPort } from '../support/free-port.ts';
import { called, receive, reply, scenario } from '../support/scenarios.ts';
import { APP } from '../support/server.ts';
import { runSipp } from '../support/sipp.ts';
import { missing } from '../support/tools.ts';
import { capture, voicemailStage } from '../support/voicemail-stage.ts';

const ROOT = join(import.meta.dirname, '../..');
const PROVIDER = { username: 'tonearm', password: 'trunk-hush-81f0' };
const CHALLENGE =
  'WWW-Authenticate: Digest realm="provider.example", nonce="ad8721f0", qop="auth", algorithm=MD5\n';

test('neither a call from end to end, nor what fails on the way, leaves a secret in the log', {
  skip: missing('/usr/bin/sipp', '/usr/bin/sox'),
}, async () => {
  trustCertificate();
  const trunkPort = await freeUdpPort();
  const issuer = `http://127.0.0.1:${await freeTcpPort()}`;
  const stage = await voicemailStage({
    config: {
      log: { level: 'debug' },
      http: { tls: certificateFiles() },
      tokens: { trusted: [{ issuer, audience: 'api://tonearm' }] },
      trunks: [{ name: 'provider', address: `127.0.0.1:${trunkPort}`, ...PROVIDER, numbers: ['+1425*'] }],
    },
  });
  const { bot, server } = stage;
  const secrets = new Map<string, string>([
    ['the application’s secret', APP.secret],
    ['the trunk’s password', PROVIDER.password],
    ['the certificate’s key', KEY.split('\n')[2] ?? ''],
  ]);
  const token = await bot.token(server.http);
  secrets.set('an access token', token);

  const { pcap } = capture([
    { silenceMs: 1000 },
    { says: readSound('examples/audio/caller.wav') },
    { key: '#' },
    { silenceMs: 5000 },
  ]);
  const talking = stage.caller(pcap);
  const call = await stage.answerNext();
  const failed = await stage.record(call, {
    prompts: [
      {
        mediaInfo: {
          uri: `${bot.origin.replace('//', '//ann:prompt-hush-1@')}/no.wav?sig=prompt-hush-2#prompt-hush-3`,
        },
      },
    ],
  });
  assert.equal(failed.completionReason, 'playPromptFailed');
  const missingPrompt = await stage.record(call, {
    prompts: [{ mediaInfo: { uri: `${bot.origin}/no.wav?sig=prompt-hush-4` } }],
  });
  assert.equal(missingPrompt.completionReason, 'playPromptFailed');
  for (const [at, hush] of [1, 2, 3, 4].entries())
    secrets.set(`a prompt’s secret ${at}`, `prompt-hush-${hush}`);
  const final = await stage.record(call, {
    playBeep: false,
    streamWhileRecording: true,
    initialSilenceTimeoutInSeconds: 20,
    maxRecordDurationInSeconds: 60,
    stopTones: ['#'],
  });
  const { recordResourceLocation: location, recordResourceAccessToken: recordingToken } = final;
  secrets.set('a recording’s token', recordingToken);

  // What fails on the way.
  const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
  const login = (secret: string) =>
    fetch(`${server.http}/${APP.tenantId}/oauth2/v2.0/token?hint=query-hush`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${APP.id}:${secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'x/.default' }),
    });
  secrets.set('a query', 'query-hush');
  secrets.set('a wrong secret', 'guess-hush-3301');
  assert.equal((await login('guess-hush-3301')).status, 401);
  const claims = Buffer.from(JSON.stringify({ iss: issuer, aud: 'api://tonearm' })).toString('base64url');
  const foreign = `eyJhbGciOiJSUzI1NiJ9.${claims}.b3V0c2lkZS1odXNo`;
  secrets.set('an outside token', claims);
  for (const bad of [foreign, `${token}x`, 'nonsense-hush-12'])
    assert.equal((await fetch(`${server.http}/beta/app/calls/${call.id}`, bearer(bad))).status, 401);
  secrets.set('no token at all', 'nonsense-hush-12');
  assert.equal((await fetch(location, bearer(`${recordingToken}x`))).status, 401);
  assert.equal((await fetch(location.replace(/.{4}$/, '0000'), bearer(recordingToken))).status, 403);
  assert.equal((await fetch(location, bearer(recordingToken))).status, 200);
  assert.equal((await fetch(location, { ...bearer(recordingToken), method: 'DELETE' })).status, 204);
  assert.equal((await fetch(location, bearer(recordingToken))).status, 410);
  await stage.hangUp(call);
  await talking;

  // A call through the trunk, whose bot can't be told where it wants to be.
  const answering = runSipp({
    port: trunkPort,
    called: true,
    scenario: scenario(
      ...[called(), reply(401, { headers: CHALLENGE }), receive('ACK')],
      ...[called({ verify: PROVIDER }), reply(486), receive('ACK')],
    ),
    files: {},
  });
  const placed = await bot.act(server.http, 'POST', '/app/calls', {
    callbackUri: `http://127.0.0.1:${await freeTcpPort()}/calls?code=callback-hush`,
    targets: [{ identity: { phone: { id: '+14255550100' } } }],
  });
  assert.equal(placed.status, 201);
  secrets.set('a callback’s code', 'callback-hush');
  const { code, messages } = await answering;
  assert.equal(code, 0, messages);
  secrets.set('a digest', /response="([0-9a-f]{32})"/.exec(messages)?.[1] ?? 'no digest');
  await server.logged('a notification was not received: it is tried again');
  const refusedCallback = await bot.act(server.http, 'POST', '/app/calls', {
    callbackUri: 'https://ann:callback-user-hush@bot.example/',
    targets: [{ identity: { phone: { id: '+14255550100' } } }],
  });
  assert.equal(refusedCallback.status, 400);
  secrets.set('a callback’s user', 'callback-user-hush');

  // An application of the command line.
  const added = execFileSync(
    process.execPath,
    [
      'src/main.ts',
      'app',
      'add',
      '--name',
      'Survey',
      '--callback-uri',
      'https://survey.example/',
      '--data',
      server.dataFolder,
    ],
    { cwd: ROOT, encoding: 'utf8' },
  );
  secrets.set('a kept application’s secret', /APP_SECRET=(\S+)/.exec(added)?.[1] ?? 'none');
  await server.logged('the applications were read again');
  await stage.close();

  for (const { headers } of bot.notifications)
    secrets.set(
      `a notification’s token ${secrets.size}`,
      String(headers.authorization).replace('Bearer ', ''),
    );
  for (const [at, key] of keysIn(join(server.dataFolder, 'tonearm.db')).entries())
    secrets.set(`a key ${at}`, key);

  const said = server.said.join('\n');
  assert.match(said, /"event":"recordingRead"/);
  assert.match(said, /"event":"recordingDeleted"/);
  assert.match(said, /"level":20/, 'debug is on');
  for (const [what, secret] of secrets) {
    assert.ok(secret.length > 7, `${what} was found out`);
    assert.ok(!said.includes(secret), `${what} is in the log: ${lineWith(server.said, secret)}`);
    // Nor the part of a JWT that makes it good.
    const signature = secret.split('.')[2];
    if (signature !== undefined) assert.ok(!said.includes(signature), what);
  }
});

test('what is wrong with a configuration is said without the secrets in it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tonearm-secrets-'));
  const file = join(folder, 'tonearm.yaml');
  const application = { ...APP, secret: 'config-hush', callbackUri: 'https://bot.example/' };
  const trunk = {
    name: 'p',
    address: 'sip.example:5060',
    username: 'u',
    password: 'config-hush',
    numbers: ['+1*'],
  };
  try {
    for (const [config, env] of [
      ['applications: [ { secret: config-hush, id: [ }', {}],
      [JSON.stringify({ applications: [{ ...application, id: 'no' }] }), {}],
      [JSON.stringify({ applications: [{ ...application, secret: ['config-hush'] }] }), {}],
      [JSON.stringify({ applications: [{ ...application, secret: '', secretHash: 'config-hush' }] }), {}],
      [JSON.stringify({ applications: [{ ...application, sekret: 'config-hush' }] }), {}],
      [
        JSON.stringify({
          applications: [{ ...application, callbackUri: 'https://u:config-hush@bot.example/' }],
        }),
        {},
      ],
      [JSON.stringify({ applications: [application, application] }), {}],
      [JSON.stringify({ trunks: [{ ...trunk, numbers: 7 }] }), {}],
      [JSON.stringify({ trunks: [{ ...trunk, password: { is: 'config-hush' } }] }), {}],
      ['', { TONEARM_APPLICATIONS: '[ { secret: config-hush' }],
      ['', { TONEARM_APPLICATIONS: 'config-hush' }],
      ['', { TONEARM_TRUNKS: '[ { password: config-hush, name: }' }],
    ] as const) {
      writeFileSync(file, config);
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['src/main.ts', 'serve', '--config', file, '--data', join(folder, 'data')],
        { cwd: ROOT, encoding: 'utf8', timeout: 60_000, env: { ...process.env, ...env } },
      );
      assert.equal(status, 2, stdout + stderr);
      assert.doesNotMatch(stdout + stderr, /config-hush/);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Of signing keys and of the recordings' tokens. */
function keysIn(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const rows = database.prepare(`SELECT key, value FROM record WHERE key LIKE '%key%'`).all();
    const keys = rows.flatMap(({ value }) =>
      [...String(value).matchAll(/"(?:d|p|q|dp|dq|qi)":"([^"]+)"|^"([A-Za-z0-9+/=]{40,})"$/g)].map(
        ([, part, whole]) => part ?? whole ?? '',
      ),
    );
    assert.ok(keys.length >= 7, `${keys.length} keys`);
    return keys;
  } finally {
    database.close();
  }
}

function lineWith(lines: readonly string[], secret: string): string {
  return (lines.find((line) => line.includes(secret)) ?? '').replaceAll(secret, '…').slice(0, 500);
}
