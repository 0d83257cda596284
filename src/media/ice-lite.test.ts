import assert from 'node:assert/strict';
import { test } from 'node:test';
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

test('with new credentials the old ones are worth nothing', () => {
  const { ice, selected } = stage();
  ice.hear(bindingRequest(CHECK), '192.0.2.7', 1);
  ice.connect({ ice: { ...ICE, ufrag: 'new' }, ...REMOTE });
  assert.equal(ice.knows('192.0.2.7', 1), false);
  assert.equal(ice.hear(bindingRequest(CHECK), '192.0.2.7', 1), false);
  assert.equal(ice.hear(bindingRequest({ ...CHECK, username: 'new:theirs' }), '192.0.2.7', 1), true);
  assert.deepEqual(selected, ['192.0.2.7:1', '192.0.2.7:1']);
});

test('nobody is heard before there are credentials', () => {
  const ice = new IceLite({ send: () => assert.fail(), onSelected: () => assert.fail() });
  assert.equal(ice.hear(bindingRequest({ username: '', password: '' }), '192.0.2.7', 1), false);
});
