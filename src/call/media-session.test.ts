import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OFFER, withDirection } from '../../test/support/scripted-sip.ts';
import { openMediaSession, whyUnmet } from './media-session.ts';

const version = (sdp: string) => /o=\S+ (\d+) (\d+)/.exec(sdp)!.slice(1);
const open = () => openMediaSession({ address: '192.0.2.1', port: 20_000 });
const answer = (session: ReturnType<typeof open>, offer: string) => {
  const negotiated = session.answer(offer);
  assert.ok(negotiated.ok);
  return version(negotiated.sdp);
};

test('the version counts up when the description changes and only then, the session id stays', () => {
  const session = open();
  const [id, first] = answer(session, OFFER);
  assert.deepEqual(answer(session, OFFER), [id, first]);
  assert.deepEqual(answer(session, withDirection('sendonly')), [id, String(Number(first) + 1)]);
  assert.deepEqual(answer(session, withDirection('sendonly')), [id, String(Number(first) + 1)]);
  assert.deepEqual(version(session.offer()), [id, String(Number(first) + 2)]);
});

test('an offer that cannot be met leaves the session as it was', () => {
  const session = open();
  const before = answer(session, OFFER);
  assert.equal(session.answer('v=0\r\n').ok, false);
  assert.deepEqual(answer(session, OFFER), before);
});

test('an offer of ours is open until it has an answer that can be used', () => {
  const session = open();
  assert.equal(session.accept(OFFER), undefined);
  session.offer();
  assert.equal(session.waiting, true);
  assert.equal(session.accept('nonsense')?.ok, false);
  assert.equal(session.waiting, true);
  assert.equal(session.accept(OFFER)?.ok, true);
  assert.equal(session.waiting, false);
});

test('why an offer cannot be met is known without a line', () => {
  assert.equal(whyUnmet(OFFER), undefined);
  assert.match(whyUnmet(OFFER.replace('RTP/AVP 0 101', 'RTP/AVP 96')) ?? '', /./);
});
