import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallbackOptions, callbackRules } from './callbacks.ts';
import { type Entry, readEntry } from './rules.ts';

const entries = (...texts: string[]) => texts.map((text) => readEntry(text) as Entry);
const given = (options: Partial<CallbackOptions> = {}) =>
  callbackRules({ allow: entries('https:', 'http:'), allowHttp: true, loopback: false, ...options });

function verdict(rules: ReturnType<typeof callbackRules>, uri: string, own?: string): string {
  const admission = rules.admit(uri, own);
  return admission.ok ? admission.reach : admission.message;
}

test('http: needs callbacks.allowHttp, wherever it leads; other schemes are never taken', () => {
  const own = 'http://127.0.0.1:9000/calls';
  for (const uri of ['http://bot.example/', own])
    assert.match(verdict(given({ allowHttp: false }), uri, own), /callbacks\.allowHttp/);
  assert.equal(verdict(given(), 'http://bot.example/'), 'public');
  for (const uri of ['ftp://bot.example/', 'file:///etc/passwd', 'nonsense', ''])
    assert.match(verdict(given(), uri), /must be an https: URL/);
});

test('by default a bot is told at public addresses', () => {
  assert.equal(verdict(given(), 'https://bot.example/calls'), 'public');
  for (const uri of [
    'https://10.0.0.5/',
    'http://127.0.0.1:9000/',
    'http://[::1]:9000/',
    'http://169.254.169.254/',
  ])
    assert.match(verdict(given(), uri), /not a public address: .*callbacks\.allow/);
});

test('a server of this machine alone tells bots on this machine', () => {
  const rules = given({ loopback: true });
  for (const uri of ['http://127.0.0.1:9000/calls', 'http://[::1]:9000/', 'http://localhost:9000/'])
    assert.equal(verdict(rules, uri), 'public');
  assert.match(verdict(rules, 'http://10.0.0.5/'), /not a public address/);
});

test('the origin of the application’s configured callback may be anywhere: the operator named it; other origins may not', () => {
  const rules = given({ allow: entries('https://*.bots.example/') });
  const own = 'http://10.0.0.5:9000/api/calls';
  assert.equal(verdict(rules, 'http://10.0.0.5:9000/api/calls/17', own), 'any');
  assert.equal(verdict(rules, 'http://bot.internal/x', 'http://bot.internal/calls'), 'private');
  assert.match(verdict(rules, 'http://10.0.0.5:9001/api/calls', own), /not allowed here/);
  assert.match(verdict(rules, 'http://10.0.0.6:9000/api/calls', own), /not allowed here/);
  assert.match(verdict(rules, 'http://user:x@10.0.0.5:9000/', own), /user name/);
  assert.equal(verdict(rules, 'https://a.bots.example/calls', own), 'public');
});
