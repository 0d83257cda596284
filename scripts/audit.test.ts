import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freeTcpPort } from '../test/support/free-port.ts';

/** What the audit says and ends with when the registry at `port` is asked. */
function audit(port: number): Promise<{ readonly code: number; readonly said: string }> {
  // npm remembers what it was told of a package, whoever told it.
  const cache = mkdtempSync(join(tmpdir(), 'tonearm-audit-'));
  process.once('exit', () => rmSync(cache, { recursive: true, force: true }));
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['scripts/audit.mjs'],
      {
        cwd: join(import.meta.dirname, '..'),
        env: { ...process.env, npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: cache },
      },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, said: stdout + stderr }),
    );
  });
}

/** A registry that answers audits so; its packages are not there. */
async function registry(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createServer((request, response) => {
    if (request.method === 'POST') return answer(request, response);
    response.writeHead(404).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const advisories =
  (severity?: string): RequestListener =>
  (_request, response) => {
    const about = {
      id: 1,
      url: 'https://advisories.example/1',
      title: 'A hole',
      vulnerable_versions: '*',
      cwe: [],
    };
    const all =
      severity === undefined
        ? {}
        : { fastify: [{ ...about, severity, cvss: { score: 0, vectorString: null } }] };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(all));
  };

test('without known holes, and with small ones, the audit passes', async (t) => {
  assert.deepEqual(await audit(await registry(t, advisories())), {
    code: 0,
    said: 'npm audit: 0 critical, 0 high, 0 moderate, 0 low\n',
  });
  const { code, said } = await audit(await registry(t, advisories('moderate')));
  assert.equal(code, 0, said);
  assert.match(said, /[1-9]\d* moderate.*fastify.*A hole/s);
});

for (const severity of ['high', 'critical']) {
  test(`a ${severity} hole in what is installed fails it, and is named`, async (t) => {
    const { code, said } = await audit(await registry(t, advisories(severity)));
    assert.equal(code, 1, said);
    assert.match(said, new RegExp(`  ${severity}  fastify .*A hole`));
  });
}

test('a registry that answers no audits, or is not there, fails nothing, and is told', async (t) => {
  const refusing = await registry(t, (_request, response) => void response.writeHead(405).end());
  for (const port of [refusing, await freeTcpPort()]) {
    const { code, said } = await audit(port);
    assert.equal(code, 0, said);
    assert.match(said, /^SKIPPED: npm audit \(the registry does not answer it: (405|ECONNREFUSED)\)\n$/);
  }
});
