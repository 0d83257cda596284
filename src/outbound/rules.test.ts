import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admitUrl, type Entry, mayConnect, outboundRules, readEntry } from './rules.ts';

const rulesOf = (...entries: string[]) =>
  outboundRules(
    'callbacks.allow',
    entries.map((text) => {
      const entry = readEntry(text);
      assert.ok(entry.kind !== 'invalid', entry.kind === 'invalid' ? `${text}: ${entry.why}` : '');
      return entry as Entry;
    }),
  );

/** How far the URL may reach, or why it may not be asked. */
function reachOf(rules: ReturnType<typeof rulesOf>, url: string): string {
  const admission = admitUrl(rules, new URL(url));
  return admission.ok ? admission.reach : admission.message;
}

test('a scheme admits every host at public addresses, and no other scheme', () => {
  const rules = rulesOf('https:');
  assert.equal(reachOf(rules, 'https://bot.example/calls'), 'public');
  assert.match(
    reachOf(rules, 'http://bot.example/calls'),
    /callbacks\.allow lists neither "http:" nor "http:/,
  );
});

test('a named origin admits its scheme, host, port and path, with private addresses', () => {
  const rules = rulesOf('http://bot.internal:9000/api');
  assert.equal(reachOf(rules, 'http://bot.internal:9000/api'), 'private');
  assert.equal(reachOf(rules, 'http://BOT.internal:9000/api/calls?x=1'), 'private');
  for (const url of [
    'https://bot.internal:9000/api',
    'http://bot.internal/api',
    'http://bot.internal.:9000/api',
    'http://a.bot.internal:9000/api',
    'http://bot.internal:9000/apis',
    'http://bot.internal:9000/api/..%2fadmin',
    'http://bot.internal:9000/api/../admin',
    'http://bot.internal.evil.example:9000/api',
  ])
    assert.match(reachOf(rules, url), /not allowed here/, url);
});

test('a host pattern admits what is below it, at public addresses only: who is there, not everybody chose', () => {
  const rules = rulesOf('https://*.bots.example/hooks/');
  assert.equal(reachOf(rules, 'https://a.bots.example/hooks/1'), 'public');
  assert.equal(reachOf(rules, 'https://a.b.bots.example/hooks/1'), 'public');
  for (const url of [
    'https://bots.example/hooks/1',
    'https://evilbots.example/hooks/1',
    'https://a.bots.example/other',
    'https://a.bots.example.evil.example/hooks/1',
    'http://a.bots.example/hooks/1',
  ])
    assert.match(reachOf(rules, url), /not allowed here/, url);
});

test('an address in a URL is judged by what it is, however it is spelt', () => {
  const rules = rulesOf('http:', 'https:');
  for (const host of [
    ...['127.0.0.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.1', '127.0.0.1.', '0', '%31%32%37.0.0.1'],
    ...['１２７.0.0.1', '127。0。0。1', '[::1]', '[::ffff:127.0.0.1]', '[::127.0.0.1]', '[::ffff:0:7f00:1]'],
    ...['[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[fd00::1]', '[fe80::1]', '[ff02::1]', '169.254.169.254'],
    ...['10.0.0.1', '192.168.0.1', '172.16.0.1', '100.64.0.1', '0.0.0.0', '255.255.255.255'],
  ])
    assert.match(reachOf(rules, `http://${host}/`), /is not a public address/, host);
  assert.ok(!URL.canParse('http://[fe80::1%25eth0]/'), 'zones are in no URL');
  assert.equal(reachOf(rules, 'http://1.1.1.1/'), 'public');
});

test('an address that is listed is admitted, also a link-local one; a name never leads to one of those', () => {
  const rules = rulesOf('http://169.254.10.20:8000/', 'http://bot.internal/');
  assert.equal(reachOf(rules, 'http://169.254.10.20:8000/x'), 'any');
  assert.ok(!mayConnect(rules, 'private', '169.254.169.254'));
  for (const address of ['10.0.0.1', '127.0.0.1', '::1', 'fd00::1', '1.1.1.1'])
    assert.ok(mayConnect(rules, 'private', address), address);
  for (const address of ['::ffff:10.0.0.1', '64:ff9b::a00:1', '0.0.0.0', 'fe80::1', 'fd00::1%eth0', 'bot'])
    assert.ok(!mayConnect(rules, 'private', address), address);
});

test('a listed network is as good as the public one, for whatever is admitted otherwise', () => {
  const rules = rulesOf('http:', '10.20.0.0/16', 'fd12::/16', '192.168.7.7');
  assert.equal(reachOf(rules, 'http://10.20.3.4/'), 'public');
  assert.equal(reachOf(rules, 'http://192.168.7.7/'), 'public');
  assert.match(reachOf(rules, 'http://10.21.0.1/'), /is not a public address/);
  assert.match(reachOf(rules, 'http://192.168.7.8/'), /is not a public address/);
  assert.match(reachOf(rules, 'https://10.20.3.4/'), /not allowed here/);
  assert.ok(mayConnect(rules, 'public', 'fd12::7'));
  assert.ok(!mayConnect(rules, 'public', 'fd13::7'));
});

test('neither a user name nor a password is sent anywhere', () => {
  const rules = rulesOf('https:', 'http://bot.internal/');
  for (const url of [
    'https://user:secret@bot.example/',
    'https://user@bot.example/',
    'http://:x@bot.internal/',
  ])
    assert.match(reachOf(rules, url), /user name or a password/, url);
});

test('the ports of mail, SIP and the like are asked only at an origin that is named', () => {
  const rules = rulesOf('http:', 'https:', 'http://10.0.0.5:25/');
  for (const port of [22, 25, 587, 5060, 6667])
    assert.match(reachOf(rules, `http://bot.example:${port}/`), /another protocol/, String(port));
  for (const port of [8443, 3978, 9000])
    assert.equal(reachOf(rules, `https://bot.example:${port}/`), 'public');
  assert.equal(reachOf(rules, 'http://10.0.0.5:25/'), 'any');
});

test('an entry that says nothing is told why', () => {
  for (const [entry, why] of [
    ['ftp:', /neither a scheme/],
    ['bot.example', /neither a scheme/],
    ['10.0.0.0/33', /neither a scheme/],
    ['10.0.0.0/8/8', /neither a scheme/],
    ['10.0.0.0/', /neither a scheme/],
    ['fe80::1%eth0/64', /neither a scheme/],
    ['https://', /not a URL/],
    ['https://a.*.example/', /host pattern/],
    ['https://*.*.example/', /host pattern/],
    ['https://*/', /host pattern/],
    ['https://bot.example/?x', /only a scheme/],
    ['https://user@bot.example/', /only a scheme/],
  ] as const) {
    const read = readEntry(entry);
    assert.equal(read.kind, 'invalid', entry);
    assert.match(read.kind === 'invalid' ? read.why : '', why);
  }
});
