import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSdp, parseSdp, type SessionDescription } from './sdp.ts';

const PHONE = [
  'v=0',
  'o=alice 2890844526 2890844526 IN IP4 192.0.2.1',
  's=-',
  'c=IN IP4 192.0.2.1',
  't=3034423619 3042462419',
  'm=audio 49170 RTP/AVP 0 8 97 101',
  'a=rtpmap:0 PCMU/8000',
  'a=rtpmap:97 iLBC/8000',
  'a=rtpmap:101 Telephone-Event/8000/1',
  'a=fmtp:101 0-15',
  'a=ptime:30',
  'a=maxptime:60',
  'a=rtcp:53020 IN IP4 192.0.2.9',
  'a=sendonly',
  'm=video 51372/2 RTP/AVP 31',
  'c=IN IP4 192.0.2.7/127',
];

/** Of a stream that goes over neither ICE nor DTLS. */
const PLAIN = {
  rtcpMux: false,
  mid: undefined,
  iceUfrag: undefined,
  fingerprint: undefined,
  setup: undefined,
};

function read(...lines: string[]): SessionDescription {
  const parsed = parseSdp(`${lines.join('\r\n')}\r\n`);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.session;
}

test('a description is read into its streams', () => {
  const { timing, media } = read(...PHONE);
  assert.deepEqual(timing, { start: 3034423619, stop: 3042462419 });
  const [audio, video] = media;
  assert.deepEqual(audio, {
    kind: 'audio',
    port: 49170,
    protocol: 'RTP/AVP',
    formats: ['0', '8', '97', '101'],
    address: '192.0.2.1',
    direction: 'sendonly',
    rtpMaps: new Map([
      [0, { encoding: 'pcmu', clockRate: 8000, channels: 1 }],
      [97, { encoding: 'ilbc', clockRate: 8000, channels: 1 }],
      [101, { encoding: 'telephone-event', clockRate: 8000, channels: 1 }],
    ]),
    packetTimeMs: 30,
    maxPacketTimeMs: 60,
    rtcpPort: 53020,
    ...PLAIN,
  });
  assert.equal(video?.port, 51372);
  assert.equal(video?.address, '192.0.2.7');
  assert.equal(video?.direction, 'sendrecv');
});

test('lines may end in CRLF, LF or CR', () => {
  for (const end of ['\n', '\r', '\r\n']) {
    const parsed = parseSdp(PHONE.join(end));
    assert.deepEqual(parsed, { ok: true, session: read(...PHONE) });
  }
});

test('a session’s direction and connection hold for the streams that have none of their own', () => {
  const { media } = read(
    'v=0',
    'c=IN IP4 0.0.0.0',
    'a=inactive',
    'm=audio 4000 RTP/AVP 0',
    'm=audio 4002 RTP/AVP 0',
    'c=IN IP6 2001:db8::1',
    'a=recvonly',
  );
  assert.deepEqual(
    media.map(({ address, direction }) => ({ address, direction })),
    [
      { address: '0.0.0.0', direction: 'inactive' },
      { address: '2001:db8::1', direction: 'recvonly' },
    ],
  );
});

test('media lines that the package underneath cannot read still count, since an answer repeats each', () => {
  const { media } = read(
    'v=0',
    'm=x-data 9 TCP/x-proto *',
    'm=image 4000 udptl t38',
    'm=audio 4002 RTP/AVP 0',
    'a=ptime:40',
  );
  assert.deepEqual(
    media.map(({ kind, protocol, formats }) => [kind, protocol, ...formats]),
    [
      ['x-data', 'TCP/x-proto', '*'],
      ['image', 'udptl', 't38'],
      ['audio', 'RTP/AVP', '0'],
    ],
  );
  assert.equal(media[2]?.packetTimeMs, 40);
});

const BROKEN: readonly [string, string][] = [
  ['', 'the SDP has no v=0 line'],
  ['hello', 'the SDP has no v=0 line'],
  ['v=0\r\nm=audio\r\n', 'm= line 1 of the SDP cannot be read'],
  ['v=0\r\nm=audio 70000 RTP/AVP 0\r\n', 'm= line 1 of the SDP cannot be read'],
  ['v=0\r\nm=audio -1 RTP/AVP 0\r\n', 'm= line 1 of the SDP cannot be read'],
  [`v=0\r\n${'m=audio 1 RTP/AVP 0\r\n'.repeat(33)}`, 'the SDP has more than 32 m= lines'],
  // Found by fuzzing: 36 kB of attributes that nobody knows took 65 ms.
  [`v=0\r\nm=audio 46417 RTP/AVP 0\r\n${'a=rt8000\r\n'.repeat(3600)}`, 'the SDP has more than 1000 lines'],
  // And 60,000 line ends 8 ms.
  [`v=0\r\nm=video 3227 RTP/${'\r'.repeat(60_000)}`, 'the SDP has more than 1000 lines'],
  [`v=0\r\ns=${'x'.repeat(70_000)}`, 'the SDP is longer than 65536 characters'],
];

test('what is no description is refused with a reason', () => {
  for (const [text, reason] of BROKEN) assert.deepEqual(parseSdp(text), { ok: false, reason });
});

test('attributes that make no sense are left out', () => {
  const { media } = read(
    'v=0',
    'm=audio 4000 RTP/AVP 0 300 x',
    'a=rtpmap:',
    'a=rtpmap:300 PCMU/8000',
    'a=rtpmap:x y',
    'a=rtpmap:5',
    'a=ptime:',
    'a=ptime:1.2.3',
    'a=maxptime:99999999999999999999999',
    'a=rtcp:99999',
    'c=IN IP4',
  );
  assert.deepEqual(media[0], {
    kind: 'audio',
    port: 4000,
    protocol: 'RTP/AVP',
    formats: ['0', '300', 'x'],
    address: undefined,
    direction: 'sendrecv',
    rtpMaps: new Map(),
    packetTimeMs: undefined,
    maxPacketTimeMs: undefined,
    rtcpPort: undefined,
    ...PLAIN,
  });
});

test('every truncation of a description is read or refused, never thrown on', () => {
  const text = PHONE.join('\r\n');
  for (let length = 0; length < text.length; length++) {
    const parsed = parseSdp(text.slice(0, length));
    assert.ok(parsed.ok || parsed.reason !== '');
  }
});

test('no text throws or reaches the prototypes', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      '0',
      '8',
      '101',
      '-1',
      '99999999999',
      'IN IP4',
      '1e400',
    ),
    fc.string({ maxLength: 8 }),
  );
  const line = fc
    .tuple(
      fc.constantFrom(
        'm=audio ',
        'm=',
        'c=',
        'a=',
        'a=rtpmap:',
        'a=fmtp:',
        'a=rtcp:',
        'a=ptime:',
        'a=ssrc:1 ',
        'a=candidate:',
        'a=imageattr:',
        't=',
        'o=',
        '',
      ),
      fc.array(word, { maxLength: 6 }),
    )
    .map(([start, words]) => start + words.join(' '));
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), fc.constantFrom('\r\n', '\n', '\r'), (lines, end) => {
      parseSdp(['v=0', ...lines].join(end));
      assert.equal(Object.keys(Object.prototype).length, 0);
      assert.equal(({} as Record<string, unknown>).value, undefined);
    }),
    { numRuns: 500 },
  );
});

test('a written description has its lines in the order of RFC 8866 and reads back', () => {
  const text = formatSdp({
    sessionId: 42,
    version: 3,
    address: '192.0.2.5',
    timing: { start: 0, stop: 0 },
    media: [
      {
        kind: 'audio',
        port: 20_000,
        protocol: 'RTP/AVP',
        formats: ['0', '101'],
        detail: {
          rtpMaps: [
            { payload: 0, codec: 'PCMU', rate: 8000 },
            { payload: 101, codec: 'telephone-event', rate: 8000 },
          ],
          fmtp: [{ payload: 101, config: '0-16' }],
          packetTimeMs: 20,
          direction: 'sendrecv',
        },
      },
      { kind: 'video', port: 0, protocol: 'RTP/SAVPF', formats: ['96'] },
    ],
  });
  assert.equal(
    text,
    [
      'v=0',
      'o=- 42 3 IN IP4 192.0.2.5',
      's=-',
      'c=IN IP4 192.0.2.5',
      't=0 0',
      'm=audio 20000 RTP/AVP 0 101',
      'a=rtpmap:0 PCMU/8000',
      'a=rtpmap:101 telephone-event/8000',
      'a=fmtp:101 0-16',
      'a=ptime:20',
      'a=sendrecv',
      'm=video 0 RTP/SAVPF 96',
      '',
    ].join('\r\n'),
  );
  assert.ok(parseSdp(text).ok);
});
