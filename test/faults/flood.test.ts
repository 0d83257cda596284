import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pause, systemClock } from '../../src/clock.ts';
import { type Besieged, besieged } from '../support/besieged.ts';
import { floodTcp, floodUdp, strangeRequest } from '../support/flood.ts';

const SDP =
  'v=0\r\no=- 1 1 IN IP4 127.0.0.66\r\ns=-\r\nc=IN IP4 127.0.0.66\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
const WITH_SDP = `Content-Type: application/sdp\r\nContent-Length: ${SDP.length}\r\n\r\n${SDP}`;
const FLOOD_MS = 1500;
/** Far more than any test below may cost, and far less than it would without limits. */
const MOST_GROWTH_MB = 200;

/** While it lasts the friend calls, again and again, and each call is answered and heard. */
async function friendCalls(stage: Besieged, forMs: number): Promise<number> {
  const until = performance.now() + forMs;
  let calls = 0;
  for (; performance.now() < until; calls++) await stage.call();
  return calls;
}

async function stillWell(stage: Besieged, memoryMb: number): Promise<void> {
  await stage.call();
  assert.deepEqual(stage.errors(), []);
  const grown = stage.memory() - memoryMb;
  assert.ok(grown < MOST_GROWTH_MB, `it has grown by ${grown.toFixed(0)} MB`);
}

const many = (count: number) => Array.from({ length: count }, (_, i) => `127.9.${i >> 8}.${1 + (i & 127)}`);

test('a friend who called before is answered while others flood', { concurrency: 1 }, async (t) => {
  const stage = await besieged({ calls: { drainTimeout: '0s' } });
  t.after(() => stage.close());
  await stage.call();
  const { udp } = stage.server;

  for (const [what, from, make] of [
    [
      'INVITEs from one address',
      ['127.0.0.66'],
      (i: number, a: string) => strangeRequest('INVITE', i, a, WITH_SDP),
    ],
    [
      'INVITEs from 100 addresses',
      many(100),
      (i: number, a: string) => strangeRequest('INVITE', i, a, WITH_SDP),
    ],
    ['REGISTERs', ['127.0.0.67'], (i: number, a: string) => strangeRequest('REGISTER', i, a)],
    ['OPTIONS', many(20), (i: number, a: string) => strangeRequest('OPTIONS', i, a)],
    [
      'requests with as many Vias and as long headers as are read',
      ['127.0.0.68'],
      (i: number, a: string) =>
        strangeRequest(
          'INVITE',
          i,
          a,
          `${'Via: SIP/2.0/UDP a;branch=z9hG4bK\r\n'.repeat(70)}X: ${'x'.repeat(13_000)}\r\n`,
        ),
    ],
    [
      'requests of 60 kB, with a body',
      ['127.0.0.69'],
      (i: number, a: string) =>
        strangeRequest('INVITE', i, a, `Content-Type: application/sdp\r\n\r\n${'a=x\r\n'.repeat(11_000)}`),
    ],
    [
      'requests whose Content-Length lies',
      ['127.0.0.70'],
      (i: number, a: string) => strangeRequest('OPTIONS', i, a, 'Content-Length: 99999\r\n'),
    ],
    ['what is no SIP', many(20), () => Buffer.alloc(1200, 'x')],
    [
      'BYEs and CANCELs of calls that there are not',
      many(5),
      (i: number, a: string) => strangeRequest(i % 2 ? 'BYE' : 'CANCEL', i, a),
    ],
  ] as const) {
    await t.test(`${what}, two thousand a second`, async () => {
      const before = stage.memory();
      const flood = await floodUdp({ port: udp, from, perSecond: 2000, make });
      try {
        assert.ok((await friendCalls(stage, FLOOD_MS)) >= 1);
      } finally {
        assert.ok(flood.stop() > 1000, 'it was a flood');
      }
      await stillWell(stage, before);
      // 200 a second for 32 s, after a burst of 400: what all strangers have together.
      assert.ok((await stage.metric('tonearm_sip_transactions')) < 7000);
    });
  }

  await t.test('what was too much is counted, and logged once in a while', async () => {
    assert.ok((await stage.metric('tonearm_sip_turned_away_total{of="requests"}')) > 1000);
    const told = stage.server.log.filter(({ msg }) =>
      String(msg).startsWith('SIP: more comes than is taken'),
    );
    assert.ok(told.length >= 1 && told.length < 20, `${told.length} times`);
  });
});

test('a friend is heard while others flood his media with RTP, RTCP and STUN', {
  concurrency: 1,
}, async (t) => {
  const stage = await besieged({ calls: { drainTimeout: '0s' } });
  t.after(() => stage.close());
  await stage.call();
  const memory = stage.memory();
  const rtp = (first: number, type: number, bytes: number) => (i: number) => {
    const packet = Buffer.alloc(bytes, 0x55);
    packet.writeUInt16BE((first << 8) | type);
    packet.writeUInt16BE(i & 0xffff, 2);
    return packet;
  };
  for (const [what, make] of [
    ['audio', rtp(0x80, 0, 172)],
    ['long packets', rtp(0x80, 0, 8000)],
    ['extensions, sources and padding that lie', rtp(0xbf, 0, 200)],
    ['keys', rtp(0x80, 101, 16)],
    ['goodbyes', () => Buffer.from('81cb000155555555', 'hex')],
    ['checks', () => Buffer.from(`000100002112a442${'55'.repeat(12)}`, 'hex')],
  ] as const) {
    await stage.call(async ({ port }) => {
      const floods = await Promise.all(
        [port, port + 1].map((to) =>
          floodUdp({ port: to, from: ['127.0.0.66', '127.0.0.67'], perSecond: 1000, make }),
        ),
      );
      try {
        await stage.call();
      } finally {
        const answers = floods.map((flood) => flood.answers().count);
        const sent = floods.map((flood) => flood.stop());
        assert.ok(Math.min(...sent) > 0);
        assert.deepEqual(answers, [0, 0], `${what}: nobody else is answered`);
      }
    });
  }
  await stillWell(stage, memory);
});

test('an address that was forged is not sent more than it is said to have sent', async (t) => {
  const stage = await besieged({ calls: { drainTimeout: '0s' } });
  t.after(() => stage.close());
  const make = (i: number, from: string) => strangeRequest('INVITE', i, from, WITH_SDP);
  const size = make(100, '127.0.0.66').length;
  const flood = await floodUdp({ port: stage.server.udp, from: ['127.0.0.66'], perSecond: 200, make });
  await pause(systemClock, FLOOD_MS);
  const { bytes, count } = flood.answers();
  const sent = flood.stop();
  assert.ok(count > 0 && count < sent, `${count} answers to ${sent} requests`);
  assert.ok(bytes < sent * size, `${bytes} bytes for ${sent * size}`);
});

test('a friend is answered while others hold TCP connections', { concurrency: 1 }, async (t) => {
  const stage = await besieged({ calls: { drainTimeout: '0s' } });
  t.after(() => stage.close());
  await stage.call();
  const { tcp } = stage.server;
  const request = strangeRequest('OPTIONS', 1, '127.0.0.66', `Content-Length: 0\r\n`).replace('/UDP', '/TCP');

  for (const [what, write] of [
    ['that say nothing', () => {}],
    ['that say a byte at a time', (socket) => socket.write('O')],
    ['that send headers without end', (socket) => socket.write(`X: ${'x'.repeat(4000)}\r\n`)],
    [
      'that announce a body and do not send it',
      (socket) => socket.write(request.replace('Length: 0', 'Length: 60000')),
    ],
    ['that ask and do not stop', (socket) => socket.write(request.repeat(50))],
    ['that are no SIP', (socket) => socket.write(Buffer.alloc(2000, 22))],
  ] as readonly [string, Parameters<typeof floodTcp>[0]['write']][]) {
    await t.test(`${what}: 150 from one address`, async () => {
      const before = stage.memory();
      const flood = floodTcp({ port: tcp, from: '127.0.0.66', connections: 150, write, everyMs: 100 });
      try {
        assert.ok((await friendCalls(stage, FLOOD_MS)) >= 1);
        // Those beyond a hundred.
        while (flood.closed() === 0) await pause(systemClock, 50);
      } finally {
        await flood.stop();
      }
      await stillWell(stage, before);
    });
  }
});
