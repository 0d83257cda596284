import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { readConfig } from './config.ts';
import { defaultApplication } from './config-applications.ts';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-config-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

const APPLICATION = {
  id: '8a34a46b-3d17-4adc-8dce-dc4e7d572698',
  tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
  secret: 'dev-secret',
  callbackUri: 'https://bot.example.com/api/calls',
};

function read(source: string, env: Record<string, string> = {}, data?: string) {
  const file = join(folder, `tonearm-${++files}.yaml`);
  writeFileSync(file, source);
  return readConfig({ file, env, data });
}

test('STUN and TURN servers are read as a browser takes them', () => {
  const source =
    'webrtc: { iceServers: [ "stun:stun.example:3478", "turn:turn.example?transport=tcp me pass" ] }';
  assert.deepEqual(read(source).webrtc.iceServers, [
    { urls: 'stun:stun.example:3478' },
    { urls: 'turn:turn.example?transport=tcp', username: 'me', credential: 'pass' },
  ]);
  assert.deepEqual(read('webrtc: {}').webrtc, {
    origins: undefined,
    connections: 1000,
    iceServers: undefined,
  });
});

/** What a refused configuration is refused with; `none` when it is taken. */
function complaint(source: string, env: Record<string, string> = {}, data?: string): string {
  try {
    read(source, env, data);
  } catch (thrown) {
    assert.ok(thrown instanceof Error && 'code' in thrown);
    assert.equal(thrown.code, 'badConfig');
    return thrown.message;
  }
  return 'none';
}

test('without a file everything is on loopback', () => {
  const config = readConfig({ env: {} });
  assert.deepEqual(config.http, {
    listen: { address: '127.0.0.1', port: 8080 },
    publicUrl: undefined,
    tls: { cert: undefined, key: undefined },
    trustProxy: false,
    maxConnections: 4096,
    requestsPerMinute: 6000,
  });
  assert.deepEqual(config.sip.listen, [
    { transport: 'udp', address: '127.0.0.1', port: 5060 },
    { transport: 'tcp', address: '127.0.0.1', port: 5060 },
  ]);
  assert.equal(config.media.address, '127.0.0.1');
  assert.deepEqual(config.media.ports, { min: 20_000, max: 29_999 });
  assert.ok(config.media.workers >= 1);
  assert.deepEqual(config.sip.trusted, ['127.0.0.1', '::1']);
  assert.equal(config.media.receiveTimeout, 30_000);
  assert.equal(config.data, resolve('tonearm-data'));
  assert.deepEqual(config.prompts.allow, ['https:', 'file:./prompts']);
  assert.equal(config.baseFolder, process.cwd());
  assert.equal(config.callbacks.allowHttp, false);
  assert.deepEqual(config.recordings, {
    retention: 86_400_000,
    tokenLifetime: 3_600_000,
    encryption: { keyFile: undefined, keys: undefined, newRecordings: true },
    minFreeSpace: 256_000_000,
  });
  assert.equal(config.record.interKeyGap, 3000);
  assert.equal(config.calls.answerTimeout, 15_000);
  assert.equal(config.notifications.retryFor, 3_600_000);
  assert.equal(config.tokens.issuer, undefined);
  assert.deepEqual(config.applications, []);
});

test('an empty file, and keys without values, leave the defaults', () => {
  const { applications: _, baseFolder: __, ...defaults } = readConfig({ env: {} });
  for (const source of ['', '# nothing\n', 'http:\ndata:\nsip:\n  listen:\napplications:\n']) {
    const { applications, baseFolder, ...config } = read(source, {
      TONEARM_DATA: '',
      TONEARM_SIP_LISTEN: '',
    });
    assert.deepEqual(config, defaults, source);
    assert.deepEqual([applications, baseFolder], [[], folder]);
  }
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
  assert.deepEqual(config.prompts.allow, ['https:', 'file:./prompts']);
  assert.equal(config.baseFolder, folder);
  assert.deepEqual(config.applications, [
    {
      id: '8a34a46b-3d17-4adc-8dce-dc4e7d572698',
      tenantId: '72f988bf-86f1-41af-91ab-2d7cd011db47',
      name: 'Voicemail',
      secret: 'dev-secret',
      roles: ['Calls.AccessMedia.All', 'Calls.Initiate.All'],
      callbackUri: 'http://127.0.0.1:9000/api/calls',
      dialect: 'app',
      speechSensitivity: 'normal',
      routes: ['sip:voicemail@*', '+1425*'],
    },
  ]);
});

test('the environment beats the file, the command line beats both', () => {
  const env = {
    TONEARM_HTTP_LISTEN: '0.0.0.0:80',
    TONEARM_HTTP_PUBLIC_URL: 'https://calls.example.com/',
    TONEARM_SIP_LISTEN: 'udp:[::1]:5070, tcp:127.0.0.1:5071',
    TONEARM_CALLBACKS_ALLOW_HTTP: 'true',
    TONEARM_MEDIA_WORKERS: '3',
    TONEARM_DATA: 'from-environment',
  };
  const source = 'http: { listen: 127.0.0.1:1 }\ndata: from-file\nprompts: { allow: [ http: ] }';
  const config = read(source, env);
  assert.deepEqual(config.http.listen, { address: '0.0.0.0', port: 80 });
  assert.equal(config.http.publicUrl, 'https://calls.example.com');
  assert.deepEqual(config.sip.listen, [
    { transport: 'udp', address: '::1', port: 5070 },
    { transport: 'tcp', address: '127.0.0.1', port: 5071 },
  ]);
  assert.equal(config.callbacks.allowHttp, true);
  assert.equal(config.media.workers, 3);
  assert.equal(config.data, resolve('from-environment'));
  assert.deepEqual(config.prompts.allow, ['http:']);
  assert.equal(read(source).data, resolve('from-file'));
  assert.equal(read(source, env, 'from-line').data, resolve('from-line'));
});

test('applications can come from the environment, and a secret from its own variable', () => {
  const { secret: _, ...rest } = APPLICATION;
  const applications = JSON.stringify([{ ...rest, secretEnv: 'TONEARM_DATE' }]);
  const config = read('', { TONEARM_APPLICATIONS: applications, TONEARM_DATE: 's3cret' });
  assert.deepEqual(config.applications, [
    {
      ...APPLICATION,
      secret: 's3cret',
      name: APPLICATION.id,
      roles: [],
      dialect: 'app',
      speechSensitivity: 'normal',
      routes: [],
    },
  ]);
});

test('numbers and secrets in the file keep their signs and zeros without quotes', () => {
  const [application] = read(`applications:
  - id: 8a34a46b-3d17-4adc-8dce-dc4e7d572698
    tenantId: 72f988bf-86f1-41af-91ab-2d7cd011db47
    secret: 0123
    callbackUri: https://bot.example.com/
    routes: [ +1425, 0049 ]`).applications;
  assert.equal(application?.secret, '0123');
  assert.deepEqual(application?.routes, ['+1425', '0049']);
});

test('variables of other software are left alone, a mistyped one of ours is named', () => {
  const others = {
    TONEARM_SERVICE_HOST: '10.0.0.1',
    TONEARM_PORT_8080_TCP_ADDR: '10.0.0.1',
    HTTP_LISTEN: 'x',
  };
  assert.equal(complaint('', others), 'none');
  assert.match(
    complaint('', { TONEARM_HTTP_LISTNE: 'x' }),
    /^TONEARM_HTTP_LISTNE .*mean TONEARM_HTTP_LISTEN\?$/,
  );
});

const withApplication = (changes: object) =>
  JSON.stringify({ applications: [{ ...APPLICATION, ...changes }] });

const complaints: readonly (readonly [string, RegExp, Record<string, string>?])[] = [
  ['htpp: { listen: 127.0.0.1:0 }', /^htpp is not a setting\. Did you mean http\?$/],
  ['http: { publicURL: x }', /^http\.publicURL is not a setting\. Did you mean http\.publicUrl\?$/],
  ['aplications: []', /^aplications is not a setting\. Did you mean applications\?$/],
  ['nonsense: 1', /^nonsense is not a setting\. Known here: http, /],
  ['__proto__: { a: 1 }', /^__proto__ is not a setting/],
  ['http: { tls: { certs: x } }', /^http\.tls\.certs is not a setting\. Did you mean http\.tls\.cert\?$/],
  ['http: { nonsense: 1 }', /^http\.nonsense is not a setting\. Known here: listen, /],
  ['http: 8080', /^http must be a section/],
  ['[ a, b ]', /must be a mapping of settings/],
  ['http: { listen: 127.0.0.1:99999 }', /^http\.listen is "127\.0\.0\.1:99999"; .* port 0–65535/],
  ['http: { listen: example.com:80 }', /^http\.listen is /],
  ['http: { listen: "::1:80" }', /^http\.listen is /],
  ['http: { publicUrl: ftp://x }', /^http\.publicUrl is .* http: or https: URL/],
  [
    'sip: { listen: [ "sctp:127.0.0.1:5060" ] }',
    /^sip\.listen is .*"sctp:127\.0\.0\.1:5060".* udp:address:port/,
  ],
  ['sip: { listen: [] }', /^sip\.listen is \[\]; it must be a list of at least 1/],
  ['sip: { listen: { a: b } }', /^sip\.listen is .* a list/],
  ['sip: { trusted: [ sip.provider.example ] }', /^sip\.trusted is .* an IP address or network, such as/],
  ['sip: { trusted: [ 192.0.2.0/33 ] }', /^sip\.trusted is .* network/],
  ['sip: { trusted: [ 2001:db8::/48/1 ] }', /^sip\.trusted is .* network/],
  ['sip: { requestsPerSecond: 0 }', /^sip\.requestsPerSecond is .* whole number from 1/],
  ['media: { address: 0.0.0.0 }', /^media\.address is .* not a wildcard/],
  ['media: { address: example.com }', /^media\.address is .* IP address/],
  ['media: { ports: 3000-2000 }', /^media\.ports is "3000-2000"; .* smaller port first/],
  ['media: { ports: 2001-2002 }', /^media\.ports is .* room for a pair/],
  ['media: { ports: 80-90 }', /^media\.ports is .* within 1024–65535/],
  ['media: { dtmf: inband }', /^media\.dtmf is "inband"; it must be one of auto, both, events\.$/],
  ['media: { workers: 0 }', /^media\.workers is "0"; it must be auto, or a whole number from 1 to 64/],
  ['media: { receiveTimeout: 30 }', /^media\.receiveTimeout is "30"; it must be a duration from 1s to 3600s/],
  ['recordings: { retention: 1e9h }', /^recordings\.retention is /],
  ['recordings: { tokenLifetime: 0s }', /^recordings\.tokenLifetime is /],
  ['record: { interKeyGap: 2m }', /^record\.interKeyGap is .* from 0\.1s to 60s/],
  ['calls: { answerTimeout: 11m }', /^calls\.answerTimeout is .* from 1s to 600s/],
  ['calls: { drainTimeout: -1s }', /^calls\.drainTimeout is /],
  ['notifications: { retryFor: 31d }', /^notifications\.retryFor is /],
  ['prompts: { maxBytes: 1.5 }', /^prompts\.maxBytes is .* whole number from 1000/],
  ['callbacks: { allowHttp: yes }', /^callbacks\.allowHttp is "yes"; it must be true or false\.$/],
  [
    'callbacks: { allow: bot.example }',
    /^callbacks\.allow is .* list of schemes .*"bot\.example" can't be used: it is neither/,
  ],
  [
    'callbacks: { allow: [ "https://a.*.example/" ] }',
    /^callbacks\.allow is .* host pattern is "\*\." and a name/,
  ],
  ['callbacks: { allow: [ file:./prompts ] }', /^callbacks\.allow is .* neither a scheme/],
  ['prompts: { allow: [ "ftp:" ] }', /^prompts\.allow is .* neither a scheme/],
  ['http: { maxConnections: 1 }', /^http\.maxConnections is .* whole number from 16/],
  ['tokens: { issuer: me }', /^tokens\.issuer is /],
  ['tokens: { keyLifetime: 1h }', /^tokens\.keyLifetime is .* from 604800s/],
  ['webrtc: { iceServers: [ stun.example:3478 ] }', /^webrtc\.iceServers is .* stun:host:port/],
  ['webrtc: { iceServers: [ turn:turn.example ] }', /^webrtc\.iceServers is .* user and password/],
  ['webrtc: { connections: 0 }', /^webrtc\.connections is/],
  ['media: { announce: 0.0.0.0 }', /^media\.announce is/],
  ['tokens: { trusted: [ https://login.example ] }', /^tokens\.trusted is .* with the audience/],
  ['tokens: { trusted: [ { issuer: http://login.example, audience: a } ] }', /^tokens\.trusted is .* https:/],
  ['tokens: { trusted: [ http://localhost.example a ] }', /^tokens\.trusted is .* https:/],
  ['tokens: { trusted: [ http://127.0.0.1.example a ] }', /^tokens\.trusted is .* https:/],
  ['http: { requestsPerMinute: 0 }', /^http\.requestsPerMinute is .* whole number from 1/],
  ['trunks: x', /^trunks must be a list/],
  ['log: { level: loud }', /^log\.level is "loud"; it must be one of debug, info, warn, error/],
  [
    '',
    /^recordings\.retention \(from TONEARM_RECORDINGS_RETENTION\) is "soon"/,
    { TONEARM_RECORDINGS_RETENTION: 'soon' },
  ],
  ['', /^TONEARM_APPLICATIONS is no YAML/, { TONEARM_APPLICATIONS: '[' }],
  ['applications: { id: x }', /^applications must be a list/],
  ['applications: [ x ]', /^applications\[0\] must be /],
  [withApplication({ id: 'x' }), /^applications\[0\]\.id must be a GUID/],
  [withApplication({ tenantId: undefined }), /^applications\[0\]\.tenantId must be a GUID/],
  [withApplication({ callbackUri: undefined }), /^applications\[0\]\.callbackUri must be an https: URL/],
  [withApplication({ callbackUri: '/api/calls' }), /^applications\[0\]\.callbackUri must be /],
  [
    withApplication({ callbackUri: 'https://u:x@bot/' }),
    /^applications\[0\]\.callbackUri must be .* without a user name/,
  ],
  [
    withApplication({ callbackUri: 'http://bot/' }),
    /^applications\[0\]\.callbackUri must be .*callbacks\.allowHttp/,
  ],
  [withApplication({ secret: undefined }), /^applications\[0\]\.secret must be a text/],
  [
    withApplication({ secret: undefined, secretEnv: 'NOT_SET' }),
    /^applications\[0\]\.secretEnv must be .*NOT_SET is not/,
  ],
  [
    withApplication({ roles: ['Calls.All'] }),
    /^applications\[0\]\.roles must be a list of Calls\.AccessMedia\.All/,
  ],
  [withApplication({ routes: '*' }), /^applications\[0\]\.routes must be a list/],
  [withApplication({ dialect: 'teams' }), /^applications\[0\]\.dialect must be app/],
  [
    withApplication({ speechSensitivity: 3 }),
    /^applications\[0\]\.speechSensitivity must be low, normal or high/,
  ],
  [
    withApplication({ route: ['*'] }),
    /^applications\[0\]\.route is not a setting\. Did you mean applications\[0\]\.routes\?$/,
  ],
  [JSON.stringify({ applications: [APPLICATION, APPLICATION] }), /^applications\[1\]\.id must be another id/],
];

for (const [source, expected, env] of complaints) {
  test(`the configuration ${source || JSON.stringify(env)} is refused with ${expected}`, () => {
    assert.match(complaint(source, env), expected);
  });
}

test('all that is wrong is told at once: of the file, the environment and the command line, a line each', () => {
  const source = `htpp: {}
http: { listen: 8080, tls: { certs: x }, "max\\nConnections": 1 }
sip: 5060
calls: { ringTimeout: 1, answerTimeout: 2s }
callbacks: { allowHttp: true }
applications:
  - { id: x, callbackUri: http://bot.example/, secretEnv: TONEARM_DATE, route: [ a ], dialect: teams }
  - { id: x, tenantId: ${APPLICATION.tenantId}, callbackUri: /calls, secret: hush }
trunks: [ { transport: tls, domain: a@b } ]
`;
  const env = { TONEARM_LOG_LEVLE: 'debug', TONEARM_SIP_CALLS: 'many', TONEARM_RECORDINGS_RETENTION: 'soon' };
  const expected = [
    /^TONEARM_LOG_LEVLE is not a setting\. Did you mean TONEARM_LOG_LEVEL\?$/,
    /^htpp is not a setting\. Did you mean http\?$/,
    /^http\.max Connections is not a setting\. Did you mean http\.maxConnections\?$/,
    /^http\.listen is "8080"; it must be address:port/,
    /^http\.tls\.certs is not a setting\. Did you mean http\.tls\.cert\?$/,
    /^sip must be a section with settings of its own, such as listen, /,
    /^sip\.calls \(from TONEARM_SIP_CALLS\) is "many"; it must be a whole number/,
    /^calls\.ringTimeout is "1"; it must be a duration/,
    /^recordings\.retention \(from TONEARM_RECORDINGS_RETENTION\) is "soon"; it must be a duration/,
    /^--data is ""; it must be the path of a folder\.$/,
    /^applications\[0\]\.route is not a setting\. Did you mean applications\[0\]\.routes\?$/,
    /^applications\[0\]\.id must be a GUID/,
    /^applications\[0\]\.tenantId must be a GUID/,
    /^applications\[0\]\.secretEnv must be .* TONEARM_DATE is not\.$/,
    /^applications\[0\]\.dialect must be app or communications\.$/,
    /^applications\[1\]\.id must be a GUID/,
    /^applications\[1\]\.callbackUri must be an https: URL/,
    /^applications\[1\]\.id must be another id than the others have\.$/,
    /^trunks\[0\]\.name must be a text/,
    /^trunks\[0\]\.address must be host or host:port/,
    /^trunks\[0\]\.transport must be udp or tcp\.$/,
    /^trunks\[0\]\.domain must be a host name/,
    /^trunks\[0\]\.numbers must be a list/,
  ];
  const lines = complaint(source, env, '').split('\n');
  assert.equal(lines.length, expected.length, lines.join('\n'));
  for (const [at, pattern] of expected.entries()) assert.match(lines[at] ?? '', pattern);
});

test('of what may follow from a mistake nothing is told', () => {
  const unread = { TONEARM_TRUNKS: '[', TONEARM_DATE: 's3cret' };
  assert.match(complaint('', unread), /^TONEARM_TRUNKS is no YAML: [^\n]*$/);
  const perhaps = withApplication({ callbackUri: 'http://bot.example/' }).replace(
    '{',
    '{"callbacks":{"allowHttp":"yes"},',
  );
  assert.match(complaint(perhaps), /^callbacks\.allowHttp is "yes"; [^\n]*$/);
  const applications = JSON.stringify([{ ...APPLICATION, callbackUri: 'http://bot.example/' }]);
  const env = { TONEARM_APPLICATIONS: applications, TONEARM_LOG_LEVEL: 'loud' };
  assert.match(complaint('[', env), /^The configuration [^\n]* is no YAML[^\n]*\nlog\.level [^\n]*$/);
});

test('what is wrong with a configuration is told without quoting a secret', () => {
  const sources = [
    withApplication({ secret: ['hush'] }),
    withApplication({ secret: { hush: 'hush' } }),
    'applications: [ { secret: hush\nhttp: {',
  ];
  for (const source of sources) {
    const message = complaint(source);
    assert.notEqual(message, 'none');
    assert.doesNotMatch(message, /hush/);
  }
});

test('a file that is not there, and one that is not YAML, are named', () => {
  assert.throws(() => readConfig({ file: join(folder, 'none.yaml'), env: {} }), {
    code: 'badConfig',
    message: /none\.yaml can't be read/,
  });
  assert.match(complaint('http: [unclosed'), /tonearm-\d+\.yaml is no YAML: .* at line 1, column \d+\.$/);
  assert.match(complaint('a: 1\na: 2'), /no YAML: Map keys must be unique/);
});

test('the application that is made for you is made once, and only its owner can read its secret', () => {
  const data = join(folder, 'nested', 'data');
  const made = defaultApplication(data);
  assert.equal(made.isNew, true);
  assert.deepEqual(defaultApplication(data), { application: made.application, isNew: false });
  assert.ok((made.application.secret?.length ?? 0) >= 32);
  assert.deepEqual(made.application.routes, ['sip:voicemail@*']);
  assert.equal(statSync(join(data, 'default-application.json')).mode & 0o777, 0o600);
  assert.notEqual(defaultApplication(join(folder, 'other')).application.secret, made.application.secret);
});

test('a data folder that cannot be used is named, and a broken application in it is not replaced', () => {
  const blocked = join(folder, 'a-file');
  writeFileSync(blocked, 'not a folder');
  assert.throws(() => defaultApplication(join(blocked, 'data')), { code: 'dataFolder', message: /a-file/ });
  const broken = join(folder, 'broken');
  defaultApplication(broken);
  for (const content of ['', '{}', 'null', '{"id":"x","tenantId":"y","secret":""}']) {
    writeFileSync(join(broken, 'default-application.json'), content);
    assert.throws(() => defaultApplication(broken), {
      code: 'dataFolder',
      message: /default-application\.json/,
    });
  }
});
