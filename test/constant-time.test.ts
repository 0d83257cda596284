import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const src = join(import.meta.dirname, '..', 'src');
const sources = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
);

test('no secret is compared by an operator, which takes the longer the more of it is right', () => {
  const compared = sources.flatMap((file) =>
    readFileSync(join(src, file), 'utf8')
      .split('\n')
      .filter((line) =>
        /\b\w*(secret|token|password|hash|signature|digest|hmac)\w*\s*[!=]==?\s*(?!undefined|null|''|'busy')\w/i.test(
          line,
        ),
      )
      .map((line) => `${file}: ${line.trim()}`),
  );
  assert.deepEqual(compared, []);
});

test('what is compared instead takes the same time: timingSafeEqual for secrets, and the verification of the algorithm for tokens', () => {
  const using = (call: RegExp) =>
    sources.filter((file) => call.test(readFileSync(join(src, file), 'utf8'))).sort();
  assert.deepEqual(using(/\btimingSafeEqual\(/), [
    'access/secrets.ts',
    'http/console/sessions.ts',
    'media/dtls-server.ts',
    'wire/stun.ts',
  ]);
  assert.deepEqual(using(/\bjwtVerify\(/), [
    'graph/outside-issuers.ts',
    'graph/tokens.ts',
    'recording/access-token.ts',
  ]);
});
