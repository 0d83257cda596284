import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOffer } from './offer-answer.ts';
import type { AudioParameters } from './session-description.ts';

/** Offers in the shape that well-known endpoints give them, and what each comes to. */
const OFFERS: readonly {
  readonly from: string;
  readonly lines: readonly string[];
  readonly audio: Partial<AudioParameters>;
  /** The m= lines of the answer. */
  readonly streams: readonly string[];
}[] = [
  {
    from: 'baresip',
    lines: [
      'o=- 1325498304 1766229731 IN IP4 192.0.2.20',
      's=-',
      'c=IN IP4 192.0.2.20',
      't=0 0',
      'a=tool:baresip 1.0.0',
      'm=audio 10452 RTP/AVP 96 0 8 101',
      'a=rtpmap:96 opus/48000/2',
      'a=fmtp:96 stereo=1;sprop-stereo=1',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
      'a=rtcp:10453',
      'a=sendrecv',
      'a=label:1',
      'a=rtcp-rsize',
      'a=ssrc:3043817371 cname:sip:alice@192.0.2.20',
      'a=ptime:20',
    ],
    audio: { codec: 'opus', sendEventPayloadType: 101, sendEventClock: 8000, packetTimeMs: 20 },
    streams: ['m=audio 20000 RTP/AVP 96 101'],
  },
  {
    from: 'linphone, with video',
    lines: [
      'o=alice 2087 3581 IN IP4 192.0.2.21',
      's=Talk',
      'c=IN IP4 192.0.2.21',
      't=0 0',
      'a=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics',
      'a=record:off',
      'm=audio 7078 RTP/AVP 96 97 98 0 8 18 101 99 100',
      'a=rtpmap:96 opus/48000/2',
      'a=fmtp:96 useinbandfec=1',
      'a=rtpmap:97 speex/16000',
      'a=fmtp:97 vbr=on',
      'a=rtpmap:98 speex/8000',
      'a=fmtp:18 annexb=yes',
      'a=rtpmap:101 telephone-event/48000',
      'a=rtpmap:99 telephone-event/16000',
      'a=rtpmap:100 telephone-event/8000',
      'a=rtcp-fb:* trr-int 1000',
      'm=video 9078 RTP/AVP 96',
      'a=rtpmap:96 VP8/90000',
      'a=rtcp-fb:96 nack pli',
    ],
    audio: { codec: 'opus', sendEventPayloadType: 101, sendEventClock: 48_000, packetTimeMs: 20 },
    streams: ['m=audio 20000 RTP/AVP 96 101', 'm=video 0 RTP/AVP 96'],
  },
  {
    from: 'Asterisk',
    lines: [
      'o=- 1738561523 1738561523 IN IP4 192.0.2.22',
      's=Asterisk',
      'c=IN IP4 192.0.2.22',
      't=0 0',
      'm=audio 17632 RTP/AVP 8 0 101',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-16',
      'a=ptime:20',
      'a=maxptime:150',
      'a=sendrecv',
    ],
    audio: { codec: 'PCMA', sendEventPayloadType: 101, packetTimeMs: 20 },
    streams: ['m=audio 20000 RTP/AVP 8 101'],
  },
  {
    from: 'a Cisco gateway: connection in the stream, comfort noise 19, no rtpmap order',
    lines: [
      'o=CiscoSystemsSIP-GW-UserAgent 1597 5834 IN IP4 192.0.2.23',
      's=SIP Call',
      'c=IN IP4 192.0.2.23',
      't=0 0',
      'm=audio 16580 RTP/AVP 18 0 101 19',
      'c=IN IP4 192.0.2.24',
      'a=rtpmap:18 G729/8000',
      'a=fmtp:18 annexb=no',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-15',
      'a=rtpmap:19 CN/8000',
      'a=ptime:20',
    ],
    audio: {
      codec: 'PCMU',
      remote: { address: '192.0.2.24', port: 16580, rtcpPort: 16581 },
      receive: { 0: 'PCMU', 19: 'CN', 101: 'telephone-event' },
    },
    streams: ['m=audio 20000 RTP/AVP 0 101 19'],
  },
  {
    from: 'a desk phone that puts the call on hold',
    lines: [
      'o=- 20013 20014 IN IP4 192.0.2.25',
      's=SDP data',
      'c=IN IP4 192.0.2.25',
      't=0 0',
      'm=audio 11780 RTP/AVP 0 8 18 9 101',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:8 PCMA/8000',
      'a=rtpmap:18 G729/8000',
      'a=fmtp:18 annexb=no',
      'a=rtpmap:9 G722/8000',
      'a=fmtp:101 0-15',
      'a=rtpmap:101 telephone-event/8000',
      'a=ptime:30',
      'a=sendonly',
    ],
    audio: { codec: 'G722', direction: 'recvonly', packetTimeMs: 30 },
    streams: ['m=audio 20000 RTP/AVP 9 101'],
  },
  {
    from: 'a browser gateway that offers secure media first',
    lines: [
      'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
      's=-',
      't=0 0',
      'a=group:BUNDLE 0',
      'm=audio 9 UDP/TLS/RTP/SAVPF 111 0',
      'c=IN IP4 0.0.0.0',
      'a=rtcp:9 IN IP4 0.0.0.0',
      'a=fingerprint:sha-256 AA:BB',
      'a=setup:actpass',
      'a=rtcp-mux',
      'a=rtpmap:111 opus/48000/2',
      'm=audio 30000 RTP/AVP 0',
      'c=IN IP4 192.0.2.26',
    ],
    audio: { codec: 'PCMU', remote: { address: '192.0.2.26', port: 30000, rtcpPort: 30001 } },
    streams: ['m=audio 0 UDP/TLS/RTP/SAVPF 111 0', 'm=audio 20000 RTP/AVP 0'],
  },
];

for (const { from, lines, audio, streams } of OFFERS) {
  test(`an offer of ${from}`, () => {
    const local = { address: '192.0.2.100', port: 20_000, sessionId: 1, version: 1 };
    const negotiated = answerOffer(`v=0\r\n${lines.join('\r\n')}\r\n`, local);
    assert.ok(negotiated.ok, negotiated.ok ? '' : negotiated.why);
    assert.deepEqual({ ...negotiated.audio, ...audio }, negotiated.audio);
    assert.deepEqual(
      negotiated.sdp.split('\r\n').filter((line) => line.startsWith('m=')),
      streams,
    );
  });
}
