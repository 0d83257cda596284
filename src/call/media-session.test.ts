import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { OFFER, withDirection } from '../../test/support/scripted-sip.ts';
import { lineFor, MediaSession } from './media-session.ts';

const version = (sdp: string) => /o=\S+ (\d+) (\d+)/.exec(sdp)!.slice(1);
const open = () => new MediaSession({ address: '192.0.2.1', port: 20_000 });
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
  assert.deepEqual(lineFor(OFFER), { ok: true, secure: false });
  assert.equal(lineFor(OFFER.replace('RTP/AVP 0 101', 'RTP/AVP 96')).ok, false);
});

const BROWSER = readFileSync(join(import.meta.dirname, '../../test/vectors/firefox-offer.sdp'), 'utf8');
const credentials = (sdp: string) => /a=ice-ufrag:(\S+)\r\na=ice-pwd:(\S+)/.exec(sdp)?.slice(1);

test('a browser needs a line of its own kind', () => {
  assert.deepEqual(lineFor(BROWSER), { ok: true, secure: true });
  const unmet = lineFor(BROWSER.replace(/a=fingerprint.*\n/, ''));
  assert.match(unmet.ok ? '' : unmet.why, /fingerprint/);
});

test('ICE credentials are random, stay for the session, and are new when the browser begins ICE anew', () => {
  const openSecure = () =>
    new MediaSession({ address: '192.0.2.1', port: 4000, fingerprint: { hash: 'sha-256', value: 'AB' } });
  const answer = (session: ReturnType<typeof openSecure>, offer: string) => {
    const negotiated = session.answer(offer);
    assert.ok(negotiated.ok);
    assert.deepEqual(credentials(negotiated.sdp), Object.values(negotiated.audio.secure?.ice ?? {}));
    return credentials(negotiated.sdp);
  };
  const session = openSecure();
  const first = answer(session, BROWSER);
  assert.ok((first?.[0]?.length ?? 0) >= 4 && (first?.[1]?.length ?? 0) >= 22);
  assert.notDeepEqual(answer(openSecure(), BROWSER), first);
  assert.deepEqual(answer(session, BROWSER.replaceAll('a=sendrecv', 'a=sendonly')), first);
  assert.notDeepEqual(answer(session, BROWSER.replace('a=ice-ufrag:12345678', 'a=ice-ufrag:anew')), first);
});
