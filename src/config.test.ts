import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { defaultApplication, readConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

const APPLICATION = {
  id: '8a34a46b-3d17-4adc-8dce-dc4e7d572698',
  tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
  secret: 'dev-secret',
  callbackUri: 'https://bot.example.com/api/calls',
};

function read(source: string, env: Record<string, string> = {}, dataFolder?: string) {
  const file = join(folder, `tonearm-${++files}.yaml`);
  writeFileSync(file, source);
  return readConfig({ file, env, dataFolder });
}

function complaint(source: string, env: Record<string, string> = {}): string {
  try {
    read(source, env);
  } catch (thrown) {
    assert.ok(thrown instanceof Error && 'code' in thrown);
    assert.equal(thrown.code, 'badConfig');
    return thrown.message;
  }
  return 'none';
}

test('without a file everything is on loopback, and a bot on this machine can be told and serve prompts', () => {
  const config = readConfig({ env: {} });
  assert.deepEqual(config.http, { listen: { address: '127.0.0.1', port: 8080 }, publicUrl: undefined });
  assert.deepEqual(config.sip.listen, [
    { transport: 'udp', address: '127.0.0.1', port: 5060 },
    { transport: 'tcp', address: '127.0.0.1', port: 5060 },
  ]);
  assert.equal(config.media.address, '127.0.0.1');
  assert.deepEqual(config.media.ports, { min: 20000, max: 29999 });
  assert.ok(config.media.workers >= 1);
  assert.equal(config.media.receiveTimeoutMs, 30_000);
  assert.equal(config.dataFolder, resolve('tonearm-data'));
  assert.deepEqual(config.prompts, {
    allow: ['https:', 'file:./prompts', 'http://127.0.0.1:9000/'],
    baseFolder: process.cwd(),
  });
  assert.equal(config.callbacks.allowHttp, true);
  assert.deepEqual(config.recordings, { retentionMs: 86_400_000, tokenLifetimeMs: 3_600_000 });
  assert.equal(config.record.interKeyGapMs, 3000);
  assert.equal(config.calls.answerTimeoutMs, 15_000);
  assert.equal(config.notifications.retryForMs, 3_600_000);
  assert.deepEqual(config.limits, { requestsPerSecond: 1000, bodyBytes: 262_144 });
  assert.equal(config.issuer, undefined);
  assert.deepEqual(config.applications, []);
});

test('the example of the documentation is read as it stands', () => {
  const config = read(
    `http:  { listen: 127.0.0.1:8080, publicUrl: http://127.0.0.1:8080 }
sip:   { listen: [ udp:127.0.0.1:5060, tcp:127.0.0.1:5060 ] }
media: { address: 127.0.0.1, ports: 20000-29999, workers: auto }
data:  ./tonearm-data
prompts:                                  # what mediaInfo.uri may reach
  allow: [ https:, file:./prompts ]       # loopback and private addresses only when listed
callbacks: { allowHttp: true }            # for development
recordings: { retention: 24h, tokenLifetime: 1h }
applications:
  - id: 8a34a46b-3d17-4adc-8dce-dc4e7d572698
    tenantId: 72f988bf-86f1-41af-91ab-2d7cd011db47
    name: Voicemail
    secret: dev-secret                    # or secretEnv: NAME
    roles: [ Calls.AccessMedia.All, Calls.Initiate.All ]
    callbackUri: http://127.0.0.1:9000/api/calls
    dialect: app                          # of the incoming notification: app | communications
    routes: [ "sip:voicemail@*", "+1425*" ]
`,
  );
  assert.equal(config.http.publicUrl, 'http://127.0.0.1:8080');
  assert.deepEqual(config.prompts, { allow: ['https:', 'file:./prompts'], baseFolder: folder });
  assert.equal(config.dataFolder, join(folder, 'tonearm-data'));
  assert.deepEqual(config.applications, [
    {
      id: '8a34a46b-3d17-4adc-8dce-dc4e7d572698',
      tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
      name: 'Voicemail',
      secret: 'dev-secret',
      roles: ['Calls.AccessMedia.All', 'Calls.Initiate.All'],
      callbackUri: 'http://127.0.0.1:9000/api/calls',
      dialect: 'app',
      routes: ['sip:voicemail@*', '+1425*'],
    },
  ]);
});

test('the environment beats the file, the command line beats the folder in both', () => {
  const env = {
    TONEARM_HTTP_LISTEN: '0.0.0.0:80',
    TONEARM_HTTP_PUBLIC_URL: 'https://calls.example.com/',
    TONEARM_SIP_LISTEN: 'udp:[::1]:5070, tcp:127.0.0.1:5071',
    TONEARM_CALLBACKS_ALLOW_HTTP: 'false',
    TONEARM_DATA: 'from-environment',
    TONEARM_PROMPTS_ALLOW: '',
  };
  const source = 'http: { listen: 127.0.0.1:1 }\ndata: from-file\nprompts: { allow: [ http: ] }';
  const config = read(source, env);
  assert.deepEqual(config.http.listen, { address: '0.0.0.0', port: 80 });
  assert.equal(config.http.publicUrl, 'https://calls.example.com');
  assert.deepEqual(config.sip.listen[0], { transport: 'udp', address: '::1', port: 5070 });
  assert.deepEqual(config.sip.listen[1], { transport: 'tcp', address: '127.0.0.1', port: 5071 });
  assert.equal(config.callbacks.allowHttp, false);
  assert.equal(config.dataFolder, resolve('from-environment'));
  assert.deepEqual(config.prompts.allow, ['http:']);
  assert.equal(read(source, env, 'from-line').dataFolder, resolve('from-line'));
});

test('applications can come from the environment, and a secret from its own variable', () => {
  const { secret: _, ...rest } = APPLICATION;
  const applications = JSON.stringify([
    { ...rest, id: rest.id.replaceAll('-', '').toUpperCase(), secretEnv: 'TONEARM_DATE' },
  ]);
  const config = read('', { TONEARM_APPLICATIONS: applications, TONEARM_DATE: 's3cret' });
  assert.deepEqual(config.applications, [
    {
      ...APPLICATION,
      secret: 's3cret',
      name: APPLICATION.id,
      roles: ['Calls.AccessMedia.All'],
      dialect: 'app',
      routes: [],
    },
  ]);
});

test('numbers and secrets in the file keep their signs and zeros without quotes', () => {
  const config = read(`applications:
  - id: 8a34a46b-3d17-4adc-8dce-dc4e7d572698
    tenantId: 72f988bf-86f1-41af-91ab-2d7cd011db47
    secret: 0123
    callbackUri: https://bot.example.com/
    routes: [ +1425, 0049 ]`);
  assert.equal(config.applications[0]?.secret, '0123');
  assert.deepEqual(config.applications[0]?.routes, ['+1425', '0049']);
});

test('variables of other software are left alone, a mistyped one of ours is named', () => {
  assert.equal(
    complaint('', { TONEARM_SERVICE_HOST: '10.0.0.1', TONEARM_PORT_8080_TCP_ADDR: '10.0.0.1' }),
    'none',
  );
  assert.match(
    complaint('', { TONEARM_HTTP_LISTNE: 'x' }),
    /TONEARM_HTTP_LISTNE: there is no such setting\. Did you mean "TONEARM_HTTP_LISTEN"\?/,
  );
});

const withApplication = (changes: object) =>
  JSON.stringify({ applications: [{ ...APPLICATION, ...changes }] });

const complaints: readonly (readonly [string, RegExp, Record<string, string>?])[] = [
  ['htpp: { listen: 127.0.0.1:0 }', /^htpp: there is no such setting\. Did you mean "http"\?$/],
  ['http: { publicURL: x }', /^http\.publicURL: there is no such setting\. Did you mean "publicUrl"\?$/],
  ['nonsense: 1', /^nonsense: there is no such setting\.$/],
  ['__proto__: { a: 1 }', /^__proto__: there is no such setting/],
  ['http: 8080', /^http: "8080" cannot be used: it must be a section/],
  ['[ a, b ]', /it must be sections of settings/],
  [
    'http: { listen: 127.0.0.1:99999 }',
    /^http\.listen: "127\.0\.0\.1:99999" cannot be used: .* port from 0 to 65535/,
  ],
  ['http: { listen: example.com:80 }', /^http\.listen: .* IP address/],
  ['http: { listen: "::1:80" }', /^http\.listen: /],
  ['http: { publicUrl: ftp://x }', /^http\.publicUrl: .* http: or https: URL/],
  ['http: { publicUrl: "https://u:p@x" }', /^http\.publicUrl: /],
  [
    'sip: { listen: [ "udp:127.0.0.1:1", "sctp:127.0.0.1:5060" ] }',
    /^sip\.listen\[1\]: "sctp:127\.0\.0\.1:5060" cannot be used: .*udp:/,
  ],
  ['sip: { listen: [] }', /^sip\.listen: .* at least 1 entry/],
  ['sip: { listen: { a: b } }', /^sip\.listen: .* a list/],
  ['media: { address: 0.0.0.0 }', /^media\.address: .* not a wildcard/],
  ['media: { ports: 3000-2000 }', /^media\.ports: "3000-2000" cannot be used: .* lower one first/],
  ['media: { ports: 2001-2002 }', /^media\.ports: .* room for a pair/],
  ['media: { workers: 0 }', /^media\.workers: "0" .* auto, or a whole number from 1 to 256/],
  ['media: { receiveTimeout: 30 }', /^media\.receiveTimeout: "30" .* a duration from 1s to 1h/],
  ['recordings: { retention: 1e9h }', /^recordings\.retention: /],
  ['recordings: { tokenLifetime: 59s }', /^recordings\.tokenLifetime: .* from 1m to 365d/],
  ['record: { interKeyGap: 2m }', /^record\.interKeyGap: .* from 100ms to 1m/],
  ['calls: { answerTimeout: 4m }', /^calls\.answerTimeout: .* from 1s to 3m/],
  ['calls: { drainTimeout: -1s }', /^calls\.drainTimeout: /],
  ['notifications: { retryFor: 31d }', /^notifications\.retryFor: .* from 1s to 30d/],
  ['limits: { requestsPerSecond: 0 }', /^limits\.requestsPerSecond: .* from 1 to 1000000/],
  ['limits: { bodyBytes: 1.5 }', /^limits\.bodyBytes: /],
  [
    'callbacks: { allowHttp: yes }',
    /^callbacks\.allowHttp: "yes" cannot be used: it must be true or false\.$/,
  ],
  ['issuer: me', /^issuer: /],
  [
    '',
    /^TONEARM_RECORDINGS_RETENTION \(recordings\.retention\): "soon" /,
    { TONEARM_RECORDINGS_RETENTION: 'soon' },
  ],
  ['', /^TONEARM_APPLICATIONS \(applications\): it is not YAML/, { TONEARM_APPLICATIONS: '[' }],
  ['applications: { id: x }', /^applications: it must be a list/],
  [withApplication({ id: 'x' }), /^applications\[0\]\.id: "x" cannot be used: it must be a GUID/],
  [withApplication({ id: '' }), /^applications\[0\]\.id: it is missing\.$/],
  [withApplication({ tenantId: undefined }), /^applications\[0\]\.tenantId: it is missing\.$/],
  [withApplication({ callbackUri: undefined }), /^applications\[0\]\.callbackUri: it is missing\.$/],
  [withApplication({ callbackUri: '/api/calls' }), /^applications\[0\]\.callbackUri: .* absolute/],
  [
    withApplication({ callbackUri: 'http://bot/' }),
    /^applications\[0\]\.callbackUri: .* unless callbacks\.allowHttp is true/,
  ],
  [withApplication({ secret: undefined }), /^applications\[0\]\.secret: it is missing/],
  [withApplication({ secretEnv: 'X' }), /^applications\[0\]\.secretEnv: there is a secret too/],
  [
    withApplication({ secret: undefined, secretEnv: 'NOT_SET' }),
    /^applications\[0\]\.secretEnv: .*NOT_SET is not set/,
  ],
  [
    withApplication({ roles: ['Calls.All'] }),
    /^applications\[0\]\.roles\[0\]: "Calls\.All" .* one of Calls\.AccessMedia\.All/,
  ],
  [withApplication({ dialect: 'teams' }), /^applications\[0\]\.dialect: .* one of app, communications/],
  [withApplication({ route: ['*'] }), /^applications\[0\]\.route: .* Did you mean "routes"\?/],
  [
    JSON.stringify({ applications: [APPLICATION, APPLICATION] }),
    /^applications\[1\]\.id: applications\[0\] has the same id/,
  ],
];

for (const [source, expected, env] of complaints) {
  test(`the configuration ${source || JSON.stringify(env)} is refused with ${expected}`, () => {
    assert.match(complaint(source, env), expected);
  });
}

test('what is wrong with a configuration is told without quoting a secret', () => {
  for (const source of [
    withApplication({ secret: ['hush'] }),
    withApplication({ secret: { hush: 'hush' } }),
    'applications: [ { secret: hush\nhttp: {',
  ]) {
    const message = complaint(source);
    assert.notEqual(message, 'none');
    assert.doesNotMatch(message, /hush/);
  }
});

test('a file that is not there, and one that is not YAML, are named', () => {
  assert.throws(() => readConfig({ file: join(folder, 'none.yaml'), env: {} }), {
    code: 'badConfig',
    message: /none\.yaml: the configuration cannot be read/,
  });
  assert.match(complaint('http: [unclosed'), /tonearm-\d+\.yaml: it is not YAML: .* at line 1/);
  assert.match(complaint('a: 1\na: 2'), /not YAML: Map keys must be unique/);
});

test('the application that is made for you is made once, and only its owner can read its secret', () => {
  const data = join(folder, 'nested', 'data');
  const made = defaultApplication(data);
  assert.deepEqual(defaultApplication(data), made);
  assert.ok(made.secret.length >= 32);
  assert.deepEqual(made.routes, ['*']);
  assert.equal(statSync(join(data, 'application.json')).mode & 0o777, 0o600);
  assert.notEqual(defaultApplication(join(folder, 'other')).secret, made.secret);
});

test('a data folder that cannot be used is named', () => {
  const blocked = join(folder, 'a-file');
  writeFileSync(blocked, 'not a folder');
  assert.throws(() => defaultApplication(join(blocked, 'data')), { code: 'dataFolder', message: /a-file/ });
  const broken = join(folder, 'broken');
  defaultApplication(broken);
  writeFileSync(join(broken, 'application.json'), '{}');
  assert.throws(() => defaultApplication(broken), {
    code: 'dataFolder',
    message: /application\.json does not hold/,
  });
  assert.equal(readFileSync(join(broken, 'application.json'), 'utf8'), '{}');
});
