import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { bindingRequest } from '../../test/support/browser-peer.ts';
import { IceLite } from './ice-lite.ts';

const ICE = { ufrag: 'ours', password: 'a password that nobody guesses' };
const REMOTE = { remoteUfrag: 'theirs', remoteFingerprint: { hash: 'sha-256', value: '' } };
const CHECK = { username: 'ours:theirs', password: ICE.password };

function stage() {
  const sent: { bytes: Buffer; to: string }[] = [];
  const selected: string[] = [];
  const ice = new IceLite({
    send: (bytes, port, address) => sent.push({ bytes, to: `${address}:${port}` }),
    onSelected: (address, port) => selected.push(`${address}:${port}`),
  });
  ice.connect({ ice: ICE, ...REMOTE });
  return { ice, sent, selected };
}

const SUCCESS = 0x0101;
const ERROR = 0x0111;

test('a check is answered to where it came from, and makes that the way to the far end', () => {
  const { ice, sent, selected } = stage();
  assert.equal(ice.hear(bindingRequest(CHECK), '192.0.2.7', 5000), true);
  assert.equal(sent[0]?.to, '192.0.2.7:5000');
  assert.equal(sent[0]?.bytes.readUInt16BE(0), SUCCESS);
  assert.deepEqual(selected, ['192.0.2.7:5000']);
  assert.deepEqual([ice.knows('192.0.2.7', 5000), ice.knows('192.0.2.7', 5001)], [true, false]);
});

test('the way that the far end chooses counts more than the first that works', () => {
  const { ice, selected } = stage();
  ice.hear(bindingRequest(CHECK), '192.0.2.7', 1);
  ice.hear(bindingRequest(CHECK), '192.0.2.7', 2);
  assert.deepEqual(selected, ['192.0.2.7:1']);
  ice.hear(bindingRequest({ ...CHECK, useCandidate: true }), '192.0.2.7', 2);
  ice.hear(bindingRequest(CHECK), '192.0.2.7', 1);
  assert.deepEqual(selected, ['192.0.2.7:1', '192.0.2.7:2']);
});

test('who does not know the credentials hears nothing and changes nothing', () => {
  const { ice, sent, selected } = stage();
  const strangers = [
    { ...CHECK, password: 'a guess' },
    { ...CHECK, username: 'ours:others' },
    { ...CHECK, username: 'ours' },
    { ...CHECK, username: '' },
  ];
  for (const stranger of strangers)
    assert.equal(ice.hear(bindingRequest({ ...stranger, useCandidate: true }), '192.0.2.7', 1), false);
  assert.deepEqual([sent, selected], [[], []]);
});

test('a far end that believes itself controlled too is told of the conflict', () => {
  const { ice, sent, selected } = stage();
  ice.hear(bindingRequest({ ...CHECK, controlled: true }), '192.0.2.7', 1);
  assert.equal(sent[0]?.bytes.readUInt16BE(0), ERROR);
  assert.ok(sent[0]?.bytes.includes('Role Conflict'));
  assert.deepEqual(selected, []);
});

test('of many addresses that were checked the latest are known', () => {
  const { ice } = stage();
  for (let port = 1; port <= 100; port++) {
    ice.hear(bindingRequest({ ...CHECK, useCandidate: true }), '192.0.2.7', port);
    // The first one goes on.
    ice.hear(bindingRequest(CHECK), '192.0.2.7', 1);
  }
  const known = Array.from({ length: 100 }, (_, index) => index + 1).filter((port) =>
    ice.knows('192.0.2.7', port),
  );
  assert.equal(known.length, 32);
  assert.deepEqual([known[0], known.at(-1)], [1, 100]);
});

test('with new credentials the old ones are worth nothing', () => {
  const { ice, selected } = stage();
  ice.hear(bindingRequest(CHECK), '192.0.2.7', 1);
  ice.connect({ ice: { ...ICE, ufrag: 'new' }, ...REMOTE });
  assert.equal(ice.knows('192.0.2.7', 1), false);
  assert.equal(ice.hear(bindingRequest(CHECK), '192.0.2.7', 1), false);
  assert.equal(ice.hear(bindingRequest({ ...CHECK, username: 'new:theirs' }), '192.0.2.7', 1), true);
  assert.deepEqual(selected, ['192.0.2.7:1', '192.0.2.7:1']);
});

test('a check that was changed anywhere, or cut, is not answered and changes nothing', () => {
  const { ice, sent, selected } = stage();
  const check = bindingRequest({ ...CHECK, useCandidate: true });
  for (let at = 0; at < check.length; at++) {
    const changed = Buffer.from(check);
    changed[at]! ^= 1 << (at % 8);
    assert.equal(ice.hear(changed, '192.0.2.7', 1), false, `byte ${at}`);
    // As who knows no password would have it: with a fingerprint that fits.
    if (at < check.length - 8)
      assert.equal(ice.hear(fingerprinted(changed), '192.0.2.7', 1), false, `byte ${at}`);
    assert.equal(ice.hear(check.subarray(0, at), '192.0.2.7', 1), false, `${at} bytes`);
  }
  assert.deepEqual([sent, selected], [[], []]);
});

test('RFC 8489 §14.5: what stands behind the integrity of a check counts for nothing', () => {
  const { ice, selected } = stage();
  ice.hear(bindingRequest(CHECK), '192.0.2.7', 1);
  const check = bindingRequest(CHECK);
  const candidate = Buffer.from('00250000', 'hex');
  const longer = Buffer.concat([check.subarray(0, -8), candidate, check.subarray(-8)]);
  longer.writeUInt16BE(longer.length - 20, 2);
  assert.equal(ice.hear(fingerprinted(longer), '192.0.2.7', 2), true);
  assert.deepEqual(selected, ['192.0.2.7:1']);
});

test('an answer is no longer than the check that it is to, whatever that says', () => {
  const { ice, sent } = stage();
  const longest = (address: string) => {
    ice.hear(bindingRequest(CHECK), address, 65_535);
    return sent.at(-1)?.bytes.length ?? 0;
  };
  assert.ok(longest('192.0.2.7') <= bindingRequest(CHECK).length);
  assert.ok(longest('2001:db8::1:2:3:4') <= bindingRequest(CHECK).length);
});

/** With the fingerprint that fits its bytes. */
function fingerprinted(check: Buffer): Buffer {
  const whole = Buffer.from(check);
  whole.writeUInt32BE((crc32(whole.subarray(0, -8)) ^ 0x5354554e) >>> 0, whole.length - 4);
  return whole;
}

test('nobody is heard before there are credentials', () => {
  const ice = new IceLite({ send: () => assert.fail(), onSelected: () => assert.fail() });
  assert.equal(ice.hear(bindingRequest({ username: '', password: '' }), '192.0.2.7', 1), false);
});
