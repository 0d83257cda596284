import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSipMessage, header, headerList, parseSipMessage, type SipMessage } from './sip-message.ts';
import { parseNameAddr } from './sip-uri.ts';

/** The messages of RFC 4475, as the npm package `sip` ships them. */
const TORTURE = join(dirname(createRequire(import.meta.url).resolve('sip/package.json')), 'test/messages');
const torture = (name: string) => readFileSync(join(TORTURE, `${name}.dat`));

function parsed(bytes: Uint8Array): SipMessage {
  const result = parseSipMessage(bytes);
  assert.ok(result.ok, result.ok ? '' : result.reason);
  return result.message;
}

/** RFC 4475 §3.1.1, and what of §3.2–3.4 is well-formed: each must be read. */
const VALID = [
  ...[
    'wsinv',
    'intmeth',
    'esc01',
    'escnull',
    'esc02',
    'lwsdisp',
    'longreq',
    'dblreq',
    'semiuri',
    'transports',
    'mpart01',
    'unreason',
  ],
  ...[
    'noreason',
    'novelsc',
    'unkscm',
    'bext01',
    'invut',
    'regbadct',
    'regescrt',
    'sdp01',
    'zeromf',
    'cparam01',
    'cparam02',
    'inv2543',
    'bigcode',
  ],
  ...['badbranch', 'badaspec', 'baddate', 'regaut01', 'bcast', 'escruri'],
];

for (const name of VALID) {
  test(`RFC 4475 ${name} is read, and is the same when written and read again`, () => {
    const message = parsed(torture(name));
    assert.deepEqual(normal(parsed(formatSipMessage(message))), normal(message));
  });
}

/** RFC 4475 §3.1.2 and §3.3: refused with this reason; `true`: enough stands in it to answer 400. */
const INVALID: readonly (readonly [string, string, boolean])[] = [
  ['badinv01', 'Bad Via', false],
  ['clerr', 'Content-Length exceeds the body', true],
  ['ncl', 'Bad Content-Length', true],
  ['scalar02', 'Bad CSeq', true],
  ['scalarlg', 'Bad CSeq', false],
  ['badcseq', 'Bad CSeq', true],
  ['quotbal', 'Bad To', true],
  ['ltgtruri', 'Bad Request-URI', true],
  ['lwsruri', 'Bad request line', true],
  ['lwsstart', 'Bad request line', true],
  ['trws', 'Bad request line', true],
  ['unksm2', 'Bad From', true],
  ['mismatch01', 'CSeq of another method', true],
  ['mismatch02', 'CSeq of another method', true],
  ['insuf', 'No From', false],
  ['mcl01', 'More than one Content-Length', true],
  ['multi01', 'More than one From', true],
];

for (const [name, reason, answerable] of INVALID) {
  test(`RFC 4475 ${name} is refused: ${reason}`, () => {
    const result = parseSipMessage(torture(name));
    assert.equal(result.ok, false);
    assert.deepEqual(
      [!result.ok && result.reason, !result.ok && result.answerable !== undefined],
      [reason, answerable],
    );
  });
}

test('every file of the torture messages is read or refused without throwing, cut at any byte', () => {
  for (const file of readdirSync(TORTURE).filter((one) => one.endsWith('.dat'))) {
    const bytes = readFileSync(join(TORTURE, file));
    for (let length = 0; length <= bytes.length; length++) parseSipMessage(bytes.subarray(0, length));
  }
});

test('the tortuous INVITE of RFC 4475 §3.1.1.1 has the values that the RFC tells', () => {
  const message = parsed(torture('wsinv'));
  assert.equal(header(message, 'cseq')?.replace(/\s+/g, ' '), '0009 INVITE');
  assert.equal(header(message, 'max-forwards'), '0068');
  assert.equal(headerList(message, 'via').length, 3);
  assert.equal(headerList(message, 'route').length, 1);
  assert.equal(parseNameAddr(header(message, 'contact') ?? '')?.displayName, 'Quoted string ""');
  const to = parseNameAddr(header(message, 'to') ?? '');
  assert.deepEqual(
    [to?.uri.user, to?.uri.host, to?.parameters.tag],
    ['vivekg', 'chair-dnrc.example.com', '1918181833n'],
  );
});

test('a datagram longer than its Content-Length loses the rest', () => {
  const message = parsed(Buffer.from(`${minimal()}Content-Length: 3\r\n\r\nabcdef`));
  assert.equal(Buffer.from(message.body).toString(), 'abc');
});

test('line breaks smuggled into a value do not make a header', () => {
  const message = parsed(Buffer.from(`${minimal()}\r\n`));
  const written = formatSipMessage({
    ...message,
    headers: [...message.headers, { name: 'reason', value: 'x\r\nEvil: yes' }],
  });
  assert.equal(header(parsed(written), 'evil'), undefined);
});

test('random and randomly changed bytes never throw', () => {
  const good = Buffer.from(`${minimal()}Content-Length: 3\r\n\r\nabc`);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 8 }),
      fc.uint8Array({ maxLength: 300 }),
      (changes, noise) => {
        const changed = Buffer.from(good);
        for (const [at, value] of changes) changed[at] = value;
        parseSipMessage(changed);
        parseSipMessage(noise);
      },
    ),
  );
});

test('whatever headers are written are read back', () => {
  const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.stringMatching(/^x-[a-z]{1,10}$/), value), { maxLength: 20 }),
      fc.uint8Array({ maxLength: 99 }),
      (extra, body) => {
        const base = parsed(Buffer.from(`${minimal()}\r\n`));
        const message = {
          ...base,
          headers: [...base.headers, ...extra.map(([name, text]) => ({ name, value: text }))],
          body,
        };
        assert.deepEqual(normal(parsed(formatSipMessage(message))), normal(message));
      },
    ),
  );
});

function minimal(): string {
  return [
    'OPTIONS sip:a@b SIP/2.0',
    'v: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1',
    'f: <sip:a@b>;tag=1',
    't: sip:c@d',
    'i: 1',
    'CSeq: 1 OPTIONS',
    '',
  ].join('\r\n');
}

/** A message without the Content-Length that writing puts in. */
function normal(message: SipMessage) {
  const headers = message.headers.filter((one) => one.name !== 'content-length');
  return { ...message, headers, body: [...message.body] };
}
