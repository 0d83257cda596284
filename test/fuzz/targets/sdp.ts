import assert from 'node:assert/strict';
import { acceptAnswer, answerOffer, makeOffer, type Negotiated } from '../../../src/media/offer-answer.ts';
import { parseSdp } from '../../../src/wire/sdp.ts';
import { SDP_BODIES } from '../corpus.ts';
import { mutated } from '../mutations.ts';
import { mutatedSdp } from '../sdp-mutations.ts';
import type { Target } from '../target.ts';

const LOCAL = { address: '192.0.2.1', port: 20_000, sessionId: 1, version: 1 };
const OUR_OFFER = makeOffer(LOCAL);

export const sdp: Target = {
  name: 'sdp',
  about: 'session descriptions as offers and as answers: no throw, and an answer that fits its offer',
  make(random) {
    const body = random.pick(SDP_BODIES);
    return random.oneIn(4) ? mutated(body, random, SDP_BODIES) : mutatedSdp(body, random);
  },
  check(input) {
    const text = input.toString('utf8');
    const parsed = parseSdp(text);
    const answered = answerOffer(text, LOCAL);
    checkNegotiated(answered);
    if (answered.ok) {
      const ours = parseSdp(answered.sdp);
      assert.ok(parsed.ok && ours.ok);
      const kinds = (session: typeof ours.session) =>
        session.media.map(({ kind, protocol }) => [kind, protocol]);
      assert.deepEqual(
        kinds(ours.session),
        kinds(parsed.session),
        'RFC 3264 §6: the offer’s streams in its order',
      );
      assert.equal(ours.session.media.filter(({ port }) => port !== 0).length, 1);
    }
    checkNegotiated(acceptAnswer(text, OUR_OFFER));
  },
};

function checkNegotiated(negotiated: Negotiated): void {
  if (!negotiated.ok) {
    assert.match(negotiated.why, /^[ !#-[\]-~]+$/, 'fit for a Warning header');
    return;
  }
  const { remote, packetTimeMs, sendPayloadType, receive } = negotiated.audio;
  assert.ok(packetTimeMs >= 10 && packetTimeMs <= 60 && packetTimeMs % 10 === 0);
  for (const port of [remote.port, remote.rtcpPort])
    assert.ok(Number.isInteger(port) && port >= 0 && port < 65_536);
  for (const type of [sendPayloadType, ...Object.keys(receive).map(Number)])
    assert.ok(type >= 0 && type < 128);
}
