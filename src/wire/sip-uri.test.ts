import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  formatNameAddr,
  formatParameters,
  formatSipUri,
  parseNameAddr,
  parseParameters,
  parseSipUri,
} from './sip-uri.ts';

for (const [text, scheme, user, host, port, parameters] of [
  ['sip:alice@Atlanta.com', 'sip', 'alice', 'atlanta.com', undefined, {}],
  [
    'SIPS:a:secret@[2001:db8::1]:5061;transport=tcp;LR',
    'sips',
    'a',
    '[2001:db8::1]',
    5061,
    { transport: 'tcp', lr: '' },
  ],
  ['sip:192.0.2.4', 'sip', undefined, '192.0.2.4', undefined, {}],
  ['sip:%61lice%40x@b?subject=a%20b&to=c', 'sip', 'alice@x', 'b', undefined, {}],
  [
    'sip:+1-212-555-1212:1234@gw.com;user=phone',
    'sip',
    '+1-212-555-1212',
    'gw.com',
    undefined,
    { user: 'phone' },
  ],
  ['sip:a;b=c?d/e@f;g', 'sip', 'a;b=c?d/e', 'f', undefined, { g: '' }],
  ['sip:%ff@b', 'sip', 'ÿ', 'b', undefined, {}],
  [
    'tel:+1-201-555-0123;phone-context=example.com',
    'tel',
    '+1-201-555-0123',
    '',
    undefined,
    { 'phone-context': 'example.com' },
  ],
  ['tel:*67#', 'tel', '*67#', '', undefined, {}],
] as const) {
  test(`${text} is read`, () => {
    const uri = parseSipUri(text);
    assert.ok(uri);
    assert.deepEqual(
      [uri.scheme, uri.user, uri.host, uri.port, { ...uri.parameters }],
      [scheme, user, host, port, parameters],
    );
    assert.equal(formatSipUri(uri), text);
  });
}

for (const text of [
  '',
  'sip:',
  'sip:@b',
  'sip:a@',
  'sip:a@b c',
  'sip:a@b:0',
  'sip:a@b:65536',
  'sip:a@b:port',
  'sip:a@2001:db8::1',
  'sip:a@[2001:db8::1',
  'sip:a%4@b',
  'sip:a@b;;c',
  'sip:a\0@b',
  'sip:a\r\n@b',
  '<sip:a@b>',
  'tel:',
  'tel:alice',
  'http://a',
]) {
  test(`${JSON.stringify(text)} is no URI`, () => {
    assert.equal(parseSipUri(text), undefined);
  });
}

for (const [text, displayName, uri, parameters] of [
  ['sip:a@b;tag=1', undefined, 'sip:a@b', { tag: '1' }],
  ['<sip:a@b;lr>;tag=1', undefined, 'sip:a@b;lr', { tag: '1' }],
  ['"" <sip:a@b>', undefined, 'sip:a@b', {}],
  ['Alice Smith<sip:a@b>', 'Alice Smith', 'sip:a@b', {}],
  ['"Smith, \\"Al\\" <x>" <sip:a@b> ; Q = 0.5', 'Smith, "Al" <x>', 'sip:a@b', { q: '0.5' }],
  ['"a\\\\" <sip:a@b>;x="p;q, \\"r\\""', 'a\\', 'sip:a@b', { x: 'p;q, "r"' }],
  ['"Ä日本" <tel:+1>', 'Ä日本', 'tel:+1', {}],
] as const) {
  test(`the address ${text} is read, and is the same when written`, () => {
    const address = parseNameAddr(text);
    assert.ok(address);
    assert.deepEqual(
      [address.displayName, address.uri.text, { ...address.parameters }],
      [displayName, uri, parameters],
    );
    assert.deepEqual(parseNameAddr(formatNameAddr(address)), address);
  });
}

for (const text of [
  '',
  '*',
  '<>',
  '<sip:a@b',
  '"a <sip:a@b>',
  'a" <sip:a@b>',
  'Bell, Alexander <sip:a@b>',
  'sip:a@b?x=y',
  '<sip:a@b>, <sip:c@d>',
  '<sip:a@b>x',
  '<sip:a@b>;=1',
  '<sip:a@b>;tag=a b',
]) {
  test(`${JSON.stringify(text)} is no address`, () => {
    assert.equal(parseNameAddr(text), undefined);
  });
}

test('any display name and parameters that are written are read back', () => {
  const uri = parseSipUri('sip:a@b');
  assert.ok(uri);
  const printable = fc.string({ unit: 'grapheme' }).filter((text) => !/\p{Cc}/u.test(text));
  const parameters = fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), printable, { maxKeys: 8 });
  fc.assert(
    fc.property(printable, parameters, (displayName, given) => {
      const address = { displayName: displayName || undefined, uri, parameters: given };
      const read = parseNameAddr(formatNameAddr(address));
      assert.deepEqual(
        { ...read, parameters: { ...read?.parameters } },
        { ...address, parameters: { ...given } },
      );
    }),
  );
});

test('any text given as URI, address or parameters is read or refused, and what is read is written', () => {
  const piece = fc.constantFrom(
    'sip:',
    'tel:',
    '<',
    '>',
    '"',
    '\\',
    ';',
    '=',
    ',',
    '@',
    '%',
    '[',
    ']',
    ':',
    '?',
    'a',
    '1',
    ' ',
    '\0',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join('')),
  );
  fc.assert(
    fc.property(text, (one) => {
      const address = parseNameAddr(one);
      if (address !== undefined) assert.deepEqual(parseNameAddr(formatNameAddr(address)), address);
      const parameters = parseParameters(one);
      if (parameters !== undefined)
        assert.deepEqual(parseParameters(formatParameters(parameters)), parameters);
      parseSipUri(one);
    }),
    { numRuns: 2000 },
  );
});

test('a parameter named as a member of objects is a parameter', () => {
  assert.deepEqual(Object.keys(parseParameters(';__proto__=x;constructor') ?? {}), [
    '__proto__',
    'constructor',
  ]);
});
