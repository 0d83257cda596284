import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { setConsoleStage } from '../../../test/support/console-stage.ts';

const INDEX = '<!doctype html><title>Tonearm</title>';
const SCRIPT = 'console.log("tonearm");'.repeat(50);

async function built(t: TestContext) {
  const stage = await setConsoleStage(t);
  const folder = join(stage.folder, 'page');
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), INDEX);
  writeFileSync(join(folder, 'assets/index-a1b2c3.js'), SCRIPT);
  writeFileSync(join(folder, 'assets/logo.png'), 'png');
  writeFileSync(join(folder, 'assets/made.css'), 'a{}');
  writeFileSync(join(folder, 'assets/made.css.gz'), gzipSync('made before'));
  return stage;
}

test('a page that was not built says how it is built', async (t) => {
  const { ask } = await setConsoleStage(t);
  for (const path of ['/', '/assets/x.js']) {
    const answer = await ask('GET', path);
    assert.equal(answer.statusCode, 404);
    assert.match(answer.payload, /npm run build:console/);
    assert.match(String(answer.headers['content-type']), /^text\/plain/);
  }
});

test('the page is open to everybody, asked for anew each time, and may do very little', async (t) => {
  const { ask } = await built(t);
  const answer = await ask('GET', '/');
  assert.equal(answer.payload, INDEX);
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  assert.equal(answer.headers['cache-control'], 'no-cache');
  const policy = String(answer.headers['content-security-policy']).split('; ');
  assert.deepEqual(policy, [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self' ws://127.0.0.1:8080",
    "media-src 'self' blob:",
    "img-src 'self' data:",
    "font-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "require-trusted-types-for 'script'",
  ]);
  assert.match(String(answer.headers['permissions-policy']), /^microphone=\(self\)/);
  for (const [name, value] of [
    ['x-content-type-options', 'nosniff'],
    ['referrer-policy', 'no-referrer'],
    ['cross-origin-opener-policy', 'same-origin'],
    ['cross-origin-resource-policy', 'same-origin'],
  ] as const)
    assert.equal(answer.headers[name], value);
  const again = await ask('GET', '/', { 'if-none-match': String(answer.headers.etag) });
  assert.deepEqual([again.statusCode, again.payload], [304, '']);
});

test('assets are kept for ever and compressed as the browser has it', async (t) => {
  const { ask } = await built(t);
  const get = (encoding: string, path = '/assets/index-a1b2c3.js') =>
    ask('GET', path, { 'accept-encoding': encoding });
  const brotli = await get('gzip, deflate, br;q=0.9');
  assert.equal(brotli.headers['content-encoding'], 'br');
  assert.equal(brotliDecompressSync(brotli.rawPayload).toString(), SCRIPT);
  assert.equal(brotli.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(brotli.headers.vary, 'accept-encoding');
  const gzip = await get('br;q=0, gzip');
  assert.equal(gunzipSync(gzip.rawPayload).toString(), SCRIPT);
  const plain = await get('identity');
  assert.deepEqual([plain.payload, plain.headers['content-encoding']], [SCRIPT, undefined]);
  assert.equal((await get('br', '/assets/logo.png')).headers['content-encoding'], undefined);
  assert.equal(gunzipSync((await get('gzip', '/assets/made.css')).rawPayload).toString(), 'made before');
});

test('nothing but the page’s own files is there', async (t) => {
  const { ask } = await built(t);
  for (const path of [
    '/assets/none.js',
    '/assets/../index.html',
    '/assets/%2e%2e/index.html',
    '/assets/..%2f..%2fconsole-secret.json',
    '/assets/made.css.gz',
    '/assets/__proto__',
  ])
    assert.equal((await ask('GET', path)).statusCode, 404, path);
});
