import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'tonearm-faults-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Starts a server that can't start, and gives its exit code and what it said. */
function serve(config: string | undefined, data = join(folder, 'data'), env: Record<string, string> = {}) {
  const file = join(folder, 'tonearm.yaml');
  writeFileSync(file, config ?? '');
  const result = spawnSync(process.execPath, ['src/main.ts', 'serve', '--config', file, '--data', data], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
  return { code: result.status, said: result.stderr + result.stdout };
}

const FREE = { http: { listen: '127.0.0.1:0' }, sip: { listen: ['udp:127.0.0.1:0'] } };

test('a busy SIP port is named, with the setting to change', async () => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const { code, said } = serve(JSON.stringify({ ...FREE, sip: { listen: [`udp:127.0.0.1:${port}`] } }));
  socket.close();
  assert.equal(code, 1);
  assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.match(said, /sip\.listen/);
  // Nobody was shown the console's secret: the next start makes another.
  assert.ok(!existsSync(join(folder, 'data/console-secret.json')));
});

test('a busy HTTP port is named, with the setting to change', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { code, said } = serve(JSON.stringify({ ...FREE, http: { listen: `127.0.0.1:${port}` } }));
  server.close();
  assert.equal(code, 1);
  assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.match(said, /http\.listen/);
});

test('a data folder that cannot be made is named', () => {
  const blocked = join(folder, 'a-file');
  writeFileSync(blocked, 'not a folder');
  const { code, said } = serve(JSON.stringify(FREE), join(blocked, 'data'));
  assert.equal(code, 1);
  assert.match(said, /a-file/);
});

for (const [what, config, env, expected] of [
  ['no YAML', 'http: [unclosed', {}, /tonearm\.yaml/],
  ['an unknown key', JSON.stringify({ htpp: { listen: '127.0.0.1:0' } }), {}, /htpp/],
  ['a port out of range', JSON.stringify({ http: { listen: '127.0.0.1:99999' } }), {}, /http\.listen/],
  [
    'a transport that is none',
    JSON.stringify({ sip: { listen: ['sctp:127.0.0.1:5060'] } }),
    {},
    /sip\.listen/,
  ],
  ['a port range turned round', JSON.stringify({ media: { ports: '3000-2000' } }), {}, /media\.ports/],
  [
    'a bad environment variable',
    '',
    { TONEARM_RECORDINGS_RETENTION: 'soon' },
    /TONEARM_RECORDINGS_RETENTION|recordings\.retention/,
  ],
] as const) {
  test(`a configuration with ${what} ends with exit code 2 and names it`, () => {
    const { code, said } = serve(config, undefined, env);
    assert.equal(code, 2, said);
    assert.match(said, expected);
    assert.doesNotMatch(said, /\n\s+at .*\.ts:\d+/, 'no stack trace');
  });
}
