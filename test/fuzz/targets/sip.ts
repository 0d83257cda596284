import assert from 'node:assert/strict';
import { refusalOf } from '../../../src/sip/checks.ts';
import { dialogOfInvite, keyOfRequest } from '../../../src/sip/dialog-state.ts';
import { answerPeer, inviteKey, mergeKey, serverKey, withReceived } from '../../../src/sip/matching.ts';
import { ackOf, cancelOf, responseTo } from '../../../src/sip/messages.ts';
import { readNotify } from '../../../src/sip/referral.ts';
import type { Peer } from '../../../src/sip/transport.ts';
import { formatVia, parseCSeq, parseVia } from '../../../src/wire/sip-header.ts';
import {
  formatSipMessage,
  headerList,
  MAX_HEADER_BYTES,
  MAX_MESSAGE_BYTES,
  parseSipMessage,
  type SipMessage,
  type SipRequest,
} from '../../../src/wire/sip-message.ts';
import { escapedUser, formatNameAddr, parseNameAddr, parseSipUri } from '../../../src/wire/sip-uri.ts';
import { SIP_MESSAGES } from '../corpus.ts';
import { mutated } from '../mutations.ts';
import { mutatedSip } from '../sip-mutations.ts';
import type { Target } from '../target.ts';

const PEER: Peer = { transport: 'udp', address: '192.0.2.9', port: 5060 };
const END = Buffer.from('\r\n\r\n');

export const sip: Target = {
  name: 'sip',
  about: 'SIP messages: no throw, what is read is written and read again the same, an answer is one message',
  make(random) {
    const message = random.pick(SIP_MESSAGES);
    return (random.oneIn(6) ? mutated : mutatedSip)(message, random, SIP_MESSAGES);
  },
  check(input) {
    const parsed = parseSipMessage(input);
    if (parsed.ok) {
      checkMessage(parsed.message);
      checkValues(parsed.message);
    } else {
      assert.notEqual(parsed.reason, '');
      if (parsed.answerable !== undefined) checkAnswer(parsed.answerable, parsed.reason);
    }
  },
};

/** Written and read again it is the same, unless it has become too long. */
function checkMessage(message: SipMessage): void {
  const written = formatSipMessage(message);
  const headerBytes = written.indexOf(END);
  assert.equal(written.length - message.body.length, headerBytes + END.length, 'one message, not two');
  if (headerBytes > MAX_HEADER_BYTES || written.length > MAX_MESSAGE_BYTES) return;
  const again = parseSipMessage(written);
  assert.ok(again.ok, again.ok ? '' : `written, it is not read: ${again.reason}`);
  assert.deepEqual(bare(again.message), bare(message));
  assert.deepEqual(formatSipMessage(again.message), written);
}

/** Without Content-Length, which is made anew. */
function bare(message: SipMessage) {
  const headers = message.headers.filter(({ name }) => name !== 'content-length');
  return { ...message, headers, body: Buffer.from(message.body) };
}

function checkAnswer(request: SipRequest, reason: string): void {
  const written = formatSipMessage(responseTo(withReceived(request, PEER), 400, { reason, toTag: 'x' }));
  assert.equal(written.indexOf(END), written.length - END.length, 'one message, not two');
  answerPeer(request, PEER);
}

function checkValues(message: SipMessage): void {
  const names = new Set(message.headers.map(({ name }) => name));
  for (const name of names) {
    for (const one of headerList(message, name)) {
      const address = parseNameAddr(one);
      if (address !== undefined) assert.deepEqual(parseNameAddr(formatNameAddr(address)), address);
      const via = parseVia(one);
      if (via !== undefined) assert.deepEqual(parseVia(formatVia(via)), via);
      parseCSeq(one);
    }
  }
  if (message.kind === 'response') return;
  const uri = parseSipUri(message.uri);
  if (uri?.user !== undefined && uri.scheme !== 'tel')
    assert.equal(parseSipUri(`sip:${escapedUser(uri.user)}@a`)?.user, uri.user.toWellFormed() || undefined);
  const request = withReceived(message, PEER);
  for (const key of [serverKey, inviteKey, mergeKey, keyOfRequest]) key(request);
  answerPeer(request, PEER);
  refusalOf(request);
  readNotify(request);
  dialogOfInvite(request, 'x');
  const ok = responseTo(request, 200, { toTag: 'x', headers: { Contact: '<sip:a@b>' }, sdp: 'v=0\r\n' });
  for (const made of [ok, ackOf(request, ok), cancelOf(request)]) checkMessage(made);
}
