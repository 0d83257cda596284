import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskedHeaders, maskedJson, maskedPath, maskedSip } from './masks.ts';

test('of SIP neither digests are shown, nor SRTP keys, ICE passwords, or passwords in URIs', () => {
  const masked = maskedSip(
    [
      'INVITE sip:bob:hunter2@192.0.2.1 SIP/2.0',
      'Authorization: Digest username="a", response="secret1"',
      'PROXY-AUTHORIZATION  :Digest username="a",',
      '\tresponse="secret2",',
      '  opaque="secret3"',
      'WWW-Authenticate: Digest realm="shown"',
      '',
      'a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret4|2^20|1:4',
      'a=ice-ufrag:shown',
      'a=ice-pwd:secret5',
      'k=base64:secret6',
      'a=sendrecv',
    ].join('\r\n'),
  );
  assert.deepEqual(masked.split('\r\n'), [
    'INVITE sip:bob:***@192.0.2.1 SIP/2.0',
    'Authorization: Digest ***',
    'PROXY-AUTHORIZATION  :Digest ***',
    'WWW-Authenticate: Digest realm="shown"',
    '',
    'a=crypto:1 AES_CM_128_HMAC_SHA1_80 ***',
    'a=ice-ufrag:shown',
    'a=ice-pwd:***',
    'k=***',
    'a=sendrecv',
  ]);
});

test('a credential in an odd form is masked whole', () => {
  for (const line of ['Authorization:Basic c2VjcmV0', 'Authorization: "secret"', 'authorization:\n secret'])
    assert.doesNotMatch(maskedSip(`${line}\n\n`), /c2VjcmV0|secret/);
  for (const line of ['a=crypto:1  AES inline:secret', 'a=crypto:secret', 'A=CRYPTO:1 AES\tinline:secret'])
    assert.doesNotMatch(maskedSip(`${line}\r\n`), /secret/, line);
});

test('a password in a SIP URI is masked whatever is in it, and no port is taken for one', () => {
  for (const uri of [
    `sip:${'b'.repeat(70)}:secret@x`,
    `sip:b:secret${'x'.repeat(70)}@x`,
    'sip:b:a:secret@x',
    'SIPS:b;c=d:secret@x',
  ])
    assert.doesNotMatch(maskedSip(`To: <${uri}>\r\n`), /secret/, uri);
  const line = 'Route: <sip:192.0.2.1:5060;lr>, <sip:bob@192.0.2.1:5060>';
  assert.equal(maskedSip(line), line);
});

test('of HTTP the scheme of a credential is shown, and of secrets in a path the names', () => {
  assert.deepEqual(
    maskedHeaders({ authorization: 'Bearer a.b.c', cookie: 'x=y', accept: ['a', 'b'], host: undefined }),
    { authorization: 'Bearer ***', cookie: '***', accept: 'a, b' },
  );
  assert.equal(maskedPath('/calls/1?$top=2&access_token=abc&x=1'), '/calls/1?$top=2&access_token=***&x=1');
});

test('of JSON tokens and secrets are masked at any depth, and the queries of URLs; the rest is as it was', () => {
  const body = {
    callbackUri: 'https://user:pw@bot.example/calls?code=abc#d',
    value: [{ recordResourceAccessToken: 'abc', recordingAccessToken: 'abc', sequence: 1, none: null }],
    toneInfo: { tone: '#', sequenceId: 3 },
    clientContext: 'https no url?',
    clientSecret: 'abc',
  };
  assert.deepEqual(maskedJson(body), {
    callbackUri: 'https://***@bot.example/calls?***',
    value: [{ recordResourceAccessToken: '***', recordingAccessToken: '***', sequence: 1, none: null }],
    toneInfo: { tone: '#', sequenceId: 3 },
    clientContext: 'https no url?',
    clientSecret: '***',
  });
});

test('a text is masked where it has an URL, wherever it has it, and a SIP URI its password', () => {
  const message = (uri: string) => `$.callbackUri is "${uri}"; it must be an https: URL.`;
  assert.deepEqual(
    maskedJson({ message: message('http://bot.example/calls?code=abc'), id: 'sip:bob:hunter2@192.0.2.1' }),
    { message: message('http://bot.example/calls?***'), id: 'sip:bob:***@192.0.2.1' },
  );
});
