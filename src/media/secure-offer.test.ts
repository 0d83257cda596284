import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { acceptAnswer, answerOffer, makeOffer } from './offer-answer.ts';

const vector = (name: string) => readFileSync(join(import.meta.dirname, '../../test/vectors', name), 'utf8');
/** As Chromium 156 makes it, with video and a data channel besides. */
const CHROMIUM = vector('chromium-156-offer.sdp');
/** As Firefox makes it: its fingerprint stands in the session's part, and its ufrag is a number. */
const FIREFOX = vector('firefox-offer.sdp');

const secure = {
  ice: { ufrag: 'ours', password: 'our password' },
  fingerprint: { hash: 'sha-256', value: 'AB:CD' },
};
const LOCAL = { address: '192.0.2.1', port: 20_000, sessionId: 1, version: 1, secure };

function answered(offer: string) {
  const negotiated = answerOffer(offer, LOCAL);
  assert.ok(negotiated.ok, negotiated.ok ? '' : negotiated.why);
  return negotiated;
}

test("Chromium's offer is answered as an ICE-lite server of DTLS, its other streams refused", () => {
  const { sdp, audio } = answered(CHROMIUM);
  assert.deepEqual(sdp.split('\r\n'), [
    'v=0',
    'o=- 1 1 IN IP4 192.0.2.1',
    's=-',
    'c=IN IP4 192.0.2.1',
    't=0 0',
    'a=ice-lite',
    'a=group:BUNDLE 0',
    'm=audio 20000 UDP/TLS/RTP/SAVPF 111 110',
    'a=rtpmap:111 opus/48000/2',
    'a=rtpmap:110 telephone-event/48000',
    'a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1',
    'a=fmtp:110 0-16',
    'a=setup:passive',
    'a=mid:0',
    'a=ptime:20',
    'a=sendrecv',
    'a=ice-ufrag:ours',
    'a=ice-pwd:our password',
    'a=fingerprint:sha-256 AB:CD',
    'a=candidate:1 1 udp 2130706431 192.0.2.1 20000 typ host',
    'a=end-of-candidates',
    'a=rtcp-mux',
    `m=video 0 UDP/TLS/RTP/SAVPF ${/m=video 9 \S+ (.*)/.exec(CHROMIUM)?.[1]}`,
    'a=mid:1',
    'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
    'a=mid:2',
    '',
  ]);
  assert.equal(audio.codec, 'opus');
  assert.equal(audio.direction, 'sendrecv');
  assert.deepEqual(audio.secure, {
    ice: secure.ice,
    remoteUfrag: /a=ice-ufrag:(.*)/.exec(CHROMIUM)?.[1],
    remoteFingerprint: { hash: 'sha-256', value: /a=fingerprint:sha-256 (.*)/.exec(CHROMIUM)?.[1] },
  });
});

test("Firefox's offer is answered, wherever its attributes stand", () => {
  const { sdp, audio } = answered(FIREFOX);
  assert.match(sdp, /m=audio 20000 UDP\/TLS\/RTP\/SAVPF 109 101\r\n/);
  assert.deepEqual([audio.codec, audio.sendPayloadType, audio.sendEventPayloadType], ['opus', 109, 101]);
  assert.equal(audio.secure?.remoteUfrag, '12345678');
  assert.match(audio.secure?.remoteFingerprint.value ?? '', /^11:22:33/);
});

const pairs = (bytes: number, pair = 'ab') => Array.from({ length: bytes }, () => pair).join(':');

const SEVERAL: readonly [string, string[]][] = [
  ['the weaker last', [`sha-256 ${pairs(32)}`, `sha-1 ${pairs(20)}`]],
  ['the weaker first', [`md5 ${pairs(16)}`, `SHA-256 ${pairs(32)}`]],
  ['two as good', [`sha-256 ${pairs(32)}`, `sha-256 ${pairs(32, 'cd')}`]],
];

for (const [what, lines] of SEVERAL)
  test(`RFC 8122 §5: of several fingerprints the best counts, in one spelling: ${what}`, () => {
    const offer = FIREFOX.replace(
      /a=fingerprint.*/,
      lines.map((line) => `a=fingerprint:${line}`).join('\r\n'),
    );
    const value = pairs(32, 'AB');
    assert.deepEqual(answered(offer).audio.secure?.remoteFingerprint, { hash: 'sha-256', value });
  });

test('a fingerprint of the stream counts more than one of the session', () => {
  const offer = FIREFOX.replace(/(m=audio.*)/, `$1\r\na=fingerprint:sha-512 ${pairs(64)}`);
  assert.equal(answered(offer).audio.secure?.remoteFingerprint.hash, 'sha-512');
});

const UNMET: readonly [what: string, change: (offer: string) => string, why: RegExp][] = [
  ['no ICE', (offer) => offer.replace(/a=ice-ufrag.*\n/, ''), /no ICE credentials/],
  ['no fingerprint', (offer) => offer.replace(/a=fingerprint.*\n/, ''), /no fingerprint/],
  ['a fingerprint by SHA-1', (offer) => offer.replace(/sha-256 .*/, `sha-1 ${pairs(20)}`), /no fingerprint/],
  ['no rtcp-mux', (offer) => offer.replace('a=rtcp-mux\n', ''), /RTCP on a port of its own/],
  ['the role that we have', (offer) => offer.replace('setup:actpass', 'setup:passive'), /a=setup:passive/],
  ['ICE-lite', (offer) => offer.replace('t=0 0', 't=0 0\na=ice-lite'), /ICE-lite/],
  ['plain RTP', (offer) => offer.replace('UDP/TLS/RTP/SAVPF', 'RTP/AVP'), /RTP\/AVP is not taken/],
  ['keys in SDP', (offer) => offer.replace('UDP/TLS/RTP/SAVPF', 'RTP/SAVP'), /RTP\/SAVP is not taken/],
];

for (const [what, change, why] of UNMET)
  test(`an offer with ${what} is refused by a line for browsers`, () => {
    const negotiated = answerOffer(change(FIREFOX), LOCAL);
    assert.ok(!negotiated.ok);
    assert.match(negotiated.why, why);
  });

test('a plain line takes no offer of a browser', () => {
  const { secure: _, ...plain } = LOCAL;
  const negotiated = answerOffer(FIREFOX, plain);
  assert.ok(!negotiated.ok);
  assert.match(negotiated.why, /UDP\/TLS\/RTP\/SAVPF is not taken/);
});

test('a browser on hold is heard of as one on hold, though its address is always zeros', () => {
  assert.equal(answered(FIREFOX.replaceAll('a=sendrecv', 'a=sendonly')).audio.direction, 'recvonly');
  assert.equal(answered(FIREFOX.replaceAll('a=sendrecv', 'a=inactive')).audio.direction, 'inactive');
});

test("a browser's answer to our offer is taken when it begins DTLS", () => {
  const offer = makeOffer(LOCAL);
  assert.match(offer, /m=audio 20000 UDP\/TLS\/RTP\/SAVPF 111 9 0 8 101 110\r\n/);
  assert.match(offer, /a=group:BUNDLE 0\r\n/);
  const taken = acceptAnswer(FIREFOX.replace('setup:actpass', 'setup:active'), offer, secure);
  assert.ok(taken.ok);
  assert.equal(taken.audio.secure?.ice, secure.ice);
  assert.equal(acceptAnswer(FIREFOX.replace('setup:actpass', 'setup:passive'), offer, secure).ok, false);
});
