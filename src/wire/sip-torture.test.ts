/** The messages of RFC 4475, as the npm package `sip` ships them, and what the RFC says of each. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseVia } from './sip-header.ts';
import {
  formatSipMessage,
  header,
  headerList,
  parseSipMessage,
  type SipMessage,
  type SipRequest,
} from './sip-message.ts';
import { parseNameAddr, parseSipUri } from './sip-uri.ts';

const FOLDER = join(dirname(createRequire(import.meta.url).resolve('sip/package.json')), 'test/messages');
const torture = (name: string) => readFileSync(join(FOLDER, `${name}.dat`));

function parsed(bytes: Uint8Array): SipMessage {
  const result = parseSipMessage(bytes);
  assert.ok(result.ok, result.ok ? '' : result.reason);
  return result.message;
}

const address = (message: SipMessage, name: string) => parseNameAddr(headerList(message, name)[0] ?? '');
const uriOf = (message: SipMessage) => (message.kind === 'request' ? parseSipUri(message.uri) : undefined);
const vias = (message: SipMessage) => headerList(message, 'via').map((one) => parseVia(one));

/** Well-formed, or malformed in a way that RFC 4475 lets one overlook: the start line, and what the section is about. */
const READ: Readonly<
  Record<string, { section: string; start: string; says?: (message: SipMessage) => unknown; equal?: unknown }>
> = {
  wsinv: {
    section: '3.1.1.1',
    start: 'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam',
    says: (m) => [
      vias(m).map((via) => [via?.transport, via?.host, via?.parameters.branch]),
      address(m, 'from')?.displayName,
      address(m, 'to')?.parameters.tag,
      header(m, 'subject'),
      header(m, 'newfangledheader'),
      header(m, 'unknownheaderwithunusualvalue'),
      headerList(m, 'route').length,
      address(m, 'contact')?.displayName,
      { ...address(m, 'contact')?.parameters },
      m.body.length,
    ],
    equal: [
      [
        ['UDP', '192.0.2.2', '390skdjuw'],
        ['TCP', 'spindle.example.com', 'z9hG4bK9ikj8'],
        ['UDP', '192.168.255.111', 'z9hG4bK30239'],
      ],
      'J Rosenberg \\"',
      '1918181833n',
      '',
      'newfangled value continued newfangled value',
      ';;,,;;,;',
      1,
      'Quoted string ""',
      { newparam: 'newvalue', secondparam: '', q: '0.33' },
      150,
    ],
  },
  intmeth: {
    section: '3.1.1.2',
    start:
      "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    says: (m) => [
      uriOf(m)?.user,
      uriOf(m)?.host,
      address(m, 'to')?.displayName,
      address(m, 'from')?.displayName,
      { ...address(m, 'from')?.parameters },
      header(m, 'call-id'),
      header(m, "extensionheader-!.%*+_`'~"),
    ],
    equal: [
      "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
      'example.com',
      'BEL:\x07 NUL:\x00 DEL:\x7f',
      "token1~` token2'+_ token3*%!.-",
      { "fromparam''~+*_!.-%": 'работающий', tag: "_token~1'+`*%!-." },
      'intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
      // The value begins with a byte order mark, which counts as a blank.
      '大停電',
    ],
  },
  esc01: {
    section: '3.1.1.3',
    start: 'INVITE sip:sips%3Auser%40example.com@example.net',
    says: (m) => [uriOf(m)?.user, address(m, 'to')?.uri.user, address(m, 'from')?.uri.user],
    equal: ['sips:user@example.com', 'user', 'I have spaces'],
  },
  escnull: {
    section: '3.1.1.4',
    start: 'REGISTER sip:example.com',
    says: (m) => [
      address(m, 'to')?.uri.user,
      ...headerList(m, 'contact').map((one) => parseNameAddr(one)?.uri.user),
    ],
    equal: ['null-\0-null', '\0', '\0\0'],
  },
  esc02: {
    section: '3.1.1.5',
    start: 'RE%47IST%45R sip:registrar.example.com',
    says: (m) => [address(m, 'to')?.displayName, headerList(m, 'contact').length, header(m, 'c%6fntact')],
    equal: ['%Z%45', 2, '<sip:alias2@host2.example.com>'],
  },
  lwsdisp: {
    section: '3.1.1.6',
    start: 'OPTIONS sip:user@example.com',
    says: (m) => address(m, 'from')?.displayName,
    equal: 'caller',
  },
  longreq: {
    section: '3.1.1.7',
    start: 'INVITE sip:user@example.com',
    says: (m) => [vias(m).length, header(m, 'call-id')?.length, address(m, 'to')?.uri.port, m.body.length],
    equal: [34, 141, 6000, 150],
  },
  dblreq: { section: '3.1.1.8', start: 'REGISTER sip:example.com', says: (m) => m.body.length, equal: 0 },
  semiuri: {
    section: '3.1.1.9',
    start: 'OPTIONS sip:user;par=u%40example.net@example.com',
    says: (m) => [uriOf(m)?.user, uriOf(m)?.host, { ...uriOf(m)?.parameters }],
    equal: ['user;par=u@example.net', 'example.com', {}],
  },
  transports: {
    section: '3.1.1.10',
    start: 'OPTIONS sip:user@example.com',
    says: (m) => vias(m).map((via) => via?.transport),
    equal: ['UDP', 'SCTP', 'TLS', 'UNKNOWN', 'TCP'],
  },
  mpart01: {
    section: '3.1.1.11',
    start: 'MESSAGE sip:kumiko@example.org',
    says: (m) => [header(m, 'content-type')?.split(';')[0], Buffer.from(m.body).includes(0)],
    equal: ['multipart/mixed', true],
  },
  unreason: { section: '3.1.1.12', start: '200 = 2**3 * 5**2 но сто девяносто девять - простое' },
  noreason: { section: '3.1.1.13', start: '100 ' },
  escruri: {
    section: '3.1.2.11',
    start: 'INVITE sip:user@example.com?Route=%3Csip:example.com%3E',
    says: (m) => [uriOf(m)?.user, uriOf(m)?.host, { ...uriOf(m)?.parameters }],
    equal: ['user', 'example.com', {}],
  },
  baddate: { section: '3.1.2.12', start: 'INVITE sip:user@example.com' },
  regbadct: {
    section: '3.1.2.13',
    start: 'REGISTER sip:example.com',
    says: (m) => address(m, 'contact'),
    equal: undefined,
  },
  badaspec: {
    section: '3.1.2.14',
    start: 'OPTIONS sip:user@example.org',
    says: (m) => [address(m, 'to')?.displayName, address(m, 'to')?.uri.text],
    equal: ['Watson, Thomas', 'sip:t.watson@example.org'],
  },
  badbranch: {
    section: '3.2.1',
    start: 'OPTIONS sip:user@example.com',
    says: (m) => vias(m)[0]?.parameters.branch,
    equal: 'z9hG4bK',
  },
  unkscm: {
    section: '3.3.2',
    start: 'OPTIONS nobodyKnowsThisScheme:totallyopaquecontent',
    says: uriOf,
    equal: undefined,
  },
  novelsc: {
    section: '3.3.3',
    start: 'OPTIONS soap.beep://192.0.2.103:3002',
    says: uriOf,
    equal: undefined,
  },
  bext01: {
    section: '3.3.5',
    start: 'OPTIONS sip:user@example.com',
    says: (m) => headerList(m, 'require'),
    equal: ['nothingSupportsThis', 'nothingSupportsThisEither'],
  },
  invut: {
    section: '3.3.6',
    start: 'INVITE sip:user@example.com',
    says: (m) => [header(m, 'content-type'), m.body.length],
    equal: ['application/unknownformat', 40],
  },
  regaut01: {
    section: '3.3.7',
    start: 'REGISTER sip:example.com',
    says: (m) => headerList(m, 'authorization'),
    equal: ['NoOneKnowsThisScheme opaque-data=here'],
  },
  bcast: { section: '3.3.10', start: '200 OK', says: (m) => vias(m).length, equal: 2 },
  zeromf: {
    section: '3.3.11',
    start: 'OPTIONS sip:user@example.com',
    says: (m) => header(m, 'max-forwards'),
    equal: '0',
  },
  cparam01: {
    section: '3.3.12',
    start: 'REGISTER sip:example.com',
    says: (m) => [{ ...address(m, 'contact')?.parameters }, { ...address(m, 'contact')?.uri.parameters }],
    equal: [{ unknownparam: '' }, {}],
  },
  cparam02: {
    section: '3.3.13',
    start: 'REGISTER sip:example.com',
    says: (m) => [{ ...address(m, 'contact')?.parameters }, { ...address(m, 'contact')?.uri.parameters }],
    equal: [{}, { unknownparam: '' }],
  },
  regescrt: {
    section: '3.3.14',
    start: 'REGISTER sip:example.com',
    says: (m) => address(m, 'contact')?.uri.host,
    equal: 'example.com',
  },
  sdp01: {
    section: '3.3.15',
    start: 'INVITE sip:user@example.com',
    says: (m) => header(m, 'accept'),
    equal: 'text/nobodyKnowsThis',
  },
  inv2543: {
    section: '3.4.1',
    start: 'INVITE sip:UserB@example.com',
    says: (m) => [
      vias(m)[0]?.parameters.branch,
      header(m, 'max-forwards'),
      address(m, 'from')?.uri.user,
      { ...address(m, 'from')?.uri.parameters },
      { ...address(m, 'to')?.parameters },
    ],
    equal: [undefined, undefined, '+13035551111', { user: 'phone' }, { user: 'phone' }],
  },
};

for (const [name, { section, start, says, equal }] of Object.entries(READ)) {
  test(`RFC 4475 §${section} ${name} is read as the RFC says, and again after it was written`, () => {
    const message = parsed(torture(name));
    const first =
      message.kind === 'request' ? `${message.method} ${message.uri}` : `${message.status} ${message.reason}`;
    assert.equal(first, start);
    if (says !== undefined) assert.deepEqual(says(message), equal);
    assert.deepEqual(withoutLength(parsed(formatSipMessage(message))), withoutLength(message));
  });
}

/** Refused with this reason; `true`: enough stands in it to be answered (400; 505 for the version). */
const REFUSED: readonly (readonly [name: string, section: string, reason: string, answerable: boolean])[] = [
  ['badinv01', '3.1.2.1', 'Bad Via', true],
  ['clerr', '3.1.2.2', 'Content-Length exceeds the body', true],
  ['ncl', '3.1.2.3', 'Bad Content-Length', true],
  ['scalar02', '3.1.2.4', 'Bad CSeq', true],
  // A response: to be dropped.
  ['scalarlg', '3.1.2.5', 'Bad CSeq', false],
  ['quotbal', '3.1.2.6', 'Bad To', true],
  ['ltgtruri', '3.1.2.7', 'Bad Request-URI', true],
  ['lwsruri', '3.1.2.8', 'Bad request line', true],
  ['lwsstart', '3.1.2.9', 'Bad request line', true],
  ['trws', '3.1.2.10', 'Bad request line', true],
  ['badvers', '3.1.2.16', 'Version not supported', true],
  ['mismatch01', '3.1.2.17', 'CSeq of another method', true],
  ['mismatch02', '3.1.2.18', 'CSeq of another method', true],
  ['bigcode', '3.1.2.19', 'Bad status line', false],
  // No From, To or Call-ID: nobody could tell what an answer belongs to.
  ['insuf', '3.3.1', 'No From', false],
  // As a registrar would: the RFC asks of parsers only that they stay up.
  ['unksm2', '3.3.4', 'Bad From', true],
  ['multi01', '3.3.8', 'More than one CSeq', true],
  ['mcl01', '3.3.9', 'More than one Content-Length', true],
  ['badcseq', 'no part of the RFC', 'Bad CSeq', true],
];

for (const [name, section, reason, answerable] of REFUSED) {
  test(`RFC 4475 §${section} ${name} is refused: ${reason}${answerable ? ', and can be answered' : ''}`, () => {
    const result = parseSipMessage(torture(name));
    assert.ok(!result.ok);
    assert.deepEqual([result.reason, result.answerable !== undefined], [reason, answerable]);
    if (result.answerable !== undefined) assertAnswer(result.answerable);
  });
}

test('RFC 4475 §3.1.2.15 baddn is refused for the comma in its unquoted display name', () => {
  // The package keeps the empty line that ends it in a file of its own.
  const result = parseSipMessage(Buffer.concat([torture('baddn'), torture('baddn_sep')]));
  assert.ok(!result.ok);
  assert.equal(result.reason, 'Bad From');
  assert.notEqual(result.answerable, undefined);
});

test('of what can’t be read, the Via is answered as far as it could be', () => {
  const answered = (name: string) => {
    const result = parseSipMessage(torture(name));
    return result.ok || result.answerable === undefined ? undefined : header(result.answerable, 'via');
  };
  assert.equal(answered('badinv01'), 'SIP/2.0/UDP 192.0.2.15');
  assert.equal(answered('badvers'), 'SIP/2.0/UDP c.example.com;branch=z9hG4bKkdjuw');
});

test('no message of the collection is left out of these tables', () => {
  const tested = [...Object.keys(READ), ...REFUSED.map(([name]) => name), 'baddn', 'baddn_sep', 'test'];
  const shipped = readdirSync(FOLDER).filter((one) => one.endsWith('.dat'));
  assert.deepEqual(tested.sort(), shipped.map((one) => one.slice(0, -'.dat'.length)).sort());
});

test('every message of the collection, cut at any byte, is read or refused for a named reason', () => {
  for (const file of readdirSync(FOLDER).filter((one) => one.endsWith('.dat'))) {
    const bytes = readFileSync(join(FOLDER, file));
    for (let length = 0; length <= bytes.length; length++) {
      const result = parseSipMessage(bytes.subarray(0, length));
      if (!result.ok) assert.match(result.reason, /^[A-Z][\w -]+$/, `${file} cut at ${length}`);
      if (!result.ok && result.answerable !== undefined) assertAnswer(result.answerable);
    }
  }
});

/** An error made of what could be read is itself a message that can be read, but for what was bad and is copied. */
function assertAnswer(request: SipRequest): void {
  for (const name of ['via', 'from', 'to', 'call-id', 'cseq']) assert.ok(header(request, name), name);
  for (const name of ['from', 'to', 'call-id', 'cseq'])
    assert.equal(request.headers.filter((one) => one.name === name).length, 1, name);
  assert.notEqual(vias(request)[0], undefined);
}

function withoutLength(message: SipMessage) {
  const headers = message.headers.filter((one) => one.name !== 'content-length');
  return { ...message, headers, body: [...message.body] };
}
