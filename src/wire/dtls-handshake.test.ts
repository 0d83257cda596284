import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatServerHello, parseClientHello } from './dtls-handshake.ts';

const RANDOM = '11'.repeat(32);
const EXTENSIONS = {
  groups: '000a 0004 0002 0017',
  signatures: '000d 0004 0002 0403',
  srtp: '000e 0005 0002 0001 00',
  extendedMasterSecret: '0017 0000',
};

const bytesOf = (text: string) => Buffer.from(text.replace(/ /g, ''), 'hex');

/** A ClientHello that can be served, but for what is asked for. */
function hello({
  version = 'fefd',
  suites = '0002 c02b',
  compression = '01 00',
  more = '',
  behind = '',
} = {}) {
  const extensions = bytesOf(Object.values(EXTENSIONS).join('') + more);
  const size = extensions.length.toString(16).padStart(4, '0');
  // version, random, no session, no cookie
  const head = bytesOf(`${version}${RANDOM} 00 00 ${suites}${compression}${size}`);
  return Buffer.concat([head, extensions, bytesOf(behind)]);
}

const missing = (options: Parameters<typeof hello>[0]) => parseClientHello(hello(options))?.missing;

test('a ClientHello of the one form that WebRTC demands can be served', () => {
  assert.deepEqual(missing({}), []);
  assert.deepEqual(missing({ version: 'fefc' }), []);
});

test('only DTLS from 1.2 on is served, whatever else a version may be', () => {
  for (const version of ['feff', 'fefe', 'ffff', '0303', '0000', 'fdfd'])
    assert.deepEqual(missing({ version }), ['DTLS 1.2'], version);
});

test('who takes only compressed text, or compressed points, cannot be served', () => {
  assert.deepEqual(missing({ compression: '01 01' }), ['no compression']);
  assert.deepEqual(missing({ more: '000b 0002 01 01' }), ['uncompressed points']);
  assert.deepEqual(missing({ more: '000b 0003 02 01 00' }), []);
});

test('RFC 5746 §3.6: a ClientHello that goes on with an earlier handshake is refused', () => {
  assert.deepEqual(missing({ more: `ff01 000d 0c ${'22'.repeat(12)}` }), ['a first handshake']);
  assert.deepEqual(missing({ more: 'ff01 0000' }), ['a first handshake']);
  assert.deepEqual(missing({ more: 'ff01 0001 00' }), []);
});

test('RFC 5246 §7.4.1.4: an extension that is there twice, or bytes behind them, make it unreadable', () => {
  assert.equal(parseClientHello(hello({ more: EXTENSIONS.srtp })), undefined);
  assert.equal(parseClientHello(hello({ behind: '00' })), undefined);
});

test('a ClientHello that is cut off anywhere is none', () => {
  const whole = hello({ more: 'ff01 0001 00' });
  for (let length = 0; length < whole.length; length++)
    assert.equal(parseClientHello(whole.subarray(0, length)), undefined);
});

test('RFC 5246 §7.4.1.4: the answer has no extension that was not offered', () => {
  const answered = (options: Parameters<typeof hello>[0]) => {
    const offers = parseClientHello(hello(options))?.offers;
    assert.ok(offers !== undefined);
    // Version, random, no session, suite, no compression; then the extensions.
    return formatServerHello(Buffer.alloc(32), offers).toString('hex', 38);
  };
  const always = '000e 0005 0002 0001 00 0017 0000';
  const hex = (text: string) => bytesOf(text).toString('hex');
  assert.equal(answered({}), hex(`000d ${always}`));
  assert.equal(answered({ more: 'ff01 0001 00' }), hex(`0012 ${always} ff01 0001 00`));
  assert.equal(answered({ suites: '0004 c02b 00ff' }), hex(`0012 ${always} ff01 0001 00`));
  assert.equal(answered({ more: '000b 0002 01 00' }), hex(`0013 ${always} 000b 0002 01 00`));
});
