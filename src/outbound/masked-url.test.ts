import assert from 'node:assert/strict';
import { test } from 'node:test';
import { maskedUrl } from './masked-url.ts';

const SHOWN = [
  ['http://bot/x', 'http://bot/x'],
  ['HTTPS://Bot.example:8443', 'HTTPS://Bot.example:8443'],
  ['https://bot/a b', 'https://bot/a b'],
  ['http://[::1]:9000/calls', 'http://[::1]:9000/calls'],
  ['https://bot/calls?code=hush&x=1', 'https://bot/calls?***'],
  ['https://bot/calls#hush?x', 'https://bot/calls#***'],
  ['https://bot?hush\u2028hush', 'https://bot?***'],
  ['https://user:hush@bot/calls', 'https://***@bot/calls'],
  ['https://hush@hush:hush@bot/', 'https://***@bot/'],
  ['https://bot/~user@example', 'https://bot/~user@example'],
] as const;

for (const [url, shown] of SHOWN)
  test(`of the URL ${JSON.stringify(url)} is shown ${shown}`, () => assert.equal(maskedUrl(url), shown));

const HIDDEN = [
  ...[
    '',
    'hush',
    'not a URL',
    'hush:hush@bot',
    '/calls?code=hush',
    '//user:hush@bot/',
    'http://',
    'http:hush@bot',
  ],
  ...['ftp://user:hush@bot/', 'sip:bob:hush@bot', 'data:,hush', 'http://bot:99999/hush', 'http://[hush/'],
  ...[
    'https:///user:hush@bot/',
    'https:\\\\user:hush@bot/',
    'https://\\user:hush@bot/',
    'https://\n/user:hush@bot/',
  ],
  ...['ht\ntps://user:hush@bot/', ' https://user:hush@bot/', 'https://bot/\r\nhush'],
];

for (const text of HIDDEN)
  test(`of ${JSON.stringify(text)}, which is no HTTP URL as one writes it, nothing is shown`, () =>
    assert.equal(maskedUrl(text), '***'));
