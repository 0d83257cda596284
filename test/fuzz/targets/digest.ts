import assert from 'node:assert/strict';
import { formatAuthorization, parseChallenge } from '../../../src/wire/digest.ts';
import { mutated, nastyText } from '../mutations.ts';
import type { Target } from '../target.ts';

const CHALLENGES = [
  'Digest realm="provider", nonce="a1b2c3", qop="auth,auth-int", algorithm=SHA-256, opaque="", stale=FALSE',
  'Digest realm="a \\"quoted\\" one", nonce="d4e5f6", algorithm=MD5-sess, qop="auth"',
  'digest nonce=x , realm = "y",,  domain="sip:a sip:b"',
  'Basic realm="x"',
].map((text) => Buffer.from(text));

export const digest: Target = {
  name: 'digest',
  about: 'challenges: no throw, and an answer of one line',
  make(random) {
    const challenge = mutated(random.pick(CHALLENGES), random, CHALLENGES);
    return random.oneIn(4)
      ? Buffer.concat([challenge, Buffer.from(`, a="${nastyText(random)}"`)])
      : challenge;
  },
  check(input) {
    const challenge = parseChallenge(input.toString('utf8'));
    if (challenge === undefined) return;
    const use = { method: 'INVITE', uri: 'sip:a@b', cnonce: 'c', count: 1 };
    const answer = formatAuthorization(challenge, { username: 'u"\\', password: 'p' }, use);
    assert.match(answer, /^Digest \P{Cc}*$/u);
  },
};
