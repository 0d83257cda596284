import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { acceptAnswer, answerOffer, type LocalSession, makeOffer, type Negotiated } from './offer-answer.ts';

const LOCAL: LocalSession = { address: '198.51.100.5', port: 20_000, sessionId: 77, version: 1 };

function sdp(...lines: string[]): string {
  return `${lines.join('\r\n')}\r\n`;
}

/** A description with one connection and what `lines` add. */
function offer(...lines: string[]): string {
  return sdp('v=0', 'o=- 1 1 IN IP4 192.0.2.1', 's=-', 'c=IN IP4 192.0.2.1', 't=0 0', ...lines);
}

function accepted(negotiated: Negotiated): Extract<Negotiated, { ok: true }> {
  assert.ok(negotiated.ok, negotiated.ok ? '' : negotiated.why);
  return negotiated;
}

function refusal(text: string, local = LOCAL): string {
  const negotiated = answerOffer(text, local);
  assert.ok(!negotiated.ok, 'it was taken');
  return negotiated.why;
}

function streams(text: string): string[] {
  return text.split('\r\n').filter((line) => line.startsWith('m='));
}

test('an answer states the caller’s first codec, its event number, our port and the session’s version', () => {
  const text = offer(
    'm=audio 49170 RTP/AVP 8 0 96',
    'a=rtpmap:96 telephone-event/8000',
    'a=fmtp:96 0-15',
    'a=ptime:20',
  );
  const { sdp: answer, audio } = accepted(answerOffer(text, { ...LOCAL, version: 4 }));
  assert.equal(
    answer,
    sdp(
      'v=0',
      'o=- 77 4 IN IP4 198.51.100.5',
      's=-',
      'c=IN IP4 198.51.100.5',
      't=0 0',
      'm=audio 20000 RTP/AVP 8 96',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:96 telephone-event/8000',
      'a=fmtp:96 0-16',
      'a=ptime:20',
      'a=sendrecv',
    ),
  );
  assert.deepEqual(audio, {
    remote: { address: '192.0.2.1', port: 49170, rtcpPort: 49171 },
    codec: 'PCMA',
    sendPayloadType: 8,
    receive: { 8: 'PCMA', 96: 'telephone-event' },
    sendEventPayloadType: 96,
    sendEventClock: 8000,
    packetTimeMs: 20,
    direction: 'sendrecv',
  });
});

test('static payload types need no rtpmap', () => {
  const { audio } = accepted(answerOffer(offer('m=audio 4000 RTP/AVP 18 13 0'), LOCAL));
  assert.equal(audio.codec, 'PCMU');
  assert.deepEqual(audio.receive, { 0: 'PCMU', 13: 'CN' });
  assert.equal(audio.sendEventPayloadType, undefined);
});

test('an rtpmap decides over the static meaning, and a dynamic number may carry G.711', () => {
  const text = offer('m=audio 4000 RTP/AVP 0 98', 'a=rtpmap:0 G729/8000', 'a=rtpmap:98 pcma/8000');
  const { audio } = accepted(answerOffer(text, LOCAL));
  assert.equal(audio.codec, 'PCMA');
  assert.equal(audio.sendPayloadType, 98);
});

test('G.711 and events at other rates, or in stereo, are not ours', () => {
  const text = offer(
    'm=audio 4000 RTP/AVP 96 97 98 0 99 100',
    'a=rtpmap:96 PCMU/16000',
    'a=rtpmap:97 PCMA/8000/2',
    'a=rtpmap:98 telephone-event/48000',
    'a=rtpmap:99 telephone-event/8000',
    'a=rtpmap:100 CN/16000',
  );
  const { audio } = accepted(answerOffer(text, LOCAL));
  assert.equal(audio.sendPayloadType, 0);
  assert.deepEqual(audio.receive, { 0: 'PCMU', 99: 'telephone-event' });
});

test('other streams are refused with port 0, in their places, and the first audio that can be taken is', () => {
  const text = offer(
    'm=video 5000 RTP/AVP 96 97',
    'm=audio 4000 RTP/SAVP 0',
    'm=audio 0 RTP/AVP 0',
    'm=audio 4002 RTP/AVP 18',
    'm=audio 4004/2 RTP/AVP 0',
    'm=audio 4006 RTP/AVP 0',
    'm=image 4008 udptl t38',
  );
  const { sdp: answer, audio } = accepted(answerOffer(text, LOCAL));
  assert.equal(audio.remote.port, 4004);
  assert.deepEqual(streams(answer), [
    'm=video 0 RTP/AVP 96 97',
    'm=audio 0 RTP/SAVP 0',
    'm=audio 0 RTP/AVP 0',
    'm=audio 0 RTP/AVP 18',
    'm=audio 20000 RTP/AVP 0',
    'm=audio 0 RTP/AVP 0',
    'm=image 0 udptl t38',
  ]);
});

test('the direction is the offer’s, seen from our side', () => {
  const pairs = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };
  for (const [theirs, ours] of Object.entries(pairs)) {
    for (const text of [
      offer('m=audio 4000 RTP/AVP 0', `a=${theirs}`),
      offer(`a=${theirs}`, 'm=audio 4000 RTP/AVP 0'),
    ]) {
      const { sdp: answer, audio } = accepted(answerOffer(text, LOCAL));
      assert.equal(audio.direction, ours);
      assert.ok(answer.includes(`a=${ours}\r\n`));
    }
  }
});

test('an address of zeros is the old style of hold: we hear, and send nothing', () => {
  const held = (direction: string) =>
    accepted(answerOffer(sdp('v=0', 'c=IN IP4 0.0.0.0', 'm=audio 4000 RTP/AVP 0', `a=${direction}`), LOCAL))
      .audio;
  assert.equal(held('sendrecv').direction, 'recvonly');
  assert.equal(held('sendrecv').remote.address, '0.0.0.0');
  assert.equal(held('sendonly').direction, 'recvonly');
  assert.equal(held('recvonly').direction, 'inactive');
  assert.equal(held('inactive').direction, 'inactive');
});

test('the packet time is what the caller wants, within its maximum and 10–60 ms', () => {
  const packetTime = (...lines: string[]) =>
    accepted(answerOffer(offer('m=audio 4000 RTP/AVP 0', ...lines), LOCAL)).audio.packetTimeMs;
  assert.equal(packetTime(), 20);
  for (const ms of [10, 20, 30, 40, 50, 60]) assert.equal(packetTime(`a=ptime:${ms}`), ms);
  assert.equal(packetTime('a=ptime:25'), 20);
  assert.equal(packetTime('a=ptime:5'), 10);
  assert.equal(packetTime('a=ptime:0'), 20);
  assert.equal(packetTime('a=ptime:200'), 60);
  assert.equal(packetTime('a=ptime:60', 'a=maxptime:40'), 40);
  assert.equal(packetTime('a=maxptime:10'), 10);
  assert.equal(packetTime('a=maxptime:240'), 20);
});

test('RTCP goes where a=rtcp says, else to the next port, and is never multiplexed', () => {
  const text = offer('m=audio 4000 RTP/AVP 0', 'a=rtcp:5555', 'a=rtcp-mux');
  const { sdp: answer, audio } = accepted(answerOffer(text, LOCAL));
  assert.equal(audio.remote.rtcpPort, 5555);
  assert.ok(!answer.includes('rtcp'));
  const last = accepted(answerOffer(offer('m=audio 65535 RTP/AVP 0'), LOCAL));
  assert.equal(last.audio.remote.rtcpPort, 0);
});

test('IPv6 is spoken where media is served over it', () => {
  const text = sdp('v=0', 'c=IN IP6 2001:db8::1', 't=0 0', 'm=audio 4000 RTP/AVP 0');
  const { sdp: answer, audio } = accepted(answerOffer(text, { ...LOCAL, address: '2001:db8::5' }));
  assert.equal(audio.remote.address, '2001:db8::1');
  assert.ok(
    answer.includes('o=- 77 1 IN IP6 2001:db8::5\r\n') && answer.includes('c=IN IP6 2001:db8::5\r\n'),
  );
});

test('an address of the other family is learned from the first packet', () => {
  const text = sdp('v=0', 'c=IN IP6 2001:db8::1', 't=0 0', 'm=audio 4000 RTP/AVP 0');
  const { sdp: answer, audio } = accepted(answerOffer(text, LOCAL));
  assert.deepEqual(audio.remote, { address: '', port: 0, rtcpPort: 0 });
  assert.equal(audio.direction, 'sendrecv');
  assert.ok(answer.includes(`c=IN IP4 ${LOCAL.address}`));
});

test('what cannot be taken is refused with the reason, fit for a header', () => {
  assert.equal(refusal(''), 'the SDP has no v=0 line');
  assert.equal(refusal(offer()), 'the offer has no m= line');
  assert.equal(
    refusal(sdp('v=0', 'm=audio 4000 RTP/AVP 0')),
    'stream 1: it has no c= line, and neither has the session',
  );
  assert.equal(
    refusal(offer('m=audio 4000 RTP/AVP 18 96', 'a=rtpmap:96 speex/16000')),
    'stream 1: none of its formats (18 96) is opus, G722, PCMU or PCMA',
  );
  assert.equal(
    refusal(offer('m=audio 4000 RTP/SAVP 0', 'm=video 4002 RTP/AVP 31')),
    'stream 1: RTP/SAVP is not taken, only RTP/AVP; stream 2: video is not taken, only audio',
  );
  assert.equal(refusal(offer('m=audio 0 RTP/AVP 0')), 'stream 1: it is switched off (port 0)');
  assert.match(refusal(sdp('v=0', 'c=IN IP4 example.com', 'm=audio 4000 RTP/AVP 0')), /no IP address/);
  for (const group of ['IP4 224.2.1.1/127', 'IP4 255.255.255.255', 'IP6 ff02::1', 'IP6 ::ffff:224.2.1.1'])
    assert.match(refusal(sdp('v=0', `c=IN ${group}`, 'm=audio 4000 RTP/AVP 0')), /multicast/);
  assert.equal(refusal(offer('m="évil\\ 4000 RTP/AVP 0')), 'stream 1: ??vil? is not taken, only audio');
});

test('our offer has our codecs in their order, and telephone-event', () => {
  assert.deepEqual(streams(makeOffer(LOCAL)), ['m=audio 20000 RTP/AVP 111 9 0 8 101 110']);
  const wide = makeOffer(LOCAL, ['G722', 'opus']);
  assert.deepEqual(streams(wide), ['m=audio 20000 RTP/AVP 9 111 101 110']);
  for (const line of [
    'a=rtpmap:9 G722/8000',
    'a=rtpmap:111 opus/48000/2',
    'a=rtpmap:110 telephone-event/48000',
    'a=fmtp:111 maxplaybackrate=16000;sprop-maxcapturerate=16000;useinbandfec=1',
    'a=fmtp:110 0-16',
  ])
    assert.ok(wide.includes(`${line}\r\n`), line);
  assert.equal(
    makeOffer(LOCAL, ['PCMU', 'PCMA']),
    sdp(
      'v=0',
      'o=- 77 1 IN IP4 198.51.100.5',
      's=-',
      'c=IN IP4 198.51.100.5',
      't=0 0',
      'm=audio 20000 RTP/AVP 0 8 101',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-16',
      'a=ptime:20',
      'a=sendrecv',
    ),
  );
});

test('we send in the answer’s numbering and receive in our own, keys in either', () => {
  const ours = makeOffer(LOCAL, ['PCMU', 'PCMA']);
  const answer = offer(
    'm=audio 4000 RTP/AVP 8 97',
    'a=rtpmap:97 telephone-event/8000',
    'a=ptime:30',
    'a=recvonly',
  );
  const { sdp: same, audio } = accepted(acceptAnswer(answer, ours));
  assert.equal(same, ours);
  assert.deepEqual(audio, {
    remote: { address: '192.0.2.1', port: 4000, rtcpPort: 4001 },
    codec: 'PCMA',
    sendPayloadType: 8,
    receive: { 0: 'PCMU', 8: 'PCMA', 97: 'telephone-event', 101: 'telephone-event' },
    sendEventPayloadType: 97,
    sendEventClock: 8000,
    packetTimeMs: 30,
    direction: 'sendonly',
  });
});

test('of what is offered the codec is ours to choose, but between the laws of G.711', () => {
  const chosen = (formats: string, codecs?: Parameters<typeof answerOffer>[2]) =>
    accepted(
      answerOffer(
        offer(
          `m=audio 4000 RTP/AVP ${formats}`,
          'a=rtpmap:96 opus/48000/2',
          'a=rtpmap:97 telephone-event/48000',
          'a=rtpmap:98 telephone-event/8000',
        ),
        LOCAL,
        codecs,
      ),
    ).audio;
  assert.equal(chosen('0 8 9 96').codec, 'opus');
  assert.equal(chosen('0 8 9').codec, 'G722');
  assert.equal(chosen('8 0').codec, 'PCMA');
  assert.equal(chosen('8 0 96', ['PCMU', 'opus', 'PCMA']).codec, 'PCMA');
  assert.equal(chosen('8 0 96', ['PCMU', 'opus']).codec, 'PCMU');
  assert.equal(chosen('0 96', ['G722', 'opus']).codec, 'opus');
  const both = chosen('96 98 97 13');
  assert.deepEqual(both.receive, { 96: 'opus', 97: 'telephone-event/48000' });
  assert.deepEqual([both.sendEventPayloadType, both.sendEventClock], [97, 48_000]);
  const usual = chosen('96 98');
  assert.deepEqual([usual.sendEventPayloadType, usual.sendEventClock], [98, 8000]);
  assert.deepEqual(chosen('9 97 98').receive, { 9: 'G722', 98: 'telephone-event' });
});

test('opus in mono or at another clock is not ours', () => {
  for (const map of ['opus/48000', 'opus/16000/2', 'opus/48000/1'])
    assert.match(refusal(offer('m=audio 4000 RTP/AVP 96', `a=rtpmap:96 ${map}`)), /none of its formats/);
});

test('of our offer the answer’s first codec is sent, and what it has is received', () => {
  const ours = makeOffer(LOCAL);
  const answered = (...lines: string[]) => accepted(acceptAnswer(offer(...lines), ours)).audio;
  const opus = answered(
    'm=audio 4000 RTP/AVP 120 121',
    'a=rtpmap:120 opus/48000/2',
    'a=rtpmap:121 telephone-event/48000',
  );
  assert.deepEqual([opus.codec, opus.sendPayloadType, opus.sendEventPayloadType], ['opus', 120, 121]);
  assert.deepEqual(opus.receive, {
    0: 'PCMU',
    8: 'PCMA',
    101: 'telephone-event',
    110: 'telephone-event/48000',
    111: 'opus',
    121: 'telephone-event/48000',
  });
  const narrow = answered('m=audio 4000 RTP/AVP 0 9');
  assert.equal(narrow.codec, 'PCMU');
  assert.equal(narrow.receive[9], 'G722');
});

test('an answer that takes nothing of our offer is no session', () => {
  const why = (answer: string) => {
    const negotiated = acceptAnswer(answer, makeOffer(LOCAL));
    assert.ok(!negotiated.ok);
    return negotiated.why;
  };
  assert.equal(why(offer('m=audio 0 RTP/AVP 0')), 'it is switched off (port 0)');
  assert.equal(why(offer()), 'the answer has no m= line');
  assert.match(why(offer('m=audio 4000 RTP/AVP 18')), /none of its formats/);
  assert.equal(why('no SDP'), 'the SDP has no v=0 line');
});

test('what we offer we can answer, and that answer we accept', () => {
  const ours = makeOffer(LOCAL);
  const answer = accepted(answerOffer(ours, { ...LOCAL, address: '198.51.100.6', port: 30_000 }));
  const { audio } = accepted(acceptAnswer(answer.sdp, ours));
  assert.deepEqual(audio.remote, { address: '198.51.100.6', port: 30_000, rtcpPort: 30_001 });
  assert.equal(audio.codec, answer.audio.codec);
});

test('no offer throws, and every answer has as many streams as its offer', () => {
  const mediaLine = fc
    .tuple(
      fc.constantFrom('audio', 'video', 'x'),
      fc.nat(70_000),
      fc.constantFrom('RTP/AVP', 'RTP/SAVP', 'RTP/AVPF', 'udptl'),
      fc.array(fc.nat(200), { maxLength: 6 }),
    )
    .map(([kind, port, protocol, formats]) => `m=${[kind, port, protocol, ...formats].join(' ')}`);
  const attribute = fc.oneof(
    fc.constantFrom(
      'a=sendonly',
      'a=rtpmap:96 PCMU/8000',
      'c=IN IP6 ::',
      'a=ptime:1e9',
      'a=rtcp:0',
      'a=rtpmap:0 __proto__/8000',
    ),
    fc.string({ maxLength: 20 }).map((text) => `a=${text}`),
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(mediaLine, attribute), { maxLength: 15 }), (lines) => {
      const text = offer(...lines);
      const negotiated = answerOffer(text, LOCAL);
      acceptAnswer(text, makeOffer(LOCAL));
      if (!negotiated.ok) return assert.match(negotiated.why, /^[\x20-\x7e]+$/);
      assert.equal(
        streams(negotiated.sdp).length,
        text.split(/\r\n|\r|\n/).filter((line) => line.startsWith('m=')).length,
      );
      assert.ok(negotiated.audio.packetTimeMs >= 10 && negotiated.audio.packetTimeMs <= 60);
    }),
    { numRuns: 500 },
  );
});
