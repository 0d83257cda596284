import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatBindingError, formatBindingSuccess, isAuthentic, parseBindingRequest } from './stun.ts';

const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** RFC 5769 §2.1. */
const REQUEST = hex(`
  00 01 00 58  21 12 a4 42  b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 10  53 54 55 4e 20 74 65 73 74 20 63 6c 69 65 6e 74
  00 24 00 04  6e 00 01 ff
  80 29 00 08  93 2f f9 b1 51 26 3b 36
  00 06 00 09  65 76 74 6a 3a 68 36 76 59 20 20 20
  00 08 00 14  9a ea a7 0c bf d8 cb 56 78 1e f2 b5 b2 d3 f2 49 c1 b5 71 a2
  80 28 00 04  e5 7a 3b cf`);
/** RFC 5769 §2.2: the answer over IPv4, 192.0.2.1 port 32853. */
const RESPONSE_4 = hex(`
  01 01 00 3c  21 12 a4 42  b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 0b  74 65 73 74 20 76 65 63 74 6f 72 20
  00 20 00 08  00 01 a1 47 e1 12 a6 43
  00 08 00 14  2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7
  80 28 00 04  c0 7d 4c 96`);
/** RFC 5769 §2.3: over IPv6. */
const RESPONSE_6 = hex(`
  01 01 00 48  21 12 a4 42  b7 e7 a7 01 bc 34 d6 86 fa 87 df ae
  80 22 00 0b  74 65 73 74 20 76 65 63 74 6f 72 20
  00 20 00 14  00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9
  00 08 00 14  a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41
  80 28 00 04  c8 fb 0b 4c`);
const PASSWORD = 'VOkJxbRl1RmTxUk/WvJxBt';
const TRANSACTION = REQUEST.subarray(8, 20);
/** Of an answer of ours that has one attribute of `length` bytes. */
const integrityAfter = (length: number) => 20 + 4 + length;

test("RFC 5769's request is read, and is authentic to who knows its password", () => {
  const parsed = parseBindingRequest(REQUEST);
  assert.ok(parsed.ok);
  const { username, useCandidate, controlled, unknown, transactionId, integrityAt } = parsed.request;
  assert.equal(username, 'evtj:h6vY');
  assert.deepEqual([useCandidate, controlled, unknown], [false, true, []]);
  assert.deepEqual(transactionId, TRANSACTION);
  assert.equal(isAuthentic(REQUEST, integrityAt, PASSWORD), true);
  assert.equal(isAuthentic(REQUEST, integrityAt, `${PASSWORD}x`), false);
});

test("RFC 5769's answers are authentic as ours are", () => {
  assert.equal(isAuthentic(RESPONSE_4, 48, PASSWORD), true);
  assert.equal(isAuthentic(RESPONSE_6, 60, PASSWORD), true);
  const ours = formatBindingSuccess(TRANSACTION, '192.0.2.1', 32853, PASSWORD);
  assert.equal(isAuthentic(ours, integrityAfter(8), PASSWORD), true);
});

test('an answer says where the request came from, as in RFC 5769', () => {
  const four = formatBindingSuccess(TRANSACTION, '192.0.2.1', 32853, PASSWORD);
  assert.deepEqual(four.subarray(20, 32), RESPONSE_4.subarray(36, 48));
  const six = formatBindingSuccess(TRANSACTION, '2001:db8:1234:5678:11:2233:4455:6677', 32853, PASSWORD);
  assert.deepEqual(six.subarray(20, 44), RESPONSE_6.subarray(36, 60));
});

test('a shortened, a scoped and a mapped IPv6 address are the bytes that they stand for', () => {
  const answer = (address: string) => formatBindingSuccess(TRANSACTION, address, 9, PASSWORD);
  assert.deepEqual(answer('::1'), answer('0:0:0:0:0:0:0:1'));
  assert.deepEqual(answer('fe80::1%eth0'), answer('fe80:0:0:0:0:0:0:1'));
  assert.deepEqual(answer('::ffff:192.0.2.1'), answer('::ffff:c000:201'));
});

test('a refusal is authentic, and names the attributes that were not understood', () => {
  const refusal = formatBindingError(TRANSACTION, 420, PASSWORD, [0x7e57]);
  assert.ok(refusal.includes(hex('00 0a 00 02 7e 57 00 00')));
  assert.equal(isAuthentic(refusal, refusal.length - 32, PASSWORD), true);
  assert.ok(formatBindingError(TRANSACTION, 487, PASSWORD).includes('Role Conflict'));
});

test('a request that is cut, changed or anonymous is none', () => {
  for (let length = 0; length < REQUEST.length; length++)
    assert.equal(parseBindingRequest(REQUEST.subarray(0, length)).ok, false);
  for (let at = 0; at < REQUEST.length; at++) {
    const changed = Buffer.from(REQUEST);
    changed[at] = changed[at]! ^ 1;
    assert.equal(parseBindingRequest(changed).ok, false, `byte ${at}`);
  }
  assert.deepEqual(parseBindingRequest(RESPONSE_4), { ok: false, reason: 'notARequest' });
});

test('whatever comes, reading it does not throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
      const bytes = Buffer.concat([REQUEST.subarray(0, 20), body]);
      bytes.writeUInt16BE(body.length, 2);
      assert.equal(parseBindingRequest(bytes).ok, false);
    }),
  );
});
