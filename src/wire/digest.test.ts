import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatAuthorization, parseChallenge, strongestChallenge } from './digest.ts';

const MUFASA = { username: 'Mufasa', password: 'Circle of Life' };
const PLAIN = { method: 'INVITE', uri: 'sip:b@x', cnonce: 'c', count: 1 };

const answer = (text: string, credentials: typeof MUFASA, use: typeof PLAIN) => {
  const challenge = parseChallenge(text);
  assert.ok(challenge);
  return formatAuthorization(challenge, credentials, use);
};
const responseOf = (value: string) => /response="([^"]*)"/.exec(value)?.[1];

test('RFC 2617 §3.5: MD5 with qop auth', () => {
  const value = answer(
    'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"',
    { username: 'Mufasa', password: 'Circle Of Life' },
    { method: 'GET', uri: '/dir/index.html', cnonce: '0a4f113b', count: 1 },
  );
  assert.equal(
    value,
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", response="6629fae49393a05397450978507c4ef1", cnonce="0a4f113b", opaque="5ccc069c403ebaf9f0171e9517f40e41", qop=auth, nc=00000001',
  );
});

for (const [algorithm, response] of [
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
] as const) {
  test(`RFC 7616 §3.9.1: ${algorithm} with qop auth`, () => {
    const value = answer(
      `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`,
      MUFASA,
      {
        method: 'GET',
        uri: '/dir/index.html',
        cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
        count: 1,
      },
    );
    assert.equal(responseOf(value), response);
    assert.match(value, new RegExp(`algorithm=${algorithm}, `));
  });
}

test('RFC 2069: without qop there is neither a count nor a cnonce', () => {
  const value = answer('Digest realm="atlanta.com", nonce="84a4cc6f3082121f32b42a2187831a9e"', MUFASA, PLAIN);
  assert.match(value, /^Digest username="Mufasa", realm=.*, response="[0-9a-f]{32}"$/);
});

test('of a -sess algorithm the response depends on the first cnonce, with the same hash as its plain form', () => {
  const of = (algorithm: string) =>
    responseOf(answer(`Digest realm="r", nonce="n", qop="auth", algorithm=${algorithm}`, MUFASA, PLAIN));
  const lengths = ['MD5-sess', 'SHA-256-sess', 'SHA-512-256-sess', 'SHA-512-256'].map(
    (name) => of(name)?.length,
  );
  assert.deepEqual(lengths, [32, 64, 64, 64]);
  assert.notEqual(of('MD5'), of('MD5-sess'));
});

test('the count of uses is eight hexadecimal digits', () => {
  const value = answer('Digest realm="r",nonce="n",qop="auth"', MUFASA, { ...PLAIN, count: 255 });
  assert.match(value, /nc=000000ff$/);
});

test('quotes and backslashes in realm, user and opaque are escaped again', () => {
  const value = answer(
    String.raw`Digest realm="a \"b\" \\c", nonce="n", opaque="\""`,
    { username: 'x"y', password: '' },
    PLAIN,
  );
  assert.ok(value.includes(String.raw`username="x\"y", realm="a \"b\" \\c"`), value);
  assert.ok(value.includes(String.raw`opaque="\""`), value);
});

test('the strongest challenge that can be done is taken, of equals the first', () => {
  const of = (algorithm: string, realm = algorithm) =>
    `Digest realm="${realm}", nonce="n", qop="auth", algorithm=${algorithm}`;
  const chosen = (...values: string[]) => strongestChallenge(values)?.realm;
  assert.equal(chosen(of('MD5'), of('SHA-256'), of('SHA-512-256-sess'), of('XYZ')), 'SHA-512-256-sess');
  assert.equal(chosen(of('SHA-256', 'one'), of('SHA-256', 'two')), 'one');
  assert.equal(chosen('Basic realm="x"', of('AKAv1-MD5'), of('md5')), 'md5');
  assert.equal(chosen('Digest realm="old", nonce="n"', of('MD5', 'new')), 'new');
  assert.equal(chosen(of('AKAv1-MD5')), undefined);
  assert.equal(chosen(), undefined);
});

for (const text of [
  '',
  'Digest',
  'Digest ',
  'Basic realm="x"',
  'Digest realm="x"',
  'Digest nonce="x"',
  'Digest realm="x", nonce="n", nonce="m"',
  'Digest realm="x", nonce="n", qop="auth-int"',
  'Digest realm="x", nonce="n", algorithm=-sess',
  'Digest realm="x, nonce="n"',
  'Digest realm="x" nonce="n"',
  'Digest realm="x\0", nonce="n"',
  `Digest realm="x", nonce="${'n'.repeat(5000)}"`,
  `Digest realm="x", nonce="n"${', '.repeat(1000)}=`,
  `Digest ${Array.from({ length: 40 }, (_, i) => `p${i}=1`).join()}, realm="x", nonce="n"`,
]) {
  test(`the challenge ${JSON.stringify(text.slice(0, 50))} is refused`, () => {
    assert.equal(parseChallenge(text), undefined);
  });
}

test('a challenge with odd spacing, case and unquoted values is read', () => {
  const challenge = parseChallenge('DIGEST  Realm = "x" ,, NONCE=abc,QOP=auth,stale="TRUE", unknown="y",');
  assert.deepEqual(
    [challenge?.realm, challenge?.nonce, challenge?.qop, challenge?.stale],
    ['x', 'abc', true, true],
  );
});

test('no text is a challenge that throws', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('realm=', 'nonce=', '"', '\\', ',', '=', ' ', 'qop="auth"', 'algorithm=MD5-sess', 'x'),
  );
  const text = fc.array(piece).map((pieces) => `Digest ${pieces.join('')}`);
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (value) => {
      const challenge = parseChallenge(value);
      if (challenge !== undefined) formatAuthorization(challenge, MUFASA, PLAIN);
    }),
  );
});

test('a challenge that is written is read again as it was', () => {
  const text = fc.string({ unit: fc.constantFrom(...'aZ09 "\\,=;é€'), maxLength: 30 });
  const quoted = (value: string) => `"${value.replace(/["\\]/g, '\\$&')}"`;
  fc.assert(
    fc.property(text, text, text, (realm, nonce, opaque) => {
      const read = parseChallenge(
        `Digest realm=${quoted(realm)}, nonce=${quoted(nonce)}, opaque=${quoted(opaque)}`,
      );
      assert.deepEqual([read?.realm, read?.nonce, read?.opaque], [realm, nonce, opaque]);
    }),
  );
});
